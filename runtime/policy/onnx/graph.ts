import { readFile } from 'node:fs/promises';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { TuningForkError } from '../../protocol/errors.ts';
import { BIAS, decodeModel, POSITIONS } from './decode-graph.ts';
import { extendModel, LAST_LOGITS, NEW_KEY_VALUES, NEW_SLOTS } from './extend-graph.ts';
import { copyTokens, Slab, type CacheShape, type Numbers, type Region } from './key-values.ts';
import type { ModelFiles } from './model-files.ts';

/** How a graph lays out sequences of different lengths in one batch. */
export type Layout =
  /** Grouped query attention takes each sequence at its own length; what lies behind it in the cache is never read. */
  | 'ragged'
  /** The whole cache is attended to and padding masked, so a batch holds sequences padded to one length. */
  | 'padded'
  /** Positions follow from the cache's length, so a batch holds sequences of exactly one length. */
  | 'equal'
  /** Our own rewriting of grouped query attention: the whole cache is read, padding is shut by a bias, the new token stands beside it. */
  | 'beside';

/** One run: `batch` sequences with `count` new tokens each. */
export interface Step {
  batch: number;
  count: number;
  ids: BigInt64Array;
  positions: BigInt64Array;
  past: Slab;
  /** Where tokens stand. `beside`: a bias, [batch, capacity]; else ones, [batch, capacity] where ragged, [batch, capacity + count] where not. */
  seen: BigInt64Array | Float32Array;
  /** Where in the graph's own cache output the new tokens of each sequence and head lie: pairs of head and place. Not for `beside`. */
  slots: BigInt64Array;
}

export interface StepResult {
  /** Of the last new token of each sequence. */
  logits(sequence: number): Float32Array;
  /** Keys and values of the new tokens of a sequence. */
  fresh(sequence: number): Region;
}

/** For a larger model its arithmetic takes the time, and its weights are not held twice. */
const smallModel = 64 * 2 ** 20;

/** A decoder's graph in ONNX Runtime. Knows tensors and nothing of requests. */
export class DecoderGraph {
  readonly layout: Layout;
  readonly cache: CacheShape;
  readonly contextLength: number;
  readonly #session: InferenceSession;
  readonly #pastNames: readonly string[];
  readonly #inputs: ReadonlySet<string>;
  /** For one new token each; where there is none the session does both. */
  #decode: InferenceSession | undefined;
  /** The cache as tensors, kept while the same slab and batch come again. */
  #pasts: { slab: Slab; batch: number; tensors: Record<string, Tensor> } | undefined;

  private constructor(session: InferenceSession, files: ModelFiles, grouped: boolean) {
    this.#session = session;
    this.#inputs = new Set(session.inputNames);
    this.#pastNames = cacheNames(files.config.layers, 'past_key_values');
    this.layout = grouped ? 'ragged' : this.#inputs.has('position_ids') ? 'padded' : 'equal';
    this.contextLength = files.config.contextLength;
    const key = session.inputMetadata.find((input) => input.name === this.#pastNames[0]);
    const shape = key?.isTensor ? key.shape : [];
    this.cache = {
      tensors: this.#pastNames.length,
      heads: typeof shape[1] === 'number' ? shape[1] : files.config.kvHeads,
      width: typeof shape[3] === 'number' ? shape[3] : files.config.headDim,
      type: key?.isTensor && key.type === 'float16' ? 'float16' : 'float32',
    };
  }

  static async open(files: ModelFiles, { threads }: { threads: number }): Promise<DecoderGraph> {
    const model = files.model ? Buffer.from(files.model.buffer, files.model.byteOffset, files.model.byteLength) : await readFile(files.graph);
    for (const name of [...cacheNames(files.config.layers, 'past_key_values').slice(0, 1), 'input_ids', 'attention_mask', 'logits']) {
      if (!model.includes(name)) {
        throw new TuningForkError('policy', `The graph has no "${name}", so it is not a decoder with a cache of keys and values.`, {
          where: { file: files.graph }, next: 'Export it with its past (task text-generation-with-past).',
        });
      }
    }
    const load = (bytes: Uint8Array): Promise<InferenceSession> => InferenceSession.create(bytes, {
      executionProviders: ['cpu'],
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      logSeverityLevel: 3,
      extra: { session: { model_external_initializers_file_folder_path: files.graphDirectory } },
    });
    const session = await load(extendModel(model, cacheNames(files.config.layers, 'present'))).catch((cause: unknown) => {
      throw new TuningForkError('policy', `ONNX Runtime cannot load the graph: ${firstLine(cause)}`, {
        where: { file: files.graph }, cause,
        next: 'Check that the file is whole, that its .onnx_data files lie beside it, and that config.json is that of this graph.',
      });
    });
    const graph = new DecoderGraph(session, files, model.includes('GroupQueryAttention'));
    const known = new Set([...graph.#pastNames, 'input_ids', 'attention_mask', 'position_ids', 'num_logits_to_keep', NEW_SLOTS]);
    const unknown = session.inputNames.filter((name) => !known.has(name));
    if (unknown.length > 0) {
      await session.release();
      throw new TuningForkError('policy', `The graph wants ${unknown.map((name) => `"${name}"`).join(', ')}, which a text decoder has no value for.`, {
        where: { file: files.graph }, next: 'Use a model whose inputs are input_ids, attention_mask, position_ids and past_key_values.',
      });
    }
    const rewritten = graph.layout === 'ragged' && files.bytes < smallModel ? decodeModel(model, graph.cache) : undefined;
    if (rewritten) await graph.#takeDecode(await load(rewritten));
    return graph;
  }

  /** How sequences that take one step each are laid out. */
  get decodeLayout(): Layout {
    return this.#decode ? 'beside' : this.layout;
  }

  /** The rewritten graph is used if it says what the model's own says: a model may do what the rewriting does not know of. */
  async #takeDecode(decode: InferenceSession): Promise<void> {
    const single = { batch: 1, positions: BigInt64Array.of(0n, 1n, 2n) };
    const slots = BigInt64Array.from({ length: this.cache.heads * 3 * 2 }, (_, at) => BigInt(at % 2 === 0 ? Math.floor(at / 6) : (at >> 1) % 3));
    const whole = await this.run({ ...single, count: 3, ids: BigInt64Array.of(0n, 1n, 2n), past: new Slab(this.cache, 1, 3), seen: BigInt64Array.of(1n, 1n, 1n), slots });
    const past = new Slab(this.cache, 1, 64);
    copyTokens(this.cache, whole.fresh(0), 0, past.region(0), 0, 2);
    const seen = new Float32Array(64).fill(SHUT, 2);
    this.#decode = decode;
    const last = await this.run({ batch: 1, count: 1, ids: BigInt64Array.of(2n), positions: BigInt64Array.of(2n), past, seen, slots }).catch(() => undefined);
    const wanted = whole.logits(0), size = Math.max(1, ...wanted.map(Math.abs));
    const agrees = last?.logits(0).every((logit, id) => Math.abs(logit - wanted[id]!) < 1e-3 * size);
    if (agrees) return;
    this.#decode = undefined;
    await decode.release();
  }

  async run(step: Step): Promise<StepResult> {
    const { batch, count, ids, positions, past, seen, slots } = step;
    const { heads, width, tensors } = this.cache;
    const feeds: Record<string, Tensor> = { ...this.#pastTensors(past, batch), input_ids: new Tensor('int64', ids, [batch, count]) };
    if (this.#inputs.has('num_logits_to_keep')) feeds.num_logits_to_keep = onlyLast;
    const beside = seen instanceof Float32Array;
    if (beside) {
      feeds[BIAS] = new Tensor('float32', seen, [batch, 1, 1, past.capacity]);
      feeds[POSITIONS] = new Tensor('int64', positions, [batch, count]);
    } else {
      feeds.attention_mask = new Tensor('int64', seen, [batch, seen.length / batch]);
      feeds[NEW_SLOTS] = new Tensor('int64', slots, [batch, heads * count, 2]);
      if (this.#inputs.has('position_ids')) feeds.position_ids = new Tensor('int64', positions, [batch, count]);
    }
    const outputs = await (beside ? this.#decode! : this.#session).run(feeds, [LAST_LOGITS, NEW_KEY_VALUES]);
    const logits = outputs[LAST_LOGITS]!.data as Float32Array;
    const fresh = cacheNumbers(outputs[NEW_KEY_VALUES]!);
    const vocabulary = logits.length / batch, size = heads * count * width;
    if (fresh.length !== tensors * batch * size) throw new TuningForkError('policy', 'The graph\'s keys and values have another shape than its configuration says.');
    return {
      logits: (sequence) => logits.subarray(sequence * vocabulary, (sequence + 1) * vocabulary),
      fresh: (sequence) => ({ data: fresh, base: sequence * size, stride: batch * size, capacity: count }),
    };
  }

  #pastTensors(slab: Slab, batch: number): Record<string, Tensor> {
    if (this.#pasts?.slab !== slab || this.#pasts.batch !== batch) {
      const { heads, width, type } = this.cache;
      const tensors = this.#pastNames.map((name, index) => [name, cacheTensor(type, slab.tensor(index, batch), [batch, heads, slab.capacity, width])]);
      this.#pasts = { slab, batch, tensors: Object.fromEntries(tensors) as Record<string, Tensor> };
    }
    return this.#pasts.tensors;
  }

  async close(): Promise<void> {
    await this.#decode?.release();
    await this.#session.release();
  }
}

/** A bias that shuts a place: no score comes near it. */
export const SHUT = -1e38;

/**
 * Halves as their bits. Where JavaScript has a Float16Array, Tensor insists on one, and onnxruntime-node 1.30 then finds no bytes in it;
 * it reads a tensor's fields only, so it gets those.
 */
function cacheTensor(type: CacheShape['type'], data: Numbers, dims: number[]): Tensor {
  return data instanceof Float32Array ? new Tensor(type, data, dims) : { type, data, dims, location: 'cpu' } as unknown as Tensor;
}

function cacheNumbers({ data }: Tensor): Numbers {
  const { buffer, byteOffset, length } = data as Numbers;
  return data instanceof Float32Array ? data : new Uint16Array(buffer, byteOffset, length);
}

const onlyLast = new Tensor('int64', BigInt64Array.of(1n), []);

function cacheNames(layers: number, prefix: string): string[] {
  return Array.from({ length: layers }, (_, layer) => [`${prefix}.${layer}.key`, `${prefix}.${layer}.value`]).flat();
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n')[0]!.slice(0, 400);
}
