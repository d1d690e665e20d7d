import { fromErrorInfo, TuningForkError } from '../protocol/errors.ts';
import type { SampleBody, SampleLine, TrainerInfo } from '../protocol/trainer.ts';
import { TrainerConnection, type AddressSource } from '../trainers/connection.ts';
import { loadChatFormat } from './chat-format.ts';
import type { ChatFormat, SampleRequest, Sampled, TokenPolicy, Tokenizer } from './policy.ts';
import { loadTokenizer } from './tokenizer.ts';

export interface TrainerPolicyOptions {
  /** Absent: what the trainer calls its model. */
  label?: string | undefined;
  /** Sample from a stored checkpoint and not from the weights in training. */
  checkpoint?: string;
  /** Of its tokenizer and chat template, for a trainer on another machine. */
  directory?: string;
}

/** A policy that samples in a trainer, from the weights it is training. */
export async function trainerPolicy(address: AddressSource, options: TrainerPolicyOptions = {}): Promise<TokenPolicy> {
  const connection = new TrainerConnection(address);
  try {
    const info = await connection.info();
    const directory = options.directory ?? info.directory;
    const tokenizer = await loadTokenizer(directory);
    if (tokenizer.sha256 !== info.tokenizerSha256) {
      throw new TuningForkError('trainer', 'The trainer uses another tokenizer than the one in its folder.', { where: { file: directory }, next: 'Restart the trainer.' });
    }
    return new TrainerPolicy(connection, info, tokenizer, await loadChatFormat(directory, tokenizer), options);
  } catch (error) {
    connection.close();
    throw error;
  }
}

class TrainerPolicy implements TokenPolicy {
  readonly kind = 'tokens';
  readonly label: string;
  readonly contextLength: number;
  readonly tokenizer: Tokenizer;
  readonly format: ChatFormat;
  readonly #connection: TrainerConnection;
  readonly #checkpoint: string | undefined;
  #version: number;

  constructor(connection: TrainerConnection, info: TrainerInfo, tokenizer: Tokenizer, format: ChatFormat, { label, checkpoint }: TrainerPolicyOptions) {
    this.#connection = connection;
    this.#checkpoint = checkpoint;
    this.#version = info.version;
    this.label = label ?? (checkpoint === undefined ? info.model : `${info.model}@${checkpoint}`);
    this.contextLength = info.context;
    this.tokenizer = tokenizer;
    this.format = format;
  }

  get version(): number {
    return this.#version;
  }

  async sample({ prompt, sampling, stopIds, key, top, signal, onToken }: SampleRequest): Promise<Sampled> {
    const body: SampleBody = { prompt: [...prompt], sampling, stopIds: [...stopIds], key: String(key), top, checkpoint: this.#checkpoint };
    const sampled: Sampled = { ids: [], logprobs: [], finish: 'stop', version: this.#version, cached: 0, ...(top && { top: { k: top, ids: [], logprobs: [] } }) };
    let ended = false;
    await this.#connection.lines<SampleLine>('/v1/sample', { json: body }, (line) => {
      if ('error' in line) throw fromErrorInfo(line.error);
      if ('done' in line) {
        Object.assign(sampled, line.done);
        ended = true;
        return;
      }
      sampled.version = line.version ?? sampled.version;
      sampled.cached = line.cached ?? sampled.cached;
      for (const [index, id] of line.ids.entries()) {
        const logprob = line.logprobs[index]!;
        sampled.ids.push(id);
        sampled.logprobs.push(logprob);
        if (sampled.top && line.top) {
          const { k, ids, logprobs } = sampled.top;
          ids.push(...line.top.ids.slice(index * k, index * k + k));
          logprobs.push(...line.top.logprobs.slice(index * k, index * k + k));
        }
        ended = onToken?.(id, logprob, { cached: sampled.cached, version: sampled.version }) === true;
        if (ended) return true;
      }
    }, { signal });
    if (!ended) throw new TuningForkError('trainer-gone', 'The trainer ended its answer before the last token.', { next: 'Send the call again.' });
    this.#version = sampled.version;
    return sampled;
  }

  async close(): Promise<void> {
    this.#connection.close();
  }
}
