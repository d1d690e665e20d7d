import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { TuningForkError } from '../protocol/errors.ts';
import { defaultTemplate, TemplateChatFormat } from './chat-format.ts';
import type { SampleRequest, Sampled, TokenPolicy, Tokenizer } from './policy.ts';

/** What a scripted policy answers: the prompt as text, its ids, and how many calls there were before. */
export type Script = (prompt: string, ids: readonly number[], call: number) => string;

export interface ScriptedOptions {
  contextLength?: number;
  /** Waited before each token. */
  tokenDelayMs?: number;
}

/** A policy without a model, for tests: it says what a function tells it to. Its tokens are bytes, its logprobs made up but always the same. */
export function scriptedPolicy(name: string, script: Script, options: ScriptedOptions = {}): TokenPolicy {
  return new ScriptedPolicy(name, script, options);
}

const specials = ['<|endoftext|>', '<|im_start|>', '<|im_end|>'] as const;
const endOfTurn = 256 + specials.indexOf('<|im_end|>');

class ScriptedPolicy implements TokenPolicy {
  readonly kind = 'tokens';
  readonly label: string;
  readonly contextLength: number;
  readonly tokenizer: Tokenizer = new ByteTokenizer();
  readonly format = new TemplateChatFormat({ source: 'default ChatML', template: defaultTemplate, variables: {}, stopIds: new Set([endOfTurn]), file: 'scripted' });
  readonly version = 0;
  readonly #script: Script;
  readonly #tokenDelayMs: number;
  #calls = 0;

  constructor(name: string, script: Script, { contextLength = 1 << 20, tokenDelayMs = 0 }: ScriptedOptions) {
    this.label = `scripted:${name}`;
    this.contextLength = contextLength;
    this.#script = script;
    this.#tokenDelayMs = tokenDelayMs;
  }

  async sample({ prompt, sampling, stopIds, top = 0, signal, onToken }: SampleRequest): Promise<Sampled> {
    signal?.throwIfAborted();
    if (prompt.length >= this.contextLength) {
      throw new TuningForkError('context-length', `The prompt has ${prompt.length} tokens, and ${this.label} can hold ${this.contextLength} with its answer.`);
    }
    const answer = this.tokenizer.encode(this.#script(this.tokenizer.decode(prompt), prompt, this.#calls++));
    if (!stopIds.has(answer.at(-1) ?? -1)) answer.push(endOfTurn);
    const limit = Math.min(sampling.maxTokens, this.contextLength - prompt.length);
    const sampled: Sampled = { ids: [], logprobs: [], finish: 'length', version: this.version, cached: 0, ...(top > 0 && { top: { k: top, ids: [], logprobs: [] } }) };
    for (const id of answer) {
      if (sampled.ids.length === limit) return sampled;
      if (this.#tokenDelayMs > 0) await sleep(this.#tokenDelayMs, undefined, { signal }).catch(() => signal?.throwIfAborted());
      const logprob = Math.fround(-(1 + (id * 31 + sampled.ids.length * 17) % 96) / 97);
      sampled.ids.push(id);
      sampled.logprobs.push(logprob);
      for (let rank = 0; rank < top; rank++) {
        sampled.top!.ids.push((id + rank) % this.tokenizer.size);
        sampled.top!.logprobs.push(Math.fround(logprob - rank));
      }
      if (onToken?.(id, logprob) === true || stopIds.has(id)) return { ...sampled, finish: 'stop' };
    }
    return { ...sampled, finish: 'stop' };
  }

  async close(): Promise<void> {}
}

/** Bytes are tokens 0 to 255; the special tokens come after them. */
class ByteTokenizer implements Tokenizer {
  readonly size = 256 + specials.length;
  readonly sha256 = createHash('sha256').update(`bytes ${specials.join(' ')}`).digest('hex');

  encode(text: string): number[] {
    const ids: number[] = [];
    for (const piece of text.split(/(<\|endoftext\|>|<\|im_start\|>|<\|im_end\|>)/)) {
      const special = specials.indexOf(piece as typeof specials[number]);
      if (special >= 0) ids.push(256 + special);
      else for (const byte of Buffer.from(piece)) ids.push(byte);
    }
    return ids;
  }

  decode(ids: readonly number[]): string {
    let text = '', from = 0;
    for (let at = 0; at <= ids.length; at++) {
      if (at < ids.length && ids[at]! < 256) continue;
      if (at > from) text += Buffer.from(ids.slice(from, at)).toString();
      if (at < ids.length) text += specials[ids[at]! - 256] ?? '';
      from = at + 1;
    }
    return text;
  }

  bytes(id: number): Uint8Array {
    return id < 256 ? Uint8Array.of(id) : Buffer.from(specials[id - 256] ?? '');
  }

  isSpecial(id: number): boolean {
    return id >= 256;
  }

  idOf(token: string): number | undefined {
    const special = specials.indexOf(token as typeof specials[number]);
    return special >= 0 ? 256 + special : undefined;
  }
}
