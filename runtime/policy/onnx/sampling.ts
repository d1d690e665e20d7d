/** How one token is chosen. */
export interface Choice {
  /** 0: the likeliest token. */
  temperature: number;
  topP: number;
  /** 0: no limit. */
  topK: number;
  /** How many alternatives to tell. */
  top: number;
}

export interface Chosen {
  id: number;
  logprob: number;
  /** The likeliest tokens first; one that top-p or top-k excludes has the logprob -9999. */
  top?: { ids: number[]; logprobs: number[] };
}

/** OpenAI's logprob for what can hardly be, or not at all; minus infinity is no JSON. */
const unlikely = -9999;

/**
 * Logprobs are those of the distribution that was sampled from: after the temperature, and renormalised where top-p or top-k cut it.
 * Greedy choices are told at temperature 1. All are rounded to float32, as a trainer keeps them.
 */
export class TokenSampler {
  readonly #weights: Float64Array;

  constructor(vocabulary: number) {
    this.#weights = new Float64Array(vocabulary);
  }

  /** `uniform` in [0, 1) decides. Undefined where a logit is not finite. */
  choose(logits: Float32Array, { temperature, topP, topK, top }: Choice, uniform: number): Chosen | undefined {
    const weights = this.#weights;
    const size = logits.length;
    let best = 0, largest = logits[0]!, smallest = largest;
    for (let id = 1; id < size; id++) {
      const logit = logits[id]!;
      if (logit > largest) {
        largest = logit;
        best = id;
      } else if (logit < smallest) smallest = logit;
    }
    const scale = temperature > 0 ? 1 / temperature : 1;
    let sum = 0;
    for (let id = 0; id < size; id++) sum += weights[id] = Math.exp((logits[id]! - largest) * scale);
    if (!Number.isFinite(smallest) || !Number.isFinite(largest) || !Number.isFinite(sum)) return undefined;

    const cut = temperature > 0 && (topP < 1 || (topK > 0 && topK < size));
    const kept = cut ? this.#keep(size, sum, topP, topK) : undefined;
    const total = kept ? kept.reduce((mass, id) => mass + weights[id]!, 0) : sum;
    const id = temperature === 0 ? best : kept ? pick(kept, weights, uniform * total) : pickAny(weights, size, uniform * total, best);
    const logprob = (token: number): number => Math.fround(Math.max(unlikely, Math.log(weights[token]! / total)));
    if (top === 0) return { id, logprob: logprob(id) };
    const ids = largestWeights(weights, size, top);
    return { id, logprob: logprob(id), top: { ids, logprobs: ids.map((other) => kept && !kept.includes(other) ? unlikely : logprob(other)) } };
  }

  /** The tokens top-k, then top-p leave, likeliest first. */
  #keep(size: number, sum: number, topP: number, topK: number): number[] {
    const weights = this.#weights;
    let candidates: number[];
    if (topK > 0 && topK < size) candidates = largestWeights(weights, size, topK);
    else {
      // All tokens below this share together hold less than 1 - topP, so none of them is kept: no need to sort them.
      const least = (sum * (1 - topP)) / size;
      candidates = [];
      for (let id = 0; id < size; id++) if (weights[id]! >= least) candidates.push(id);
      candidates.sort((a, b) => weights[b]! - weights[a]! || a - b);
    }
    const wanted = topP * (topK > 0 ? candidates.reduce((mass, id) => mass + weights[id]!, 0) : sum);
    let mass = 0;
    for (let count = 0; count < candidates.length; count++) {
      mass += weights[candidates[count]!]!;
      if (mass >= wanted) return candidates.slice(0, count + 1);
    }
    return candidates;
  }
}

function pickAny(weights: Float64Array, size: number, target: number, fallback: number): number {
  let mass = 0;
  for (let id = 0; id < size; id++) {
    mass += weights[id]!;
    if (mass > target) return id;
  }
  return fallback;
}

function pick(ids: readonly number[], weights: Float64Array, target: number): number {
  let mass = 0;
  for (const id of ids) {
    mass += weights[id]!;
    if (mass > target) return id;
  }
  return ids[0]!;
}

/** The `count` largest, largest first, by a small heap whose root is the least of those kept. */
function largestWeights(weights: Float64Array, size: number, count: number): number[] {
  const heap: number[] = [];
  const less = (a: number, b: number): boolean => weights[a]! < weights[b]! || (weights[a] === weights[b] && a > b);
  const swap = (i: number, j: number): void => { [heap[i], heap[j]] = [heap[j]!, heap[i]!]; };
  for (let id = 0; id < size; id++) {
    if (heap.length < count) {
      let at = heap.push(id) - 1;
      for (let parent = (at - 1) >> 1; at > 0 && less(heap[at]!, heap[parent]!); parent = (at - 1) >> 1) {
        swap(at, parent);
        at = parent;
      }
    } else if (less(heap[0]!, id)) {
      heap[0] = id;
      for (let at = 0; ;) {
        const left = 2 * at + 1, right = left + 1;
        let least = at;
        if (left < count && less(heap[left]!, heap[least]!)) least = left;
        if (right < count && less(heap[right]!, heap[least]!)) least = right;
        if (least === at) break;
        swap(at, least);
        at = least;
      }
    }
  }
  return heap.sort((a, b) => weights[b]! - weights[a]! || a - b);
}
