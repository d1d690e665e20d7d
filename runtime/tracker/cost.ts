import { TuningForkError } from '../protocol/errors.ts';

/** What a trainer pays for one sequence, in any one unit. */
export interface EngineCost {
  /** For each token: projections and feed-forward. */
  token: number;
  /** For each pair of tokens in a sequence that is one path, squared length. */
  pathPair: number;
  /** For each pair of tokens in a sequence that branches: its mask is dense, so all of it is computed. */
  treePair: number;
}

/**
 * Floating-point operations of a decoder's forward pass: two for each weight and token, four for each pair of tokens, layer and unit of width.
 * A causal attention kernel skips the upper half of a path, never of a tree.
 */
export function decoderCost(model: { parameters: number; layers: number; width: number; causalKernel: boolean }): EngineCost {
  const pair = 4 * model.layers * model.width;
  return { token: 2 * model.parameters, pathPair: model.causalKernel ? pair / 2 : pair, treePair: pair };
}

export function sequenceCost(engine: EngineCost, tokens: number, paths: number): number {
  return tokens * engine.token + tokens * tokens * (paths === 1 ? engine.pathPair : engine.treePair);
}

/** Paths of a tree in depth-first order, as numbers: `length` of each, and how much of it is `shared` with the one before. */
export interface Paths {
  length: ArrayLike<number>;
  shared: ArrayLike<number>;
}

/** Cuts the paths, in their order, into sequences: `begin[k]` is the first path of sequence k. */
export interface Cut {
  begin: number[];
  cost: number;
}

/** Everything in one sequence. */
export function oneTree(paths: Paths, engine: EngineCost): Cut {
  let tokens = 0;
  for (let path = 0; path < paths.length.length; path++) tokens += paths.length[path]! - paths.shared[path]!;
  return { begin: paths.length.length === 0 ? [] : [0], cost: sequenceCost(engine, tokens, paths.length.length) };
}

/** Each path in a sequence of its own, shared tokens again in each. */
export function allPaths(paths: Paths, engine: EngineCost): Cut {
  const lengths = Array.from(paths.length);
  return { begin: lengths.map((_, path) => path), cost: lengths.reduce((sum, length) => sum + sequenceCost(engine, length, 1), 0) };
}

/**
 * The cheapest of all cuts whose sequences hold at most `maxTokens`, one tree and all paths among them: sharing saves tokens, and a wide
 * tree pays the square of its length, so the best is often several middling trees.
 */
export function cheapestCut(paths: Paths, engine: EngineCost, maxTokens = Infinity): Cut {
  const count = paths.length.length;
  const cheapest = new Float64Array(count + 1).fill(Infinity);
  const from = new Int32Array(count + 1);
  cheapest[0] = 0;
  for (let begin = 0; begin < count; begin++) {
    let tokens = paths.length[begin]!;
    if (tokens > maxTokens) {
      throw new TuningForkError('context-length', `A conversation of ${tokens} tokens does not fit a training sequence of ${maxTokens}.`, {
        next: 'Mark its rollout `over-long`, or let the trainer take longer sequences.',
      });
    }
    for (let end = begin + 1; tokens <= maxTokens; end++) {
      const cost = cheapest[begin]! + sequenceCost(engine, tokens, end - begin);
      if (cost < cheapest[end]!) {
        cheapest[end] = cost;
        from[end] = begin;
      }
      if (end === count) break;
      tokens += paths.length[end]! - paths.shared[end]!;
    }
  }
  const begin: number[] = [];
  for (let end = count; end > 0; end = from[end]!) begin.push(from[end]!);
  return { begin: begin.reverse(), cost: cheapest[count]! };
}
