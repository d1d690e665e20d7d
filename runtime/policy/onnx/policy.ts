import { availableParallelism } from 'node:os';
import { basename } from 'node:path';
import { Worker } from 'node:worker_threads';
import { errorInfo, fromErrorInfo, TuningForkError } from '../../protocol/errors.ts';
import { loadChatFormat } from '../chat-format.ts';
import type { ChatFormat, SampleRequest, Sampled, TokenPolicy, Tokenizer } from '../policy.ts';
import { loadTokenizer } from '../tokenizer.ts';
import type { EngineNews, EngineOptions, EngineStats, SampledToken } from './engine.ts';
import type { Layout } from './graph.ts';
import { findModel, type ModelFiles, type Precision } from './model-files.ts';
import { explainLoading } from './native.ts';
import type { FromThread, ThreadData, ToThread } from './thread-messages.ts';

export interface OnnxOptions extends Partial<EngineOptions> {
  label?: string;
  /** Which of the graphs in `onnx/`; the first of fp32, fp16, q8, q4 there is. */
  precision?: Precision;
  /** Threads of ONNX Runtime: one for small models, else as many as there are cores. */
  threads?: number;
}

export interface OnnxStats extends EngineStats {
  /** How steps are laid out; in each of them a sequence's tokens don't depend on what runs beside it, bit for bit. */
  layout: Layout;
}

/** A policy that samples here, from any decoder directory in the transformers.js layout. */
export async function openOnnxPolicy(directory: string, options: OnnxOptions = {}): Promise<OnnxPolicy> {
  const files = await findModel(directory, options.precision);
  const starting = startThread(files, options);
  try {
    const tokenizer = await loadTokenizer(directory);
    const format = await loadChatFormat(directory, tokenizer);
    return new OnnxPolicy({ files, tokenizer, format, options, ...await starting });
  } catch (error) {
    void starting.then(({ worker }) => worker.terminate(), () => undefined);
    throw error;
  }
}

interface Pending {
  request: SampleRequest;
  ids: number[];
  logprobs: number[];
  top?: { k: number; ids: number[]; logprobs: number[] };
  resolve(sampled: Sampled): void;
  reject(error: unknown): void;
  onAbort: () => void;
}

export class OnnxPolicy implements TokenPolicy {
  readonly kind = 'tokens';
  readonly label: string;
  readonly directory: string;
  readonly contextLength: number;
  readonly tokenizer: Tokenizer;
  readonly format: ChatFormat;
  readonly #options: OnnxOptions;
  readonly #files: ModelFiles;
  readonly #worker: Worker;
  readonly #layout: Layout;
  readonly #pending = new Map<number, Pending>();
  #stats: EngineStats = { prefilled: 0, cached: 0, sampled: 0, steps: 0, stepped: 0, running: 0, waiting: 0, cacheBytes: 0 };
  #version = 0;
  #calls = 0;
  #swap: { resolve: (version: number) => void; reject: (error: unknown) => void } | undefined;
  #closed: { done: Promise<void>; finish: () => void } | undefined;
  #broken: TuningForkError | undefined;

  constructor(parts: { files: ModelFiles; tokenizer: Tokenizer; format: ChatFormat; options: OnnxOptions; worker: Worker; layout: Layout }) {
    this.#options = parts.options;
    this.#files = parts.files;
    this.#worker = parts.worker;
    this.#layout = parts.layout;
    this.tokenizer = parts.tokenizer;
    this.format = parts.format;
    this.label = parts.options.label ?? basename(parts.files.directory);
    this.directory = parts.files.directory;
    this.contextLength = parts.files.config.contextLength;
    this.#worker.on('message', (message: FromThread) => this.#receive(message));
    this.#worker.on('error', (error) => this.#break(new TuningForkError('policy', `The sampler's thread ended: ${error.message}`, { cause: error })));
    this.#worker.on('exit', () => this.#break(new TuningForkError('policy', 'The policy is closed.')));
    this.#worker.unref();
  }

  get version(): number {
    return this.#version;
  }

  stats(): OnnxStats {
    return { ...this.#stats, layout: this.#layout };
  }

  sample(request: SampleRequest): Promise<Sampled> {
    const { prompt, sampling, stopIds, key, top = 0, signal } = request;
    return new Promise((resolve, reject) => {
      if (this.#broken || this.#closed) throw this.#broken ?? new TuningForkError('policy', 'The policy is closed.');
      signal?.throwIfAborted();
      this.#check(prompt);
      const id = this.#calls++;
      const onAbort = (): void => {
        this.#send({ type: 'cancel', call: id });
        this.#settle(id)?.reject(signal!.reason);
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#pending.set(id, { request, ids: [], logprobs: [], resolve, reject, onAbort, ...(top > 0 && { top: { k: top, ids: [], logprobs: [] } }) });
      this.#worker.ref();
      this.#send({
        type: 'call',
        call: {
          id, key, top, stopIds,
          prompt: Int32Array.from(prompt),
          temperature: sampling.temperature, topP: sampling.topP, topK: sampling.topK,
          maxTokens: Math.min(sampling.maxTokens, this.contextLength - prompt.length),
        },
      });
    });
  }

  /** Takes new weights from a directory of the same model, or from the bytes of its graph. Running calls may end first; cached keys and values are dropped. */
  async swap(source: string | Uint8Array, { waitMs = 30_000, version = this.#version + 1 } = {}): Promise<number> {
    if (this.#swap) throw new TuningForkError('policy', 'The weights are being swapped already.');
    const files = typeof source === 'string' ? await findModel(source, this.#options.precision) : { ...this.#files, model: source };
    return new Promise((resolve, reject) => {
      this.#swap = { resolve, reject };
      this.#worker.ref();
      this.#send({ type: 'swap', files, version, waitMs });
    });
  }

  close(): Promise<void> {
    if (!this.#closed) {
      let finish!: () => void;
      const done = new Promise<void>((resolve) => { finish = resolve; });
      this.#closed = { done, finish };
      for (const id of this.#pending.keys()) this.#settle(id)?.reject(new TuningForkError('policy', 'The policy was closed before this call ended.'));
      this.#worker.ref();
      if (this.#broken) finish();
      else this.#send({ type: 'close' });
    }
    return this.#closed.done;
  }

  #check(prompt: readonly number[]): void {
    if (prompt.length === 0) throw new TuningForkError('model-request', 'The prompt is empty.');
    if (prompt.length >= this.contextLength) {
      throw new TuningForkError('context-length', `The prompt has ${prompt.length} tokens, and ${this.label} can hold ${this.contextLength} with its answer.`, {
        next: 'Shorten the conversation, or use a model with a longer context.',
      });
    }
    for (const id of prompt) {
      if (!Number.isInteger(id) || id < 0 || id >= this.tokenizer.size) {
        throw new TuningForkError('model-request', `The prompt has the token id ${id}, which ${this.label} does not know.`, {
          next: 'Encode the prompt with this policy\'s own tokenizer.',
        });
      }
    }
  }

  #send(message: ToThread): void {
    this.#worker.postMessage(message);
  }

  #receive(message: FromThread): void {
    switch (message.type) {
      case 'news': return this.#hear(message.news);
      case 'swapped': {
        const swap = this.#swap;
        this.#swap = undefined;
        this.#rest();
        if (message.error) return swap?.reject(fromErrorInfo(message.error));
        this.#version = message.version;
        return swap?.resolve(message.version);
      }
      case 'ready': case 'closed': case 'broken': return;
    }
  }

  #hear({ tokens, ended, failed, stats }: EngineNews): void {
    this.#stats = stats;
    for (const token of tokens) this.#take(token);
    for (const { call, finish, cached, version } of ended) {
      const pending = this.#settle(call);
      pending?.resolve({ ids: pending.ids, logprobs: pending.logprobs, top: pending.top, finish, cached, version });
    }
    for (const { call, error } of failed) this.#settle(call)?.reject(fromErrorInfo(error));
  }

  #take({ call, token, logprob, top, cached, version }: SampledToken): void {
    const pending = this.#pending.get(call);
    if (!pending) return;
    pending.ids.push(token);
    pending.logprobs.push(logprob);
    if (top && pending.top) {
      pending.top.ids.push(...top.ids);
      pending.top.logprobs.push(...top.logprobs);
    }
    try {
      if (pending.request.onToken?.(token, logprob, { top, cached, version }) !== true) return;
      pending.resolve({ ids: pending.ids, logprobs: pending.logprobs, top: pending.top, finish: 'stop', cached, version });
    } catch (error) {
      pending.reject(error);
    }
    this.#settle(call);
    this.#send({ type: 'cancel', call });
  }

  #settle(call: number): Pending | undefined {
    const pending = this.#pending.get(call);
    if (!pending) return undefined;
    this.#pending.delete(call);
    pending.request.signal?.removeEventListener('abort', pending.onAbort);
    this.#rest();
    return pending;
  }

  /** An idle policy does not keep the process alive. */
  #rest(): void {
    if (this.#pending.size === 0 && !this.#swap && !this.#closed) this.#worker.unref();
  }

  #break(error: TuningForkError): void {
    this.#broken ??= error;
    for (const id of this.#pending.keys()) this.#settle(id)?.reject(this.#broken);
    this.#swap?.reject(this.#broken);
    this.#closed?.finish();
  }
}

async function startThread(files: ModelFiles, options: OnnxOptions): Promise<{ worker: Worker; layout: Layout }> {
  const data: ThreadData = {
    files,
    threads: options.threads ?? (files.bytes > 64 * 2 ** 20 ? availableParallelism() : 1),
    options: {
      maxBatch: options.maxBatch ?? 32,
      batchBytes: options.batchBytes ?? 2 ** 30,
      prefillTokens: options.prefillTokens ?? 256,
      cacheBytes: options.cacheBytes ?? 2 ** 28,
    },
  };
  const worker = new Worker(new URL('./thread.ts', import.meta.url), { workerData: data, name: 'tuning-fork onnx' });
  return new Promise((resolve, reject) => {
    worker.once('message', (message: FromThread) => {
      if (message.type === 'ready') return resolve({ worker, layout: message.layout });
      reject(fromErrorInfo(message.type === 'broken' ? message.error : errorInfo(new Error('The sampler\'s thread did not start.'))));
      void worker.terminate();
    });
    worker.once('error', (error) => reject(explainLoading(error)));
  });
}
