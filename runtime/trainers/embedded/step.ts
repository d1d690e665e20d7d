/** One step: updates of the weights from packs, each the sum of the gradients of some of them. */
import { TuningForkError } from '../../protocol/errors.ts';
import type { StepMetrics, StepRequest, StepSettings } from '../../protocol/trainer.ts';
import type { WirePack } from '../packs.ts';
import type { Applied, Objective, Optimizer, TrainGraphs } from './graphs.ts';
import type { TrainState } from './weights.ts';

export async function step(graphs: TrainGraphs, state: TrainState, sent: readonly WirePack[], { settings, updates }: StepRequest): Promise<{ state: TrainState; metrics: StepMetrics }> {
  const began = performance.now();
  const packs = await withOldLogprobs(graphs, state, sent, updates, settings.temperature);
  const totals = new Totals();
  let now = state;
  for (const [index, update] of updates.entries()) {
    const objective = objectiveOf(settings, update.denominator);
    const part = new Totals();
    let gradients: Float32Array = new Float32Array(now.weights.length);
    for (const number of update.packs) {
      const pack = packs[number]!;
      if (pack.targets.node.length === 0) continue;
      const result = await graphs.grad(now.weights, gradients, pack, objective);
      gradients = result.gradients;
      // The first update is made with the weights the step begins with, so this is what they say.
      if (index === 0) fillAbsent(pack, result.logprobs);
      part.add(pack, result.logprobs, result.metrics);
    }
    const applied = await graphs.apply(now, gradients, optimizerOf(settings, now.updates + 1));
    if (applied.applied) now = afterUpdate(now, applied);
    totals.update(part, applied);
  }
  return { state: { ...now, version: state.version + 1 }, metrics: totals.metrics(updates.length, performance.now() - began) };
}

/** What can't be computed, told before anything is. */
export function checkStep({ settings, updates }: StepRequest, packs: readonly WirePack[]): void {
  for (const [index, { packs: named }] of updates.entries()) {
    const missing = named.find((number) => number >= packs.length);
    if (missing !== undefined) throw refused(`updates[${index}] names pack ${missing}, and there are ${packs.length}, counted from 0.`);
    if (!named.some((number) => packs[number]!.targets.node.length > 0)) throw refused(`updates[${index}] has no targets, so it would only move the optimizer.`, 'Leave it out.');
  }
  for (const [index, { targets }] of packs.entries()) {
    const unsampled = targets.sampledLogprob.findIndex(Number.isNaN);
    if (unsampled !== -1) throw refused(`Target ${unsampled} of pack ${index} has no sampled logprob.`, 'Only what a policy sampled, with its logprob, can be trained.');
    const unscored = settings.klCoef > 0 ? targets.refLogprob.findIndex(Number.isNaN) : -1;
    if (unscored !== -1) throw refused(`Target ${unscored} of pack ${index} has no reference logprob, and klCoef is ${settings.klCoef}.`, 'Score the packs with the reference first, or set klCoef to 0.');
  }
}

/** Copies of the packs, for their absent `old` to be filled in: those of the first update on the way, all others now, before the weights move. */
async function withOldLogprobs(graphs: TrainGraphs, state: TrainState, packs: readonly WirePack[], updates: StepRequest['updates'], temperature: number): Promise<WirePack[]> {
  const copies = packs.map((pack) => ({ ...pack, targets: { ...pack.targets, oldLogprob: pack.targets.oldLogprob.slice() } }));
  const early = new Set(updates[0]!.packs);
  for (const number of new Set(updates.flatMap((update) => update.packs))) {
    const pack = copies[number]!;
    if (early.has(number) || !pack.targets.oldLogprob.some(Number.isNaN)) continue;
    fillAbsent(pack, (await graphs.score(state.weights, pack, temperature)).logprob);
  }
  return copies;
}

function fillAbsent({ targets: { oldLogprob } }: WirePack, logprobs: Float32Array): void {
  for (let t = 0; t < oldLogprob.length; t++) if (Number.isNaN(oldLogprob[t])) oldLogprob[t] = logprobs[t]!;
}

function afterUpdate({ updates, version }: TrainState, { weights, mean, square }: Applied): TrainState {
  return { weights, mean, square, updates: updates + 1, version };
}

function objectiveOf({ temperature, clipLow, clipHigh, dualClip, importanceCap, klCoef, entropyCoef }: StepSettings, denominator: number): Objective {
  return { denominator, temperature, clipLow, clipHigh, dualClip: orNone(dualClip), truncation: orNone(importanceCap), klCoefficient: klCoef, entropyCoefficient: entropyCoef };
}

function optimizerOf({ learningRate, betas, eps, weightDecay, gradClip }: StepSettings, step: number): Optimizer {
  return { step, learningRate, beta1: betas[0], beta2: betas[1], epsilon: eps, weightDecay, maxNorm: orNone(gradClip) };
}

function orNone(limit: number): number {
  return limit === 0 ? Infinity : limit;
}

/** What the graph sums up over packs. */
const SUMS = ['loss', 'policyLoss', 'ratio', 'clippedHigh', 'clippedLow', 'dualClipped', 'kl', 'entropy', 'importance'] as const;

class Totals {
  readonly #sums = Object.fromEntries(SUMS.map((name) => [name, 0])) as Record<(typeof SUMS)[number], number>;
  #targets = 0;
  #nodes = 0;
  #gap = 0;
  #ratioMax = 0;
  #gradNorm = NaN;
  #applied = 0;
  #skipped = 0;

  add({ rows, length, targets: { node, oldLogprob, sampledLogprob } }: WirePack, logprobs: Float32Array, metrics: Record<string, number>): void {
    for (const name of SUMS) this.#sums[name] += metrics[name]!;
    for (let t = 0; t < node.length; t++) {
      this.#gap += Math.abs(oldLogprob[t]! - sampledLogprob[t]!);
      this.#ratioMax = Math.max(this.#ratioMax, Math.exp(logprobs[t]! - oldLogprob[t]!));
    }
    this.#targets += node.length;
    this.#nodes += rows * length;
  }

  update(part: Totals, { applied, norm }: Applied): void {
    this.#nodes += part.#nodes;
    if (!applied) {
      this.#skipped++;
      return;
    }
    this.#applied++;
    this.#targets += part.#targets;
    this.#gap += part.#gap;
    this.#ratioMax = Math.max(this.#ratioMax, part.#ratioMax);
    this.#gradNorm = Number.isNaN(this.#gradNorm) ? norm : Math.max(this.#gradNorm, norm);
    for (const name of SUMS) this.#sums[name] += part.#sums[name];
  }

  metrics(updates: number, milliseconds: number): StepMetrics {
    const sums = this.#sums, targets = this.#targets;
    return {
      loss: sums.loss / this.#applied, policyLoss: sums.policyLoss / this.#applied,
      kl: sums.kl / targets, entropy: sums.entropy / targets,
      clipLow: sums.clippedLow / targets, clipHigh: sums.clippedHigh / targets, clipDual: sums.dualClipped / targets,
      ratioMean: sums.ratio / targets, ratioMax: this.#applied > 0 ? this.#ratioMax : NaN,
      samplerGap: this.#gap / targets, importanceMean: sums.importance / targets,
      gradNorm: this.#gradNorm, updates, skipped: this.#skipped, targets, nodes: this.#nodes, milliseconds,
    };
  }
}

function refused(message: string, next?: string): TuningForkError {
  return new TuningForkError('protocol', message, { next });
}
