import { createHash } from 'node:crypto';
import { defaultTemplate, TemplateChatFormat } from '../../runtime/policy/chat-format.ts';
import type { SampleRequest, Sampled, TokenPolicy, Tokenizer } from '../../runtime/policy/policy.ts';

const SPECIALS = ['<|endoftext|>', '<|im_start|>', '<|im_end|>'] as const;
const END_OF_TURN = 256 + SPECIALS.indexOf('<|im_end|>');

/** A policy without a model, which takes next to no time: always the same answer, its tokens are bytes, its logprobs made up. */
export class ScriptedPolicy implements TokenPolicy {
  readonly kind = 'tokens';
  readonly label = 'scripted';
  readonly contextLength = 1 << 20;
  readonly tokenizer: Tokenizer = new ByteTokenizer();
  readonly format = new TemplateChatFormat({ source: 'default ChatML', template: defaultTemplate, variables: {}, stopIds: new Set([END_OF_TURN]), file: 'scripted' });
  readonly version = 0;
  readonly #answer: number[];

  constructor(answer: string) {
    this.#answer = [...this.tokenizer.encode(answer), END_OF_TURN];
  }

  async sample({ sampling, onToken }: SampleRequest): Promise<Sampled> {
    const ids = this.#answer.slice(0, sampling.maxTokens);
    const logprobs = ids.map((id, index) => Math.fround(-(1 + (id * 31 + index * 17) % 96) / 97));
    ids.forEach((id, index) => onToken?.(id, logprobs[index]!));
    return { ids, logprobs, finish: ids.length < this.#answer.length ? 'length' : 'stop', version: this.version, cached: 0 };
  }

  async close(): Promise<void> {}
}

/** Bytes are tokens 0 to 255; the special tokens come after them. */
class ByteTokenizer implements Tokenizer {
  readonly size = 256 + SPECIALS.length;
  readonly sha256 = createHash('sha256').update(`bytes ${SPECIALS.join(' ')}`).digest('hex');

  encode(text: string): number[] {
    const ids: number[] = [];
    for (const piece of text.split(/(<\|endoftext\|>|<\|im_start\|>|<\|im_end\|>)/)) {
      const special = this.idOf(piece);
      if (special !== undefined) ids.push(special);
      else for (const byte of Buffer.from(piece)) ids.push(byte);
    }
    return ids;
  }

  decode(ids: readonly number[]): string {
    let text = '', from = 0;
    for (let at = 0; at <= ids.length; at++) {
      if (at < ids.length && ids[at]! < 256) continue;
      if (at > from) text += Buffer.from(ids.slice(from, at)).toString();
      if (at < ids.length) text += SPECIALS[ids[at]! - 256] ?? '';
      from = at + 1;
    }
    return text;
  }

  bytes(id: number): Uint8Array {
    return id < 256 ? Uint8Array.of(id) : Buffer.from(SPECIALS[id - 256] ?? '');
  }

  isSpecial(id: number): boolean {
    return id >= 256;
  }

  idOf(token: string): number | undefined {
    const special = SPECIALS.indexOf(token as typeof SPECIALS[number]);
    return special === -1 ? undefined : 256 + special;
  }
}
