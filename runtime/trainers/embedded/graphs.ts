/** The train graphs in ONNX Runtime. Knows tensors and nothing of steps. */
import { join } from 'node:path';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { TuningForkError } from '../../protocol/errors.ts';
import type { WirePack } from '../packs.ts';
import { readLayout, type TrainLayout } from './layout.ts';
import type { TrainState } from './weights.ts';

/** As the graph takes it: Infinity where something is off. */
export interface Objective {
  denominator: number;
  temperature: number;
  clipLow: number;
  clipHigh: number;
  dualClip: number;
  truncation: number;
  klCoefficient: number;
  entropyCoefficient: number;
}

export interface Optimizer {
  step: number;
  learningRate: number;
  beta1: number;
  beta2: number;
  epsilon: number;
  weightDecay: number;
  maxNorm: number;
}

export interface PackGradients {
  /** The accumulated ones and this pack's. */
  gradients: Float32Array;
  logprobs: Float32Array;
  metrics: Record<string, number>;
}

export interface Applied {
  weights: Float32Array;
  mean: Float32Array;
  square: Float32Array;
  /** Before clipping. */
  norm: number;
  /** False where the norm is not finite: all else is as it was. */
  applied: boolean;
}

export class TrainGraphs {
  readonly layout: TrainLayout;
  readonly #grad: InferenceSession;
  readonly #apply: InferenceSession;
  readonly #score: InferenceSession;

  private constructor(layout: TrainLayout, [grad, apply, score]: [InferenceSession, InferenceSession, InferenceSession]) {
    this.layout = layout;
    this.#grad = grad;
    this.#apply = apply;
    this.#score = score;
  }

  static async open(directory: string, threads: number): Promise<TrainGraphs> {
    const layout = await readLayout(directory);
    const load = async (name: keyof TrainLayout['graphs']): Promise<InferenceSession> => {
      const file = join(directory, 'onnx', layout.graphs[name].file);
      return InferenceSession.create(file, sessionOptions(threads)).catch((cause: unknown) => {
        const why = String((cause as Error).message).split('\n')[0]!.slice(0, 400);
        throw new TuningForkError('trainer', `ONNX Runtime cannot load the train graph: ${why}`, { where: { file }, cause, next: 'Export the train graphs of this model again.' });
      });
    };
    return new TrainGraphs(layout, [await load('grad'), await load('apply'), await load('score')]);
  }

  async grad(weights: Float32Array, accumulated: Float32Array, pack: WirePack, objective: Objective): Promise<PackGradients> {
    const { sampledLogprob, oldLogprob, refLogprob, weight, up, down } = pack.targets;
    const out = await this.#grad.run({
      ...vectors({ weights, accumulated, sampledLogprob, oldLogprob, refLogprob }), ...nodesOf(pack),
      weight: new Tensor('float64', weight, [weight.length]), up: new Tensor('float64', up, [up.length]), down: new Tensor('float64', down, [down.length]),
      ...scalars(objective),
    }, ['gradients', 'logprobs', 'metrics']);
    const metrics = floats(out.metrics);
    return {
      gradients: floats(out.gradients), logprobs: floats(out.logprobs),
      metrics: Object.fromEntries(this.layout.metrics.map((name, index) => [name, metrics[index]!])),
    };
  }

  async apply({ weights, mean, square }: TrainState, gradients: Float32Array, optimizer: Optimizer): Promise<Applied> {
    const out = await this.#apply.run({ ...vectors({ weights, gradients, mean, square }), ...scalars(optimizer) });
    return {
      weights: floats(out.newWeights), mean: floats(out.newMean), square: floats(out.newSquare),
      norm: floats(out.norm)[0]!, applied: out.applied!.data[0] === 1,
    };
  }

  async score(weights: Float32Array, pack: WirePack, temperature: number): Promise<{ logprob: Float32Array; entropy: Float32Array }> {
    const out = await this.#score.run({ ...vectors({ weights }), ...nodesOf(pack), ...scalars({ temperature }) });
    return { logprob: floats(out.logprobs), entropy: floats(out.entropies) };
  }
}

function sessionOptions(threads: number): InferenceSession.SessionOptions {
  return {
    executionProviders: ['cpu'], intraOpNumThreads: threads, interOpNumThreads: 1, logSeverityLevel: 3,
    // A plan of memory is kept for each shape of pack, and there are many.
    enableMemPattern: false,
    // Threads that wait by spinning take the cores from the sampler and the worker: on a busy machine a step takes twice as long.
    extra: { session: { intra_op: { allow_spinning: '0' } } },
  };
}

type Feeds = Record<string, Tensor>;

function nodesOf({ rows, length, nodes, targets: { node } }: WirePack): Feeds {
  const { id, position, parent, end } = nodes;
  const columns = Object.entries({ id, position, parent, end }).map(([name, column]) => [name, new Tensor('int32', column, [rows, length])]);
  return { ...Object.fromEntries(columns) as Feeds, node: new Tensor('int32', node, [node.length]) };
}

function vectors(values: Record<string, Float32Array>): Feeds {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, new Tensor('float32', value, [value.length])]));
}

function scalars(values: Objective | Optimizer | { temperature: number }): Feeds {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, new Tensor('float64', Float64Array.of(value as number), [])]));
}

function floats(tensor: Tensor | undefined): Float32Array {
  return tensor!.data as Float32Array;
}
