import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { numbersOf, readSafetensors, writeSafetensors } from '../../../runtime/trainers/safetensors.ts';

const file = (header: unknown, data = new Uint8Array()): Uint8Array => {
  const json = typeof header === 'string' ? Buffer.from(header) : Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  return Buffer.concat([length, json, data]);
};

test('what is written is read back, bit for bit, and each tensor lies aligned', () => {
  const tensors = [
    { name: 'a', shape: [3], data: Int32Array.of(-1, 0, 2 ** 31 - 1) },
    { name: 'b/ü', shape: [1, 2], data: Float64Array.of(NaN, -0) },
    { name: 'c', shape: [0], data: new Float32Array() },
    { name: 'd', shape: [], data: Float32Array.of(0.1) },
  ];
  const bytes = writeSafetensors(tensors, { request: '{"x":"ä"}' });
  const { metadata, tensors: read } = readSafetensors(bytes);
  assert.equal(metadata.get('request'), '{"x":"ä"}');
  for (const { name, shape, data } of tensors) {
    const stored = read.get(name)!;
    assert.deepEqual(stored.shape, shape);
    assert.equal(stored.bytes.byteOffset % data.BYTES_PER_ELEMENT, 0);
    assert.deepEqual(numbersOf(stored.bytes, stored.dtype as 'F32'), data);
  }
});

test('reads a file of the Python library', () => {
  const { metadata, tensors } = readSafetensors(readFileSync(new URL('../../../runtime/policy/embedded/model.safetensors', import.meta.url)));
  assert.equal(metadata.get('format'), 'pt');
  assert.deepEqual(tensors.get('model.embed_tokens.weight')!.shape, [640, 128]);
});

const f32 = (begin: number, end: number, more: object = {}): object => ({ dtype: 'F32', shape: [(end - begin) / 4], data_offsets: [begin, end], ...more });
const broken: [string, Uint8Array, RegExp][] = [
  ['nothing', new Uint8Array(), /fewer than 8 bytes/],
  ['a header longer than the file', file({}).subarray(0, 9), /longer than the whole/],
  ['an enormous header', Buffer.alloc(16, 0xff), /longer than the whole/],
  ['no JSON', file('{'), /not JSON/],
  ['no UTF-8', file({ a: 1 }).fill(0xff, 9), /not JSON/],
  ['a list', file([]), /"the header" is not an object/],
  ['null', file('null'), /not an object/],
  ['a tensor that is none', file({ a: 3 }), /"a" is not an object/],
  ['an unknown type', file({ a: f32(0, 4, { dtype: 'constructor' }) }, new Uint8Array(4)), /unknown dtype "constructor"/],
  ['a negative shape', file({ a: f32(0, 4, { shape: [-1] }) }, new Uint8Array(4)), /not a list of whole numbers/],
  ['a shape that overflows', file({ a: f32(0, 4, { shape: [2 ** 40, 2 ** 40] }) }, new Uint8Array(4)), /another size/],
  ['offsets beyond the end', file({ a: f32(0, 8) }, new Uint8Array(4)), /have 8 bytes and it holds 4/],
  ['offsets backwards', file({ a: f32(8, 4, { shape: [0] }) }, new Uint8Array(8)), /another size/],
  ['overlapping tensors', file({ a: f32(0, 4), b: f32(0, 4) }, new Uint8Array(4)), /does not begin where/],
  ['a gap', file({ a: f32(4, 8) }, new Uint8Array(8)), /does not begin where/],
  ['metadata that is no text', file({ __metadata__: { x: 1 } }), /"x" is not text/],
];

for (const [name, bytes, wanted] of broken) {
  test(`refuses ${name} with a sentence`, () => {
    assert.throws(() => readSafetensors(bytes), (error: Error) => wanted.test(error.message));
  });
}
