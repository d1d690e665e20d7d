import { errorInfo, TuningForkError, type ErrorInfo } from '../../protocol/errors.ts';
import { TokenRandom } from '../random.ts';
import { DecodeBatch, type Member } from './decode-batch.ts';
import type { DecoderGraph, StepResult } from './graph.ts';
import { bytesPerToken, copyTokens, Slab, type Region } from './key-values.ts';
import { PrefixCache } from './prefix-cache.ts';
import { TokenSampler, type Choice } from './sampling.ts';

/** One call, as plain data. */
export interface EngineCall extends Choice {
  id: number;
  prompt: Int32Array;
  maxTokens: number;
  stopIds: ReadonlySet<number>;
  key: bigint;
}

export interface SampledToken {
  call: number;
  token: number;
  logprob: number;
  top?: { ids: number[]; logprobs: number[] };
  cached: number;
  version: number;
}

export interface Ended {
  call: number;
  finish: 'stop' | 'length';
  cached: number;
  version: number;
}

/** What the engine tells while it works: after a step, in the order in which it happened. */
export interface EngineNews {
  tokens: SampledToken[];
  ended: Ended[];
  failed: { call: number; error: ErrorInfo }[];
  stats: EngineStats;
}

/** Counted since the policy was opened. */
export interface EngineStats {
  /** Prompt tokens the graph was run on. */
  prefilled: number;
  /** Prompt tokens whose keys and values were there already. */
  cached: number;
  sampled: number;
  /** Runs of the graph with one token per sequence, and how many sequences took part in all of them together. */
  steps: number;
  stepped: number;
  running: number;
  waiting: number;
  cacheBytes: number;
}

export interface EngineOptions {
  /** Sequences that take steps together. */
  maxBatch: number;
  /** The most the keys and values of these may grow to. */
  batchBytes: number;
  /** Prompt tokens that are run between two steps of the running sequences. */
  prefillTokens: number;
  /** For the keys and values of sequences that have ended. */
  cacheBytes: number;
}

/** A small model samples faster than it is worth telling of each token. */
const tellEveryMs = 1;

interface Sequence extends Member {
  call: EngineCall;
  random: TokenRandom;
  /** Prompt and sampled tokens. */
  tokens: Int32Array;
  count: number;
  cached: number;
  batch?: DecodeBatch<Sequence>;
}

/** A prompt whose keys and values are being computed. */
interface Prefilling {
  call: EngineCall;
  cached: number;
  done: number;
  values: Slab;
}

/**
 * Continuous batching: one loop that prefills waiting calls and steps the running ones, which join and leave at any step. What a
 * sequence samples depends on its prompt, its key and the weights alone.
 */
export class Engine {
  readonly #options: EngineOptions;
  readonly #tell: (news: EngineNews) => void;
  readonly #waiting: EngineCall[] = [];
  readonly #batches = new Set<DecodeBatch<Sequence>>();
  readonly #cancelled = new Set<number>();
  readonly #counts = { prefilled: 0, cached: 0, sampled: 0, steps: 0, stepped: 0 };
  #graph: DecoderGraph;
  #cache: PrefixCache;
  #sampler: TokenSampler | undefined;
  #prefilling: Prefilling | undefined;
  #news: Omit<EngineNews, 'stats'> = { tokens: [], ended: [], failed: [] };
  #told = 0;
  #version = 0;
  #loop: Promise<void> | undefined;
  #paused = false;

  constructor(graph: DecoderGraph, options: EngineOptions, tell: (news: EngineNews) => void) {
    this.#graph = graph;
    this.#options = options;
    this.#tell = tell;
    this.#cache = new PrefixCache(graph.cache, options.cacheBytes);
  }

  submit(call: EngineCall): void {
    this.#waiting.push(call);
    this.#wake();
  }

  cancel(call: number): void {
    this.#cancelled.add(call);
    this.#wake();
  }

  /** New weights: running calls end first, those still running after `waitMs` are refused, and what was cached is dropped. */
  async swap(graph: DecoderGraph, version: number, waitMs: number): Promise<void> {
    this.#paused = true;
    const deadline = setTimeout(() => {
      for (const call of this.#begun()) {
        this.#fail(call.id, swapped());
        this.#cancelled.add(call.id);
      }
    }, waitMs);
    await this.#loop;
    clearTimeout(deadline);
    const old = this.#graph;
    this.#graph = graph;
    this.#version = version;
    this.#cache = new PrefixCache(graph.cache, this.#options.cacheBytes);
    this.#paused = false;
    await old.close();
    this.#wake();
  }

  async close(): Promise<void> {
    this.#waiting.length = 0;
    for (const call of this.#begun()) this.#cancelled.add(call.id);
    await this.#loop;
    await this.#graph.close();
  }

  #sequences(): Sequence[] {
    return [...this.#batches].flatMap((batch) => batch.members);
  }

  #begun(): EngineCall[] {
    const calls = this.#sequences().map((sequence) => sequence.call);
    return this.#prefilling ? [...calls, this.#prefilling.call] : calls;
  }

  #wake(): void {
    this.#loop ??= this.#work();
  }

  async #work(): Promise<void> {
    await new Promise(setImmediate);  // calls that arrive together start together
    for (;;) {
      this.#dropCancelled();
      await this.#prefill();
      for (const batch of this.#batches) await this.#step(batch);
      this.#report();
      const idle = this.#batches.size === 0 && !this.#prefilling;
      if (idle && (this.#paused || this.#waiting.length === 0)) {
        this.#loop = undefined;  // in the same breath as the decision: whoever submits next starts a new loop
        return;
      }
    }
  }

  #dropCancelled(): void {
    if (this.#cancelled.size === 0) return;
    const isCancelled = (call: EngineCall): boolean => this.#cancelled.has(call.id);
    for (const sequence of this.#sequences()) if (isCancelled(sequence.call)) this.#leave(sequence);
    for (let at = this.#waiting.length - 1; at >= 0; at--) if (isCancelled(this.#waiting[at]!)) this.#waiting.splice(at, 1);
    if (this.#prefilling && isCancelled(this.#prefilling.call)) this.#prefilling = undefined;
    this.#cancelled.clear();
  }

  /** Runs waiting prompts, as many tokens as fit between two steps. */
  async #prefill(): Promise<void> {
    let budget = this.#options.prefillTokens;
    while (budget > 0) {
      if (!this.#prefilling) {
        if (this.#paused || this.#waiting.length === 0 || !this.#hasRoom(this.#waiting[0]!)) return;
        this.#begin(this.#waiting.shift()!);
        continue;
      }
      budget -= await this.#prefillChunk(this.#prefilling, budget);
    }
  }

  #hasRoom(call: EngineCall): boolean {
    const running = this.#sequences();
    if (running.length === 0) return true;
    const longest = Math.max(call.prompt.length + call.maxTokens, ...running.map((sequence) => sequence.tokens.length));
    const bytes = (running.length + 1) * longest * bytesPerToken(this.#graph.cache);
    return running.length < this.#options.maxBatch && bytes <= this.#options.batchBytes;
  }

  #begin(call: EngineCall): void {
    const match = this.#cache.find(call.prompt);
    const cached = match.logits ? call.prompt.length : Math.min(match.length, call.prompt.length - 1);  // the last token is run for its logits
    this.#counts.cached += cached;
    const values = new Slab(this.#graph.cache, 1, cached);
    if (cached > 0) match.copyTo(values.region(0), cached);
    if (match.logits) this.#start(call, values, cached, match.logits);
    else this.#prefilling = { call, cached, done: cached, values };
  }

  async #prefillChunk(prefilling: Prefilling, budget: number): Promise<number> {
    const { call, done, values } = prefilling;
    const { cache, layout } = this.#graph;
    const { start, count } = chunk(done, call.prompt.length, budget);
    const total = start + count;
    const grown = resized(values, start, total);
    const slots = new BigInt64Array(cache.heads * count * 2);
    for (let head = 0, at = 0; head < cache.heads; head++) {
      for (let token = start; token < total; token++) {
        slots[at++] = BigInt(head);
        slots[at++] = BigInt(token);
      }
    }
    const positions = BigInt64Array.from({ length: count }, (_, index) => BigInt(start + index));
    const ids = BigInt64Array.from({ length: count }, (_, index) => BigInt(call.prompt[start + index]!));
    const seen = new BigInt64Array(total).fill(1n);
    const past = layout === 'ragged' ? grown : resized(values, start, start);
    let result: StepResult;
    try {
      result = await this.#graph.run({ batch: 1, count, ids, positions, seen, slots, past });
    } catch (error) {
      this.#prefilling = undefined;
      this.#fail(call.id, error);
      return count;
    }
    copyTokens(cache, result.fresh(0), 0, grown.region(0), start, count);
    this.#counts.prefilled += total - done;
    prefilling.done = total;
    prefilling.values = grown;
    if (total === call.prompt.length) {
      this.#prefilling = undefined;
      const logits = result.logits(0).slice();
      this.#cache.insert(call.prompt, grown.region(0), logits);
      if (!this.#cancelled.has(call.id)) this.#start(call, grown, prefilling.cached, logits);
    }
    return count;
  }

  /** The first token is sampled from the prompt's logits; then the sequence joins the others. */
  #start(call: EngineCall, values: Slab, cached: number, logits: Float32Array): void {
    const tokens = new Int32Array(call.prompt.length + call.maxTokens);
    tokens.set(call.prompt);
    const sequence: Sequence = { call, random: new TokenRandom(call.key), tokens, count: call.prompt.length, cached, length: call.prompt.length, next: -1 };
    if (this.#sample(sequence, logits)) this.#join(sequence, values.region(0));
  }

  #join(sequence: Sequence, values: Region): void {
    const capacity = DecodeBatch.capacityFor(this.#graph, sequence.length);
    let batch = [...this.#batches].find((other) => DecodeBatch.mixesLengths(this.#graph) || other.capacity === capacity);
    if (!batch) this.#batches.add(batch = new DecodeBatch<Sequence>(this.#graph, capacity));
    batch.add(sequence, values);
    sequence.batch = batch;
  }

  async #step(batch: DecodeBatch<Sequence>): Promise<void> {
    const members = [...batch.members];
    let result: StepResult;
    try {
      result = await batch.step();
    } catch (error) {
      for (const sequence of members) {
        this.#fail(sequence.call.id, error);
        this.#leave(sequence, false);
      }
      return;
    }
    this.#counts.steps++;
    this.#counts.stepped += members.length;
    members.forEach((sequence, slot) => {
      if (this.#cancelled.has(sequence.call.id)) return;
      if (!this.#sample(sequence, result.logits(slot))) this.#leave(sequence);
      else if (this.#graph.decodeLayout === 'padded' && DecodeBatch.capacityFor(this.#graph, sequence.length) !== batch.capacity) {
        this.#join(sequence, batch.region(sequence));
        batch.remove(sequence);
      }
    });
    if (batch.members.length === 0) this.#batches.delete(batch);
  }

  /** Samples the next token. Whether the sequence goes on. */
  #sample(sequence: Sequence, logits: Float32Array): boolean {
    const { call } = sequence;
    const number = sequence.count - call.prompt.length;
    this.#sampler ??= new TokenSampler(logits.length);
    const chosen = this.#sampler.choose(logits, call, sequence.random.uniform(number));
    if (!chosen) {
      this.#fail(call.id, new TuningForkError('non-finite', `The model's logits for token ${number + 1} of this answer are not all finite numbers.`, {
        next: 'The weights have diverged or the file is damaged: go back to an earlier checkpoint, or copy the model again.',
      }));
      return false;
    }
    sequence.tokens[sequence.count++] = chosen.id;
    sequence.next = chosen.id;
    this.#counts.sampled++;
    this.#news.tokens.push({ call: call.id, token: chosen.id, logprob: chosen.logprob, top: chosen.top, cached: sequence.cached, version: this.#version });
    const finish = call.stopIds.has(chosen.id) ? 'stop' : number + 1 === call.maxTokens ? 'length' : undefined;
    if (finish) this.#news.ended.push({ call: call.id, finish, cached: sequence.cached, version: this.#version });
    return finish === undefined;
  }

  /** The sequence's slot is free; what it knows stays for the next turn. */
  #leave(sequence: Sequence, keep = true): void {
    const { batch } = sequence;
    if (!batch) return;
    if (keep) this.#cache.insert(sequence.tokens.slice(0, sequence.length), batch.region(sequence));
    batch.remove(sequence);
    sequence.batch = undefined;
    if (batch.members.length === 0) this.#batches.delete(batch);
  }

  #fail(call: number, error: unknown): void {
    this.#news.failed.push({ call, error: errorInfo(error, 'policy') });
  }

  #report(): void {
    const { tokens, ended, failed } = this.#news;
    if (tokens.length === 0 && ended.length === 0 && failed.length === 0) return;
    const now = performance.now();
    if (ended.length === 0 && failed.length === 0 && now - this.#told < tellEveryMs) return;
    this.#told = now;
    this.#news = { tokens: [], ended: [], failed: [] };
    const stats = { ...this.#counts, running: this.#sequences().length, waiting: this.#waiting.length, cacheBytes: this.#cache.bytes };
    this.#tell({ tokens, ended, failed, stats });
  }
}

/**
 * The next tokens of a prompt to run. ONNX Runtime's attention takes rows in blocks and a block of one row by other kernels, with
 * other last bits: so that it does not matter how a prompt was cut or how much of it was cached, no run leaves a single row over.
 */
function chunk(done: number, length: number, budget: number): { start: number; count: number } {
  const count = Math.min(length - done, Math.max(2, budget));
  if (count % 16 !== 1) return { start: done, count };
  if (count > 1) return { start: done, count: count - 1 };
  return done > 0 ? { start: done - 1, count: 2 } : { start: 0, count: 1 };
}

function resized(slab: Slab, used: number, capacity: number): Slab {
  const other = new Slab(slab.shape, 1, capacity);
  copyTokens(slab.shape, slab.region(0), 0, other.region(0), 0, used);
  return other;
}

function swapped(): TuningForkError {
  return new TuningForkError('swapped', 'The call was still running when the weights changed, so it was dropped.', { next: 'Send it again.' });
}
