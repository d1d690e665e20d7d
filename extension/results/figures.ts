/** What rollouts said, as figures: of rewards, and of the calls that a line of code made. */
import type { CallRecord, RolloutRecord, RunInfo } from '../../runtime/protocol/trace.ts';

export interface Spread {
  count: number;
  mean: number;
  /** Of the sample; 0 for one. */
  deviation: number;
}

export interface CallFigures {
  calls: number;
  /** Tokens. */
  prompt: number;
  sampled: number;
  /** Over the sampled tokens whose logprob is known. */
  logprobs: { count: number; sum: number };
  truncated: number;
  malformed: number;
}

export interface Example {
  rollout: string;
  /** Absent: all of it. */
  call?: number;
}

export interface Site {
  /** Counts from 1, as traces do. */
  line: number;
  /** Of all roles together. */
  all: CallFigures;
  roles: Map<string, CallFigures>;
  /** Rollouts that ended with an error here. */
  failed: number;
  error?: string;
  /** A rollout to look at for each thing that went wrong. */
  example: { call?: Example; failed?: Example; truncated?: Example; malformed?: Example };
}

/** Calls and errors by real path and line. */
export type Sites = Map<string, Map<number, Site>>;

/** The part of a run that its figures are of: a training's newest whole step, else all. */
export interface RunFigures {
  dir: string;
  info: RunInfo;
  /** Of a training. */
  step: number | undefined;
  /** Of the whole run. */
  total: number;
  rollouts: number;
  failed: number;
  reward: Spread | undefined;
  success: { right: number; of: number } | undefined;
  /** Of a training, apart. */
  validation: { step: number; reward: Spread } | undefined;
  /** The ids of telling rollouts. */
  best: string | undefined;
  worst: string | undefined;
  failure: string | undefined;
  /** Of the part, the calls of how many rollouts are in `sites`. */
  looked: number;
  sites: Sites;
  roles: Map<string, CallFigures>;
}

/** What is kept of one rollout's calls. */
export interface Digest {
  rollout: string;
  calls: { index: number; file: string | undefined; line: number; role: string; figures: CallFigures }[];
  error: { file: string; line: number; message: string } | undefined;
}

export function spreadOf(values: Iterable<number>): Spread | undefined {
  let count = 0;
  let mean = 0;
  let squares = 0;
  for (const value of values) {
    const off = value - mean;
    mean += off / ++count;
    squares += off * (value - mean);
  }
  return count === 0 ? undefined : { count, mean, deviation: count === 1 ? 0 : Math.sqrt(squares / (count - 1)) };
}

export function noCalls(): CallFigures {
  return { calls: 0, prompt: 0, sampled: 0, logprobs: { count: 0, sum: 0 }, truncated: 0, malformed: 0 };
}

export function addCalls(sum: CallFigures, more: CallFigures): void {
  sum.calls += more.calls;
  sum.prompt += more.prompt;
  sum.sampled += more.sampled;
  sum.logprobs.count += more.logprobs.count;
  sum.logprobs.sum += more.logprobs.sum;
  sum.truncated += more.truncated;
  sum.malformed += more.malformed;
}

export function digestOf({ rollout, calls, error }: Pick<RolloutRecord, 'rollout' | 'calls' | 'error'>): Digest {
  const { file, line } = error?.where ?? {};
  return {
    rollout,
    calls: calls.map((call) => ({ index: call.index, file: call.site?.file, line: call.site?.line ?? 1, role: call.role, figures: figuresOf(call) })),
    error: file === undefined || line === undefined ? undefined : { file, line, message: error!.message },
  };
}

function figuresOf({ usage, tokens, finish, malformed }: CallRecord): CallFigures {
  const logprobs = tokens?.logprobs ?? [];
  return {
    calls: 1, prompt: usage.prompt, sampled: tokens?.sampled.length ?? usage.completion,
    logprobs: { count: logprobs.length, sum: logprobs.reduce((sum, logprob) => sum + logprob, 0) },
    truncated: Number(finish === 'length'), malformed: Number(malformed !== undefined),
  };
}

export function gather(digests: Iterable<Digest>): Pick<RunFigures, 'sites' | 'roles'> {
  const sites: Sites = new Map();
  const roles = new Map<string, CallFigures>();
  for (const { rollout, calls, error } of digests) {
    for (const { index: call, file, line, role, figures } of calls) {
      addCalls(kept(roles, role, noCalls), figures);
      if (file === undefined) continue;
      const site = siteAt(sites, file, line);
      addCalls(site.all, figures);
      addCalls(kept(site.roles, role, noCalls), figures);
      site.example.call ??= { rollout, call };
      if (figures.truncated > 0) site.example.truncated ??= { rollout, call };
      if (figures.malformed > 0) site.example.malformed ??= { rollout, call };
    }
    if (error !== undefined) {
      const site = siteAt(sites, error.file, error.line);
      site.failed++;
      site.error ??= error.message;
      site.example.failed ??= { rollout };
    }
  }
  return { sites, roles };
}

function siteAt(sites: Sites, file: string, line: number): Site {
  return kept(kept(sites, file, () => new Map<number, Site>()), line, () => ({ line, all: noCalls(), roles: new Map<string, CallFigures>(), failed: 0, example: {} }));
}

function kept<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const found = map.get(key);
  if (found !== undefined) return found;
  const made = make();
  map.set(key, made);
  return made;
}
