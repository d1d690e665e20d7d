/** Packs of the tracker as the body of a request, and the scores that come back. */
import { TuningForkError } from '../protocol/errors.ts';
import type { ScoreAnswer, ScoreRequest, StepRequest } from '../protocol/trainer.ts';
import type { Nodes, Pack, PackTargets } from '../tracker/index.ts';
import { numbersOf, readSafetensors, writeSafetensors, type Safetensors, type Tensor } from './safetensors.ts';

/** What of a pack travels: any pack is one. */
export interface WirePack extends Omit<Pack, 'targets'> {
  targets: Omit<PackTargets, 'piece' | 'target'>;
}

export interface Scores {
  version: number;
  packs: PackScores[];
}

/** In the order of the pack's targets. */
export interface PackScores {
  logprob: Float32Array;
  entropy: Float32Array;
}

/** What the receiving model can take. */
export interface PackLimits {
  vocabulary: number;
  context: number;
  heads: number;
  layers: number;
}

/** Attention scores of one pack, over all layers; a step takes about two and a half times as much. */
const ATTENTION_BYTES = 2 ** 29;

const NODE_COLUMNS = ['id', 'position', 'parent', 'end'] as const satisfies readonly (keyof Nodes)[];
const FLOATS = { sampled: 'sampledLogprob', old: 'oldLogprob', ref: 'refLogprob' } as const;
const SUMS = ['weight', 'up', 'down'] as const;
const COLUMNS = [...NODE_COLUMNS, 'node', ...Object.keys(FLOATS), ...SUMS];

/** The body of `POST /v1/step`. Who keeps these bytes can replay the step. */
export function encodeStep(packs: readonly WirePack[], request: StepRequest): Uint8Array {
  return encodePacks(packs, request);
}

export function encodeScore(packs: readonly WirePack[], request: ScoreRequest): Uint8Array {
  return encodePacks(packs, request);
}

function encodePacks(packs: readonly WirePack[], request: object): Uint8Array {
  const tensors = packs.flatMap(({ rows, length, nodes, targets }, index): Tensor[] => {
    const count = [targets.node.length];
    return [
      ...NODE_COLUMNS.map((name) => ({ name: `${index}/${name}`, shape: [rows, length], data: nodes[name] })),
      { name: `${index}/node`, shape: count, data: targets.node },
      ...Object.entries(FLOATS).map(([name, column]) => ({ name: `${index}/${name}`, shape: count, data: targets[column] })),
      ...SUMS.map((name) => ({ name: `${index}/${name}`, shape: count, data: targets[name] })),
    ];
  });
  return writeSafetensors(tensors, { request: JSON.stringify(request) });
}

/** A body whose request is read, and its packs not yet. */
export interface PackBody {
  request: unknown;
  packs(limits: PackLimits): WirePack[];
}

export function openPackBody(body: Uint8Array): PackBody {
  const file = readSafetensors(body);
  const text = file.metadata.get('request');
  if (text === undefined) throw refused('The metadata has no "request".');
  let request: unknown;
  try {
    request = JSON.parse(text);
  } catch {
    throw refused('The metadata\'s "request" is not JSON.');
  }
  return { request, packs: (limits) => decodePacks(file, limits) };
}

function decodePacks({ tensors }: Safetensors, limits: PackLimits): WirePack[] {
  const count = tensors.size / COLUMNS.length;
  const packs = Array.from({ length: Math.ceil(count) }, (_, index) => decodePack(tensors, index, limits));
  if (!Number.isInteger(count)) throw refused(`There are ${tensors.size} tensors, and a pack has ${COLUMNS.length}: ${COLUMNS.join(', ')}.`);
  if (count === 0) throw refused('There are no packs.');
  return packs;
}

function decodePack(tensors: Safetensors['tensors'], index: number, limits: PackLimits): WirePack {
  const columns = new Map(COLUMNS.map((name) => {
    const stored = tensors.get(`${index}/${name}`);
    if (stored === undefined) throw refused(`The tensor "${index}/${name}" is missing.`);
    return [name, stored];
  }));
  const [rows, length, ...more] = columns.get('id')!.shape;
  if (rows === undefined || length === undefined || more.length > 0) throw refused(`"${index}/id" must have the shape [rows, length].`);
  const count = columns.get('node')!.shape[0] ?? 0;
  const column = (name: string, dtype: 'I32' | 'F32' | 'F64', ...shape: number[]): Uint8Array => {
    const stored = columns.get(name)!;
    if (stored.dtype !== dtype) throw refused(`"${index}/${name}" is ${stored.dtype} and must be ${dtype}.`);
    if (stored.shape.join() !== shape.join()) throw refused(`"${index}/${name}" has the shape [${stored.shape.join(', ')}] and must have [${shape.join(', ')}].`);
    return stored.bytes;
  };
  const nodes = (name: string): Int32Array => numbersOf(column(name, 'I32', rows, length), 'I32');
  const floats = (name: string): Float32Array => numbersOf(column(name, 'F32', count), 'F32');
  const sums = (name: string): Float64Array => numbersOf(column(name, 'F64', count), 'F64');
  const pack: WirePack = {
    rows, length,
    nodes: { id: nodes('id'), position: nodes('position'), parent: nodes('parent'), end: nodes('end') },
    targets: {
      node: numbersOf(column('node', 'I32', count), 'I32'),
      sampledLogprob: floats('sampled'), oldLogprob: floats('old'), refLogprob: floats('ref'), weight: sums('weight'), up: sums('up'), down: sums('down'),
    },
  };
  checkSize(pack, index, limits);
  checkNodes(pack, index, limits);
  checkTargets(pack, index);
  return pack;
}

function checkSize({ rows, length }: WirePack, index: number, { heads, layers }: PackLimits): void {
  if (rows * length === 0) throw refused(`Pack ${index} has no nodes.`);
  const bytes = rows * heads * layers * length * length * 4;
  if (bytes > ATTENTION_BYTES) {
    throw refused(`Pack ${index} has ${rows} rows of ${length} tokens, whose attention takes ${Math.round(bytes / 2 ** 20)} MiB of at most ${ATTENTION_BYTES / 2 ** 20}.`, 'Make smaller packs: fewer rows, or shorter ones.');
  }
}

function checkNodes({ rows, length, nodes: { id, position, parent, end } }: WirePack, index: number, { vocabulary, context }: PackLimits): void {
  for (let row = 0; row < rows; row++) {
    const start = row * length;
    for (let i = 0; i < length; i++) {
      const at = start + i, above = parent[at]!;
      const place = (): string => `token ${i} of row ${row} in pack ${index}`;
      if (id[at]! < 0 || id[at]! >= vocabulary) throw refused(`The id of ${place()} is ${id[at]}; this model has ids from 0 to ${vocabulary - 1}.`);
      if (position[at]! < 0 || position[at]! >= context) throw refused(`The position of ${place()} is ${position[at]}; this model has a context of ${context}.`);
      if (end[at]! <= i || end[at]! > length) throw refused(`The subtree of ${place()} ends at ${end[at]}, not within ${i + 1} to ${length}.`);
      if (above < -1 || above >= i) throw refused(`The parent of ${place()} is ${above}; it must stand before it, or be -1.`);
      if (above >= 0 && end[at]! > end[start + above]!) throw refused(`The subtree of ${place()} ends after that of its parent ${above}.`);
    }
  }
}

function checkTargets({ rows, length, nodes, targets }: WirePack, index: number): void {
  const { node, sampledLogprob, oldLogprob, refLogprob, weight, up, down } = targets;
  for (let t = 0; t < node.length; t++) {
    const place = (): string => `target ${t} of pack ${index}`;
    if (node[t]! < 0 || node[t]! >= rows * length) throw refused(`${capital(place())} is at node ${node[t]}, and there are ${rows * length}.`);
    if (nodes.parent[node[t]!] === -1) throw refused(`${capital(place())} is at a root, which nothing predicts.`);
    for (const [name, column] of [['sampled', sampledLogprob], ['old', oldLogprob], ['ref', refLogprob]] as const) {
      if (Math.abs(column[t]!) === Infinity) throw refused(`The "${name}" logprob of ${place()} is infinite.`);
    }
    if (!Number.isFinite(weight[t]!)) throw refused(`The weight of ${place()} is ${weight[t]}.`);
    if (!(up[t]! >= 0 && up[t]! < Infinity)) throw refused(`"up" of ${place()} is ${up[t]}: it is a sum of positive advantages.`);
    if (!(down[t]! <= 0 && down[t]! > -Infinity)) throw refused(`"down" of ${place()} is ${down[t]}: it is a sum of negative advantages.`);
  }
}

export function encodeScores({ version, packs }: Scores): Uint8Array {
  const answer: ScoreAnswer = { version };
  return writeSafetensors(packs.flatMap(({ logprob, entropy }, index) => [
    { name: `${index}/logprob`, shape: [logprob.length], data: logprob },
    { name: `${index}/entropy`, shape: [entropy.length], data: entropy },
  ]), { answer: JSON.stringify(answer) });
}

export function decodeScores(bytes: Uint8Array): Scores {
  const { metadata, tensors } = readSafetensors(bytes);
  const { version } = JSON.parse(metadata.get('answer') ?? '{}') as ScoreAnswer;
  const column = (name: string): Float32Array => {
    const stored = tensors.get(name);
    if (stored?.dtype !== 'F32') throw refused(`The trainer's answer has no "${name}".`);
    return numbersOf(stored.bytes, 'F32');
  };
  return { version, packs: Array.from({ length: tensors.size / 2 }, (_, index) => ({ logprob: column(`${index}/logprob`), entropy: column(`${index}/entropy`) })) };
}

function capital(text: string): string {
  return text[0]!.toUpperCase() + text.slice(1);
}

function refused(message: string, next?: string): TuningForkError {
  return new TuningForkError('protocol', message, { next });
}
