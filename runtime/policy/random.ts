import { createHash } from 'node:crypto';

/** What the randomness of one call hangs on; nothing else, so that neither timing nor neighbours can change a run. */
export interface SampleKeyParts {
  seed: number;
  step: number;
  task: string;
  sample: number;
  role: string;
  /** The prompt's token ids, or their text where there are none. */
  prompt: readonly number[] | string;
  /** How often this rollout has made this very call before. */
  occurrence: number;
}

/** The key of one call: 64 bits of SHA-256 over its parts. */
export function sampleKey(parts: SampleKeyParts): bigint {
  const { seed, step, task, sample, role, prompt, occurrence } = parts;
  const hash = createHash('sha256');
  hash.update(JSON.stringify([seed, step, task, sample, role, occurrence, typeof prompt]));
  hash.update(typeof prompt === 'string' ? prompt : new Uint8Array(Int32Array.from(prompt).buffer));
  return hash.digest().readBigUInt64LE(0);
}

/** A uniform number in [0, 1) for each token number of a call, in any order: counter-based, so there is no state to lose. */
export class TokenRandom {
  readonly #low: number;
  readonly #high: number;

  constructor(key: bigint) {
    this.#low = Number(key & 0xffffffffn);
    this.#high = Number((key >> 32n) & 0xffffffffn);
  }

  /** 53 bits. */
  uniform(token: number): number {
    const [a, b] = philox4x32([token >>> 0, Math.floor(token / 0x100000000) >>> 0, 0, 0], [this.#low, this.#high]);
    return ((a >>> 5) * 0x4000000 + (b >>> 6)) / 0x20000000000000;
  }
}

type Words4 = [number, number, number, number];

/** Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011). */
export function philox4x32(counter: Words4, key: [number, number]): Words4 {
  let [a, b, c, d] = counter;
  let [k0, k1] = key;
  for (let round = 0; round < 10; round++) {
    const highA = multiplyHigh(0xd2511f53, a);
    const highC = multiplyHigh(0xcd9e8d57, c);
    const lowA = Math.imul(0xd2511f53, a);
    const lowC = Math.imul(0xcd9e8d57, c);
    a = (highC ^ b ^ k0) >>> 0;
    b = lowC >>> 0;
    c = (highA ^ d ^ k1) >>> 0;
    d = lowA >>> 0;
    k0 = (k0 + 0x9e3779b9) >>> 0;
    k1 = (k1 + 0xbb67ae85) >>> 0;
  }
  return [a, b, c, d];
}

/** The upper 32 bits of a 32 x 32 bit product. */
function multiplyHigh(x: number, y: number): number {
  const xLow = x & 0xffff, xHigh = x >>> 16, yLow = y & 0xffff, yHigh = y >>> 16;
  const middle = xHigh * yLow + ((xLow * yLow) >>> 16);
  const cross = xLow * yHigh + (middle & 0xffff);
  return (xHigh * yHigh + Math.floor(middle / 0x10000) + Math.floor(cross / 0x10000)) >>> 0;
}
