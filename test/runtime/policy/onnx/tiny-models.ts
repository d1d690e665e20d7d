import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { concat, integer, message, text, type Field } from '../../../../runtime/policy/onnx/protobuf.ts';
import { TokenRandom } from '../../../../runtime/policy/random.ts';

/** Real small decoders with random weights, built here: no file of weights to keep, and every layout of attention there is. */
export interface TinyModel {
  /**
   * `grouped`: com.microsoft GroupQueryAttention. `windowed`: the same, over the last 40 tokens only. `dense`: attention written out over a
   * concatenated cache. `positionless`: dense, positions from the mask.
   */
  attention: 'grouped' | 'windowed' | 'dense' | 'positionless';
  /** The cache's numbers; half only where dense. */
  cache?: 'float32' | 'float16';
  context?: number;
  seed?: bigint;
  /** Makes every logit of prompts that contain this id not a number. */
  poison?: number;
  /** Weights in a file of their own, `model.onnx_data`. */
  apart?: boolean;
}

export const specials = ['<|endoftext|>', '<|im_start|>', '<|im_end|>'];
const vocabulary = 256 + specials.length, layers = 2, heads = 2, kvHeads = 1, width = 16, hidden = 32;

export async function writeTinyModel(options: TinyModel): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'tuning-fork-tiny-'));
  await mkdir(join(directory, 'onnx'));
  const json = (name: string, value: unknown): Promise<void> => writeFile(join(directory, name), JSON.stringify(value));
  await json('config.json', {
    model_type: 'qwen2', num_hidden_layers: layers, num_attention_heads: heads, num_key_value_heads: isGrouped(options) ? kvHeads : heads,
    hidden_size: hidden, max_position_embeddings: options.context ?? 512, vocab_size: vocabulary, eos_token_id: 258,
  });
  await json('tokenizer.json', byteTokenizer());
  await json('tokenizer_config.json', { eos_token: '<|im_end|>' });
  const { model, apart } = tinyDecoder(options);
  await writeFile(join(directory, 'onnx', 'model.onnx'), model);
  if (options.apart) await writeFile(join(directory, 'onnx', 'model.onnx_data'), apart);
  return directory;
}

export function byteTokenizer(): object {
  const printable = (byte: number): boolean => (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
  let next = 0x100;
  const characters = Array.from({ length: 256 }, (_, byte) => String.fromCharCode(printable(byte) ? byte : next++));
  const level = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: false, use_regex: false };
  return {
    version: '1.0', truncation: null, padding: null, normalizer: null, post_processor: null, pre_tokenizer: level, decoder: level,
    added_tokens: specials.map((content, index) => ({ id: 256 + index, content, special: true, single_word: false, lstrip: false, rstrip: false, normalized: false })),
    model: {
      type: 'BPE', dropout: null, unk_token: null, continuing_subword_prefix: '', end_of_word_suffix: '', fuse_unk: false, byte_fallback: false,
      vocab: Object.fromEntries([...characters, ...specials].map((token, id) => [token, id])), merges: [],
    },
  };
}

function isGrouped({ attention }: TinyModel): boolean {
  return attention === 'grouped' || attention === 'windowed';
}

function tinyDecoder(options: TinyModel): { model: Uint8Array; apart: Uint8Array } {
  const { attention, cache: cacheType = 'float32', context = 512, seed = 1n, poison } = options;
  const grouped = isGrouped(options);
  const graph = new Graph(seed, options.apart ?? false);
  const stored = grouped ? kvHeads : heads;
  const embedding = graph.random('embedding', vocabulary, hidden);
  const angles = Array.from({ length: context * width / 2 }, (_, at) => Math.floor(at / (width / 2)) / 1000 ** ((at % (width / 2)) / (width / 2)));
  const cos = graph.floats('cos', [context, width / 2], angles.map(Math.cos)), sin = graph.floats('sin', [context, width / 2], angles.map(Math.sin));
  const one = graph.integers('one', [1], [1]);
  const count = graph.add('Gather', [graph.add('Shape', ['input_ids']), one]), total = graph.add('Gather', [graph.add('Shape', ['attention_mask']), one]);
  const lengths = graph.add('Cast', [graph.add('Sub', [graph.add('ReduceSum', ['attention_mask', one], { keepdims: 1 }), one])], { to: 6 });
  const positions = attention !== 'positionless' ? 'position_ids' : graph.add('Expand', [graph.add('Unsqueeze', [
    graph.add('Range', [squeeze(graph, graph.add('Sub', [total, count])), squeeze(graph, total), graph.integers('step', [], [1])]), graph.integers('front', [1], [0])]), graph.add('Shape', ['input_ids'])]);
  const bias = grouped ? '' : causalBias(graph, count, total);

  let state = graph.add('Gather', [embedding, 'input_ids']);
  if (poison !== undefined) {
    const bad = graph.floats('bad', [], [Number.NaN]);
    const here = graph.add('Unsqueeze', [graph.add('Equal', ['input_ids', graph.integers('poison', [], [poison])]), graph.integers('last', [1], [2])]);
    state = graph.add('Where', [here, bad, state]);
  }
  const presents: string[] = [];
  for (let layer = 0; layer < layers; layer++) {
    const normed = graph.norm(state);
    const project = (to: number): string => graph.add('MatMul', [normed, graph.random('w', hidden, to)]);
    const q = project(heads * width), k = project(stored * width), v = project(stored * width);
    const past = [`past_key_values.${layer}.key`, `past_key_values.${layer}.value`], present = [`present.${layer}.key`, `present.${layer}.value`];
    presents.push(...present);
    let mixed: string;
    if (grouped) {
      const totalLength = squeeze(graph, graph.add('Cast', [total], { to: 6 }));
      mixed = graph.add('GroupQueryAttention', [q, k, v, ...past, lengths, totalLength, cos, sin],
        { num_heads: heads, kv_num_heads: stored, do_rotary: 1, ...(attention === 'windowed' && { local_window_size: 40 }) }, 'com.microsoft', present);
    } else {
      const rotate = (x: string): string => graph.add('RotaryEmbedding', [x, positions, cos, sin], { num_heads: heads }, 'com.microsoft');
      const split = (x: string): string => graph.add('Transpose', [graph.add('Reshape', [x, graph.integers('shape', [4], [0, 0, heads, width])])], { perm: [0, 2, 1, 3] });
      const [keys, values] = [split(rotate(k)), split(v)].map((fresh, which) => {
        if (cacheType === 'float32') return graph.add('Concat', [past[which]!, fresh], { axis: 2 }, '', [], present[which]);
        const all = graph.add('Concat', [past[which]!, graph.add('Cast', [fresh], { to: 10 })], { axis: 2 }, '', [], present[which]);
        return graph.add('Cast', [all], { to: 1 });
      }) as [string, string];
      const scores = graph.add('MatMul', [split(rotate(q)), graph.add('Transpose', [keys], { perm: [0, 1, 3, 2] })]);
      const scaled = graph.add('Mul', [scores, graph.floats('scale', [], [1 / Math.sqrt(width)])]);
      const shares = graph.add('Softmax', [graph.add('Add', [scaled, bias])], { axis: -1 });
      mixed = graph.add('Reshape', [graph.add('Transpose', [graph.add('MatMul', [shares, values])], { perm: [0, 2, 1, 3] }), graph.integers('flat', [3], [0, 0, heads * width])]);
    }
    state = graph.add('Add', [state, graph.add('MatMul', [mixed, graph.random('w', heads * width, hidden)])]);
    const inner = graph.add('Relu', [graph.add('MatMul', [graph.norm(state), graph.random('w', hidden, 64)])]);
    state = graph.add('Add', [state, graph.add('MatMul', [inner, graph.random('w', 64, hidden)])]);
  }
  graph.add('MatMul', [graph.norm(state), graph.add('Transpose', [embedding], { perm: [1, 0] })], {}, '', [], 'logits');
  const cache = presents.map((name) => name.replace('present', 'past_key_values'));
  const row = ['batch', 'sequence'];
  const model = graph.model(
    [['input_ids', 7, row], ['attention_mask', 7, ['batch', 'total']], ...(attention === 'positionless' ? [] : [['position_ids', 7, row] as Port]),
      ...cache.map((name): Port => [name, cacheType === 'float32' ? 1 : 10, ['batch', stored, 'past', width]])],
    [['logits', 1, ['batch', 'sequence', vocabulary]], ...presents.map((name): Port => [name, cacheType === 'float32' ? 1 : 10, ['batch', stored, 'total', width]])]);
  return { model, apart: graph.apart };
}

/** 0 where a token may look, a very negative number where it may not: [batch, 1, new, all]. */
function causalBias(graph: Graph, count: string, total: string): string {
  const range = (to: string): string => graph.add('Range', [graph.integers('from', [], [0]), squeeze(graph, to), graph.integers('by', [], [1])]);
  const places = graph.add('Add', [range(count), graph.add('Sub', [total, count])]);
  const causal = graph.add('LessOrEqual', [graph.add('Unsqueeze', [range(total), graph.integers('axis', [1], [0])]), graph.add('Unsqueeze', [places, graph.integers('axis', [1], [1])])]);
  const mask = graph.add('Cast', [graph.add('Unsqueeze', ['attention_mask', graph.integers('axes', [2], [1, 2])])], { to: 9 });
  return graph.add('Where', [graph.add('And', [causal, mask]), graph.floats('open', [], [0]), graph.floats('shut', [], [-1e38])]);
}

function squeeze(graph: Graph, value: string): string {
  return graph.add('Squeeze', [value]);
}

type Port = [name: string, type: number, shape: (string | number)[]];

/** Collects nodes and weights, then writes them as an ONNX model. */
class Graph {
  readonly #fields: Field[] = [];
  readonly #random: TokenRandom;
  readonly #keepApart: boolean;
  apart: Uint8Array = new Uint8Array();
  #drawn = 0;
  #names = 0;

  constructor(seed: bigint, keepApart: boolean) {
    this.#random = new TokenRandom(seed);
    this.#keepApart = keepApart;
  }

  add(type: string, inputs: string[], attributes: Record<string, number | number[]> = {}, domain = '', more: string[] = [], output = `v${this.#names++}`): string {
    this.#fields.push(message(1, ...inputs.map((name) => text(1, name)), text(2, output), ...more.map((name) => text(2, name)), text(3, `n${this.#names++}`),
      text(4, type), ...Object.entries(attributes).map(([name, value]) => attribute(name, value)), text(7, domain)));
    return output;
  }

  norm(state: string): string {
    return this.add('LayerNormalization', [state, this.floats('gain', [hidden], Array.from({ length: hidden }, () => 1))], { axis: -1 });
  }

  random(name: string, rows: number, columns: number): string {
    return this.floats(name, [rows, columns], Array.from({ length: rows * columns }, () => (this.#random.uniform(this.#drawn++) - 0.5) * 0.8));
  }

  floats(name: string, shape: number[], values: number[]): string {
    return this.#weight(name, shape, 1, new Uint8Array(Float32Array.from(values).buffer));
  }

  integers(name: string, shape: number[], values: number[]): string {
    return this.#weight(name, shape, 7, new Uint8Array(BigInt64Array.from(values.map(BigInt)).buffer));
  }

  #weight(name: string, shape: number[], type: number, raw: Uint8Array): string {
    const unique = `${name}.${this.#names++}`;
    const entry = (key: string, value: string | number): Field => message(13, text(1, key), text(2, String(value)));
    const data = this.#keepApart && type === 1
      ? [entry('location', 'model.onnx_data'), entry('offset', this.apart.length), entry('length', raw.length), integer(14, 1)]
      : [message(9, raw)];
    if (this.#keepApart && type === 1) this.apart = concat([this.apart, raw]);
    this.#fields.push(message(5, ...shape.map((size) => integer(1, size)), integer(2, type), text(8, unique), ...data));
    return unique;
  }

  model(inputs: Port[], outputs: Port[]): Uint8Array {
    const opset = (domain: string, version: number): Field => message(8, text(1, domain), integer(2, version));
    return concat([integer(1, 8), opset('', 17), opset('com.microsoft', 1),
      message(7, ...this.#fields, text(2, 'tiny'), ...inputs.map((port) => message(11, ...value(port))), ...outputs.map((port) => message(12, ...value(port))))]);
  }
}

function attribute(name: string, value: number | number[]): Field {
  const list = Array.isArray(value);
  return message(5, text(1, name), ...(list ? value.map((one) => integer(8, one)) : [signed(3, value)]), integer(20, list ? 7 : 2));
}

/** protobuf writes a negative number as the 64 bits of its two's complement. */
function signed(field: number, value: number): Field {
  return value >= 0 ? integer(field, value) : Uint8Array.of(field << 3, ...Array.from({ length: 9 }, (_, at) => Number((BigInt.asUintN(64, BigInt(value)) >> BigInt(7 * at)) & 0x7fn) | 0x80), 1);
}

function value([name, type, shape]: Port): Field[] {
  const dimensions = shape.map((size) => message(1, typeof size === 'number' ? integer(1, size) : text(2, size)));
  return [text(1, name), message(2, message(1, integer(1, type), message(2, ...dimensions)))];
}
