/** The safetensors format: a JSON header, then the numbers of all tensors without gaps. */
import { TuningForkError } from '../protocol/errors.ts';

export type Numbers = Int32Array | Float32Array | Float64Array;

export interface Tensor {
  name: string;
  shape: readonly number[];
  data: Numbers;
}

/** A tensor as it lies in a file. */
export interface StoredTensor {
  dtype: string;
  shape: number[];
  bytes: Uint8Array;
}

export interface Safetensors {
  metadata: ReadonlyMap<string, string>;
  tensors: ReadonlyMap<string, StoredTensor>;
}

const SIZES: Record<string, number> = { F64: 8, I64: 8, U64: 8, F32: 4, I32: 4, U32: 4, F16: 2, BF16: 2, I16: 2, U16: 2, I8: 1, U8: 1, BOOL: 1 };
/** As in the reference implementation. */
const LONGEST_HEADER = 100_000_000;

export function writeSafetensors(tensors: readonly Tensor[], metadata: Record<string, string> = {}): Uint8Array {
  // The widest first: then each tensor lies where its numbers can be read in place.
  const ordered = [...tensors].sort((a, b) => b.data.BYTES_PER_ELEMENT - a.data.BYTES_PER_ELEMENT);
  const entries: [string, unknown][] = [['__metadata__', metadata]];
  let end = 0;
  for (const { name, shape, data } of ordered) entries.push([name, { dtype: dtypeOf(data), shape, data_offsets: [end, end += data.byteLength] }]);
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(entries)));
  const begin = 8 + Math.ceil(json.length / 8) * 8;
  const bytes = new Uint8Array(begin + end).fill(0x20, 8, begin);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(begin - 8), true);
  bytes.set(json, 8);
  let at = begin;
  for (const { data } of ordered) {
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at);
    at += data.byteLength;
  }
  return bytes;
}

/** Refuses whatever is not exactly the format: it reads what came over the network, too. */
export function readSafetensors(bytes: Uint8Array): Safetensors {
  if (bytes.length < 8) throw malformed('it has fewer than 8 bytes');
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  if (length > LONGEST_HEADER || 8 + length > bytes.length) throw malformed('its header is longer than the whole');
  const header = parseHeader(bytes.subarray(8, 8 + length));
  const data = bytes.subarray(8 + length);
  const metadata = new Map<string, string>();
  const found: { name: string; stored: StoredTensor; begin: number; end: number }[] = [];
  for (const [name, value] of Object.entries(header)) {
    if (name === '__metadata__') {
      for (const [key, text] of Object.entries(objectOf(value, name))) {
        if (typeof text !== 'string') throw malformed(`the metadata "${key}" is not text`);
        metadata.set(key, text);
      }
      continue;
    }
    const { dtype, shape, data_offsets: offsets } = objectOf(value, name);
    const size = typeof dtype === 'string' && Object.hasOwn(SIZES, dtype) ? SIZES[dtype]! : undefined;
    if (size === undefined) throw malformed(`"${name}" has the unknown dtype ${JSON.stringify(dtype)}`);
    if (!areCounts(shape)) throw malformed(`the shape of "${name}" is not a list of whole numbers`);
    if (!areCounts(offsets) || offsets.length !== 2) throw malformed(`the data_offsets of "${name}" are not two whole numbers`);
    const [begin, end] = offsets as [number, number];
    if (end - begin !== shape.reduce((product, length) => product * length, size)) throw malformed(`"${name}" has another size than its shape says`);
    found.push({ name, begin, end, stored: { dtype: dtype as string, shape, bytes: data.subarray(begin, end) } });
  }
  found.sort((a, b) => a.begin - b.begin || a.end - b.end);
  let at = 0;
  for (const { name, begin, end } of found) {
    if (begin !== at) throw malformed(`"${name}" does not begin where the tensor before it ends`);
    at = end;
  }
  if (at !== data.length) throw malformed(`its tensors have ${at} bytes and it holds ${data.length}`);
  return { metadata, tensors: new Map(found.map(({ name, stored }) => [name, stored])) };
}

/** The numbers, in memory of their own. */
export function numbersOf(bytes: Uint8Array, dtype: 'I32'): Int32Array;
export function numbersOf(bytes: Uint8Array, dtype: 'F32'): Float32Array;
export function numbersOf(bytes: Uint8Array, dtype: 'F64'): Float64Array;
export function numbersOf(bytes: Uint8Array, dtype: 'I32' | 'F32' | 'F64'): Numbers {
  const copy = new Uint8Array(bytes).buffer;
  return dtype === 'I32' ? new Int32Array(copy) : dtype === 'F32' ? new Float32Array(copy) : new Float64Array(copy);
}

function dtypeOf(data: Numbers): 'I32' | 'F32' | 'F64' {
  return data instanceof Int32Array ? 'I32' : data instanceof Float32Array ? 'F32' : 'F64';
}

function parseHeader(bytes: Uint8Array): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw malformed('its header is not JSON');
  }
  return objectOf(value, 'the header');
}

function objectOf(value: unknown, name: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw malformed(`"${name}" is not an object`);
  return value as Record<string, unknown>;
}

function areCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((one) => Number.isSafeInteger(one) && one >= 0);
}

function malformed(why: string): TuningForkError {
  return new TuningForkError('protocol', `This is not in the safetensors format: ${why}.`);
}
