/** Logprobs of targets, by the weights in training or by those of a stored model. */
import type { PackScores, WirePack } from '../packs.ts';
import type { TrainGraphs } from './graphs.ts';
import { readWeights } from './weights.ts';

export async function score(graphs: TrainGraphs, weights: Float32Array, packs: readonly WirePack[], temperature: number): Promise<PackScores[]> {
  const scores: PackScores[] = [];
  for (const pack of packs) {
    scores.push(pack.targets.node.length > 0 ? await graphs.score(weights, pack, temperature) : { logprob: new Float32Array(), entropy: new Float32Array() });
  }
  return scores;
}

/** A reference is asked for at every step, so a few stay. */
const KEPT = 2;

/** Weights of stored models, by their folder. */
export class StoredWeights {
  readonly #graphs: TrainGraphs;
  readonly #kept = new Map<string, Float32Array>();

  constructor(graphs: TrainGraphs) {
    this.#graphs = graphs;
  }

  async get(directory: string): Promise<Float32Array> {
    const weights = this.#kept.get(directory) ?? await readWeights(directory, this.#graphs.layout);
    this.#kept.delete(directory);
    this.#kept.set(directory, weights);
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > KEPT) this.#kept.delete(oldest!);
    return weights;
  }
}
