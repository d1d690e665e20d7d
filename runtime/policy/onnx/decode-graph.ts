import { LAST_LOGITS, lastLogits, NEW_KEY_VALUES } from './extend-graph.ts';
import type { CacheShape } from './key-values.ts';
import { Attribute, ElementType, Graph, input, integers, Model, Node, node, output } from './onnx-format.ts';
import { concat, message, readFields, type Field } from './protobuf.ts';

/**
 * ONNX Runtime's GroupQueryAttention clears and copies the whole cache of every sequence at every step: most of the time of a step of
 * many sequences. For such steps the model is rewritten: each of these nodes becomes plain attention that reads the cache where it
 * lies and takes the one new token beside it. Inputs of its own: the new token's positions, and a bias that shuts what isn't there.
 */
export const POSITIONS = 'tuning_fork.positions';
export const BIAS = 'tuning_fork.bias';

/** The rewritten model, or nothing if it does more than this rewriting knows. */
export function decodeModel(model: Uint8Array, cache: CacheShape): Uint8Array | undefined {
  if (cache.type !== 'float32') return undefined;
  const modelFields = [...readFields(model)];
  const graphs = modelFields.filter((field) => field.number === Model.graph);
  if (graphs.length !== 1) return undefined;
  const fields = [...readFields(graphs[0]!.bytes)];
  const nodes = fields.filter((field) => field.number === Graph.node).map(({ raw, bytes }) => readNode(raw, bytes));

  const fresh: string[] = [];
  const written: WrittenNode[] = [];
  for (const one of nodes) {
    if (one.type !== 'GroupQueryAttention') {
      written.push(one);
      continue;
    }
    const plain = plainAttention(one, cache.width, `tuning_fork.${fresh.length}.`);
    if (!plain) return undefined;
    written.push(...plain.nodes);
    fresh.push(plain.key, plain.value);
  }
  if (fresh.length !== cache.tensors) return undefined;
  const ends = [...lastLogits(), node('Concat', fresh, [NEW_KEY_VALUES], { integers: { axis: 0 } })];

  const needed = live([...written, ...ends.flatMap(asNode)], [LAST_LOGITS, NEW_KEY_VALUES]);
  const kept = fields.filter(({ number, bytes }) => number !== Graph.node && number !== Graph.output && (number !== Graph.input || needed.names.has(nameOf(bytes))));
  return concat([...modelFields.filter((field) => field.number !== Model.graph).map((field) => field.raw), message(Model.graph,
    ...needed.nodes.map((one) => one.raw),
    ...kept.map((field) => field.raw),
    ...ends.filter((field) => asNode(field).length === 0),
    ...constants(nodes.find((one) => one.type === 'GroupQueryAttention')!, cache.width),
    input(POSITIONS, ElementType.int64), input(BIAS, ElementType.float32), output(NEW_KEY_VALUES), output(LAST_LOGITS))]);
}

interface WrittenNode {
  type: string;
  inputs: string[];
  outputs: string[];
  raw: Field;
}

interface ReadNode extends WrittenNode {
  attributes: Map<string, number>;
}

function readNode(raw: Field, bytes: Uint8Array): ReadNode {
  const read: ReadNode = { type: '', inputs: [], outputs: [], raw, attributes: new Map() };
  for (const field of readFields(bytes)) {
    if (field.number === Node.input) read.inputs.push(utf8(field.bytes));
    else if (field.number === Node.output) read.outputs.push(utf8(field.bytes));
    else if (field.number === Node.type) read.type = utf8(field.bytes);
    else if (field.number === Node.attribute) {
      const parts = [...readFields(field.bytes)];
      const of = (number: number): (typeof parts)[number] | undefined => parts.find((part) => part.number === number);
      const float = of(Attribute.float);
      read.attributes.set(utf8(of(Attribute.name)!.bytes), float ? new DataView(float.bytes.buffer, float.bytes.byteOffset).getFloat32(0, true) : of(Attribute.integer)?.integer ?? 0);
    }
  }
  return read;
}

/** Attributes under which grouped query attention is just that. */
const ordinary: Record<string, (value: number) => boolean> = {
  num_heads: () => true, kv_num_heads: () => true, scale: () => true,
  do_rotary: (value) => value === 1, rotary_interleaved: (value) => value === 0,
  local_window_size: (value) => value > 2 ** 31,  // -1, read as an unsigned number
  softcap: (value) => value === 0, smooth_softmax: (value) => value === 0,
};

const contrib = 'com.microsoft';

function plainAttention({ inputs, outputs, attributes }: ReadNode, width: number, prefix: string): { nodes: WrittenNode[]; key: string; value: string } | undefined {
  const [query, key, value, pastKey, pastValue, , , cos, sin, , ...more] = inputs;
  if (!query || !pastKey || !pastValue || !cos || !sin || more.some((name) => name !== '') || attributes.get('do_rotary') !== 1) return undefined;
  for (const [name, allowed] of attributes) if (!(ordinary[name] ?? (() => false))(allowed)) return undefined;
  const scale = attributes.get('scale') || 1 / Math.sqrt(width);
  const heads = attributes.get('num_heads')!, kvHeads = attributes.get('kv_num_heads')!;

  const nodes: WrittenNode[] = [];
  const add = (type: string, from: string[], to: string | string[], options: Parameters<typeof node>[3] = {}): void => {
    const into = [to].flat().map((name) => `${prefix}${name}`);
    nodes.push({ type, inputs: from, outputs: into, raw: node(type, from, into, options) });
  };
  const own = (name: string): string => `${prefix}${name}`;
  if (key) add('Concat', [query, key], 'qk', { integers: { axis: 2 } });
  else add('Split', [query, sizes.qkAndV], ['qk', 'v'], { integers: { axis: 2 } });
  add('RotaryEmbedding', [own('qk'), POSITIONS, cos, sin], 'rotated', { domain: contrib, integers: { num_heads: heads + kvHeads } });
  add('Split', [own('rotated'), sizes.qAndK], ['q', 'k'], { integers: { axis: 2 } });
  add('Reshape', [own('q'), shapes.queries], 'queries');
  add('Reshape', [own('k'), shapes.token], 'key');
  add('Reshape', [key ? value! : own('v'), shapes.token], 'value');
  add('FusedMatMul', [own('queries'), pastKey], 'past_scores', { domain: contrib, integers: { transB: 1 }, floats: { alpha: scale } });
  add('FusedMatMul', [own('queries'), own('key')], 'score', { domain: contrib, integers: { transB: 1 }, floats: { alpha: scale } });
  add('Add', [own('past_scores'), BIAS], 'open_scores');
  add('Concat', [own('open_scores'), own('score')], 'scores', { integers: { axis: 3 } });
  add('Softmax', [own('scores')], 'shares', { integers: { axis: 3 } });
  add('Slice', [own('shares'), range.start, range.last, range.axis], 'past_shares');
  add('Slice', [own('shares'), range.last, range.end, range.axis], 'share');
  add('MatMul', [own('past_shares'), pastValue], 'past_mix');
  add('Mul', [own('share'), own('value')], 'new_mix');
  add('Add', [own('past_mix'), own('new_mix')], 'mix');
  nodes.push({ type: 'Reshape', inputs: [own('mix'), shapes.flat], outputs: [outputs[0]!], raw: node('Reshape', [own('mix'), shapes.flat], [outputs[0]!]) });
  return { nodes, key: own('key'), value: own('value') };
}

const sizes = { qkAndV: 'tuning_fork.qk_and_v', qAndK: 'tuning_fork.q_and_k' };
const shapes = { queries: 'tuning_fork.queries', token: 'tuning_fork.token', flat: 'tuning_fork.flat' };
const range = { start: 'tuning_fork.start', last: 'tuning_fork.minus_one', end: 'tuning_fork.end', axis: 'tuning_fork.axis' };

function constants({ attributes }: ReadNode, width: number): Field[] {
  const heads = attributes.get('num_heads')!, kvHeads = attributes.get('kv_num_heads')!;
  return [
    integers(sizes.qkAndV, [(heads + kvHeads) * width, kvHeads * width]), integers(sizes.qAndK, [heads * width, kvHeads * width]),
    integers(shapes.queries, [0, kvHeads, heads / kvHeads, width]), integers(shapes.token, [0, kvHeads, 1, width]), integers(shapes.flat, [0, 1, heads * width]),
    integers(range.start, [0]), integers(range.last, [-1]), integers(range.end, [2 ** 31 - 1]), integers(range.axis, [3]),
  ];
}

/** The nodes that lead to these outputs, in order, and the names they take. */
function live(nodes: readonly WrittenNode[], outputs: readonly string[]): { nodes: WrittenNode[]; names: Set<string> } {
  const names = new Set(outputs);
  const kept = nodes.toReversed().filter((one) => {
    if (!one.outputs.some((name) => names.has(name))) return false;
    one.inputs.forEach((name) => names.add(name));
    return true;
  });
  return { nodes: kept.reverse(), names };
}

function asNode(field: Field): WrittenNode[] {
  const [read] = readFields(field);
  return read?.number === Graph.node ? [readNode(field, read.bytes)] : [];
}

function nameOf(value: Uint8Array): string {
  for (const field of readFields(value)) if (field.number === 1) return utf8(field.bytes);
  return '';
}

function utf8(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
