import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bytesPerToken, Slab, type CacheShape } from '../../../../runtime/policy/onnx/key-values.ts';
import { PrefixCache } from '../../../../runtime/policy/onnx/prefix-cache.ts';
import { TokenRandom } from '../../../../runtime/policy/random.ts';

const shape: CacheShape = { tensors: 2, heads: 2, width: 3, type: 'float32' };

/** Values that tell which prefix they belong to, as real keys and values do. */
function valuesOf(ids: Int32Array): Slab {
  const slab = new Slab(shape, 1, ids.length + 2);
  const { data, base, stride, capacity } = slab.region(0);
  let prefix = 7;
  ids.forEach((id, token) => {
    prefix = (prefix * 31 + id) % 65_521;
    for (let tensor = 0; tensor < 2; tensor++) for (let head = 0; head < 2; head++) data[base + tensor * stride + (head * capacity + token) * 3] = prefix + tensor / 4 + head / 8;
  });
  return slab;
}

function read(slab: Slab, length: number): number[] {
  const { data, base, stride, capacity } = slab.region(0);
  return Array.from({ length: length * 4 }, (_, at) => data[base + (at % 2) * stride + ((at >> 1) % 2 * capacity + (at >> 2)) * 3]!);
}

test('random sequences: the longest prefix ever kept is found, with its own values, within the bytes', () => {
  const random = new TokenRandom(5n);
  let drawn = 0;
  const next = (below: number): number => Math.floor(random.uniform(drawn++) * below);
  const unbounded = new PrefixCache(shape, Infinity);
  const limit = 40 * (bytesPerToken(shape) + 4);
  const bounded = new PrefixCache(shape, limit);
  const kept: Int32Array[] = [];
  for (let round = 0; round < 600; round++) {
    const ids = Int32Array.from({ length: 1 + next(12) }, () => next(3));
    const shared = (other: Int32Array): number => {
      const at = ids.findIndex((id, index) => id !== other[index]);
      return at < 0 ? ids.length : at;
    };
    const longest = Math.max(0, ...kept.map(shared));
    for (const cache of [unbounded, bounded]) {
      const match = cache.find(ids);
      if (cache === unbounded) assert.equal(match.length, longest);
      else assert.ok(match.length <= longest);
      const target = new Slab(shape, 1, 20);
      match.copyTo(target.region(0), match.length);
      assert.deepEqual(read(target, match.length), read(valuesOf(ids), match.length));
      const logits = next(2) === 0 ? Float32Array.of(ids.length) : undefined;
      cache.insert(ids, valuesOf(ids).region(0), logits);
      if (logits) assert.equal(cache === unbounded ? cache.find(ids).logits?.[0] : ids.length, ids.length);
    }
    assert.ok(bounded.bytes <= limit);
    kept.push(ids);
  }
});

test('logits are those of a whole prompt, not of a prefix of it', () => {
  const cache = new PrefixCache(shape, Infinity);
  const ids = Int32Array.of(1, 2, 3, 4);
  cache.insert(ids, valuesOf(ids).region(0), Float32Array.of(9));
  assert.equal(cache.find(ids).logits![0], 9);
  assert.equal(cache.find(ids.slice(0, 3)).logits, undefined);
  assert.equal(cache.find(Int32Array.of(1, 2, 3, 4, 5)).logits, undefined);
  cache.insert(Int32Array.of(1, 2, 8), valuesOf(Int32Array.of(1, 2, 8)).region(0));
  assert.equal(cache.find(ids).logits![0], 9, 'also after its run was split');
});

test('what was used last is kept longest', () => {
  const token = bytesPerToken(shape) + 4;
  const cache = new PrefixCache(shape, 9 * token);
  const [first, second, third] = [1, 2, 3].map((id) => Int32Array.of(id, id, id, id)) as [Int32Array, Int32Array, Int32Array];
  cache.insert(first, valuesOf(first).region(0));
  cache.insert(second, valuesOf(second).region(0));
  cache.find(first);
  cache.insert(third, valuesOf(third).region(0));
  assert.deepEqual([first, second, third].map((ids) => cache.find(ids).length), [4, 0, 4]);
  assert.equal(cache.bytes, 8 * token);
});
