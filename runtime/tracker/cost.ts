import { TuningForkError } from '../protocol/errors.ts';

/** What a trainer pays for one sequence, in any one unit. */
export interface EngineCost {
  /** For each token: projections and feed-forward. */
  token: number;
  /** For each pair of tokens in a sequence that is one path, squared length. */
  pathPair: number;
  /** For each pair of tokens in a sequence that branches, where its mask is dense, so all of it is computed. */
  treePair: number;
  /** For each pair that sees each other in a sequence that branches, where nothing else is computed. */
  seenPair?: number;
}

/**
 * Floating-point operations of a decoder's forward pass: two for each weight and token, four for each pair of tokens, layer and unit of width.
 * A causal attention kernel skips the upper half of a path, and a tree kernel all that branches do not see of each other.
 */
export function decoderCost(model: { parameters: number; layers: number; width: number; causalKernel: boolean; treeKernel?: boolean }): EngineCost {
  const pair = 4 * model.layers * model.width;
  return { token: 2 * model.parameters, pathPair: model.causalKernel ? pair / 2 : pair, treePair: pair, ...(model.treeKernel && { seenPair: pair }) };
}

/** `seen`: pairs of its tokens that see each other. */
export function sequenceCost(engine: EngineCost, { tokens, paths, seen }: { tokens: number; paths: number; seen: number }): number {
  const pairs = paths === 1 ? tokens * tokens * engine.pathPair : engine.seenPair === undefined ? tokens * tokens * engine.treePair : seen * engine.seenPair;
  return tokens * engine.token + pairs;
}

/** What a path adds to a sequence it shares its beginning with. */
export function added(length: number, shared: number): { tokens: number; seen: number } {
  const own = length - shared;
  return { tokens: own, seen: own * shared + own * own / 2 };
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
  const whole = { tokens: 0, seen: 0, paths: paths.length.length };
  for (let path = 0; path < whole.paths; path++) {
    const more = added(paths.length[path]!, paths.shared[path]!);
    whole.tokens += more.tokens;
    whole.seen += more.seen;
  }
  return { begin: whole.paths === 0 ? [] : [0], cost: sequenceCost(engine, whole) };
}

/** Each path in a sequence of its own, shared tokens again in each. */
export function allPaths(paths: Paths, engine: EngineCost): Cut {
  const lengths = Array.from(paths.length);
  return { begin: lengths.map((_, path) => path), cost: lengths.reduce((sum, length) => sum + sequenceCost(engine, { tokens: length, paths: 1, seen: 0 }), 0) };
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
    let { tokens, seen } = added(paths.length[begin]!, 0);
    if (tokens > maxTokens) {
      throw new TuningForkError('context-length', `A conversation of ${tokens} tokens does not fit a training sequence of ${maxTokens}.`, {
        next: 'Mark its rollout `over-long`, or let the trainer take longer sequences.',
      });
    }
    for (let end = begin + 1; tokens <= maxTokens; end++) {
      const cost = cheapest[begin]! + sequenceCost(engine, { tokens, paths: end - begin, seen });
      if (cost < cheapest[end]!) {
        cheapest[end] = cost;
        from[end] = begin;
      }
      if (end === count) break;
      const more = added(paths.length[end]!, paths.shared[end]!);
      tokens += more.tokens;
      seen += more.seen;
    }
  }
  const begin: number[] = [];
  for (let end = count; end > 0; end = from[end]!) begin.push(from[end]!);
  return { begin: begin.reverse(), cost: cheapest[count]! };
}
