/** What the colours of tokens say: each token falls into one of a few fixed bins, so that rollouts can be compared by eye. */
import { TOKEN, type Segment, type Timeline } from '../../../runtime/protocol/viewer.ts';
import type { UntrainedReason } from '../../../runtime/protocol/trace.ts';

export const MODES = ['probability', 'entropy', 'advantage', 'ratio', 'target', 'version', 'role', 'none'] as const;
export type Mode = (typeof MODES)[number];

export interface Bin {
  /** Class of its tokens; '' draws nothing. */
  look: string;
  label: string;
  count: number;
}

export interface Colouring {
  mode: Mode;
  /** Place in `bins` for each token; the first is for those the mode says nothing of. */
  of: Uint8Array;
  bins: Bin[];
}

export interface Words {
  /** Of a token that was sent, not sampled. */
  context: string;
  trained: string;
  reason(why: UntrainedReason): string;
  role(role: Segment['role']): string;
  version(version: number | null): string;
  missing: string;
}

export interface Known {
  /** Of the rollout; NaN: none. */
  advantage: number;
  /** Of other weights, one a token. */
  scored: Float32Array | undefined;
}

export function colourOf(mode: Mode, timeline: Timeline, { advantage, scored }: Known, words: Words): Colouring {
  const { count, logprob, entropy, flags } = timeline;
  const isTarget = (token: number): boolean => (flags[token]! & TOKEN.target) !== 0;
  switch (mode) {
    case 'probability':
      return binned(mode, count, (token) => (Number.isNaN(logprob[token]!) ? -1 : above(PROBABILITY, -logprob[token]!)), ['> 0.9', '0.5 – 0.9', '0.1 – 0.5', '0.01 – 0.1', '< 0.01'], SEQUENTIAL, words.context);
    case 'entropy':
      return binned(mode, count, (token) => (Number.isNaN(entropy[token]!) ? -1 : above(ENTROPY, entropy[token]!)), ['< 0.1', '0.1 – 0.5', '0.5 – 1', '1 – 2', '> 2'], SEQUENTIAL, words.missing);
    case 'advantage': {
      const bin = Number.isNaN(advantage) ? -1 : advantage <= -1 ? 0 : advantage < 0 ? 1 : advantage === 0 ? 2 : advantage < 1 ? 3 : 4;
      return binned(mode, count, (token) => (isTarget(token) ? bin : -1), ['≤ −1', '−1 – 0', '0', '0 – 1', '≥ 1'], DIVERGING, words.missing);
    }
    case 'ratio':
      return binned(mode, count, (token) => {
        const change = (scored?.[token] ?? NaN) - logprob[token]!;
        return Number.isNaN(change) ? -1 : above(RATIO, change);
      }, ['< 0.5', '0.5 – 0.8', '0.8 – 1.25', '1.25 – 2', '> 2'], DIVERGING, words.missing);
    case 'target': {
      const reasons = [...new Set(timeline.segments.flatMap(({ kind, why }) => (kind === 'answer' && why !== null ? [why] : [])))];
      const places = new Map<UntrainedReason | null, number>([[null, 0], ...reasons.map((why, place) => [why, place + 1] as const)]);
      return perSegment(mode, timeline, (segment) => (segment.kind === 'answer' ? places.get(segment.why)! : -1), [words.trained, ...reasons.map((why) => words.reason(why))], ['c-trained', ...reasons.map((_, place) => `c-untrained u${(place % 4) + 1}`)], words.context);
    }
    case 'version': {
      const versions = [...new Set(timeline.calls.map(({ version }) => version))].sort((a, b) => (a ?? -1) - (b ?? -1));
      const ofCall = new Map(timeline.calls.map((call) => [call.index, versions.indexOf(call.version)]));
      return perSegment(mode, timeline, (segment) => (segment.kind === 'answer' ? ofCall.get(segment.call) ?? -1 : -1), versions.map((version) => words.version(version)), versions.map((_, place) => `k${(place % 6) + 1}`), words.context);
    }
    case 'role': {
      const agents = [...new Set(timeline.calls.map(({ role }) => role))];
      const ofCall = new Map(timeline.calls.map((call) => [call.index, agents.indexOf(call.role)]));
      const labels = [...ROLES.map((role) => words.role(role)), ...agents.map((agent) => (agents.length === 1 ? words.role('assistant') : agent))];
      const looks = [...ROLES.map((role) => `r-${role}`), ...agents.map((_, place) => `k${(place % 6) + 1}`)];
      return perSegment(mode, timeline, (segment) => (segment.kind === 'answer' ? ROLES.length + (ofCall.get(segment.call) ?? 0) : ROLES.indexOf(segment.role === 'assistant' ? 'template' : segment.role)), labels, looks, words.missing);
    }
    case 'none':
      return binned(mode, count, () => -1, [], [], '');
  }
}

const ROLES = ['system', 'user', 'tool', 'template'] as const satisfies Segment['role'][];
const SEQUENTIAL = ['', 's1', 's2', 's3', 's4'];
const DIVERGING = ['d1', 'd2', '', 'd4', 'd5'];
const PROBABILITY = [-Math.log(0.9), -Math.log(0.5), -Math.log(0.1), -Math.log(0.01)];
const ENTROPY = [0.1, 0.5, 1, 2];
const RATIO = [Math.log(0.5), Math.log(0.8), Math.log(1.25), Math.log(2)];

function above(bounds: readonly number[], value: number): number {
  let bin = 0;
  while (bin < bounds.length && value >= bounds[bin]!) bin++;
  return bin;
}

function binned(mode: Mode, count: number, binOf: (token: number) => number, labels: readonly string[], looks: readonly string[], rest: string): Colouring {
  const of = new Uint8Array(count);
  const counts = new Uint32Array(labels.length + 1);
  for (let token = 0; token < count; token++) {
    const bin = binOf(token) + 1;
    of[token] = bin;
    counts[bin]!++;
  }
  return { mode, of, bins: [{ look: '', label: rest, count: counts[0]! }, ...labels.map((label, place) => ({ look: looks[place]!, label, count: counts[place + 1]! }))] };
}

function perSegment(mode: Mode, timeline: Timeline, binOf: (segment: Segment) => number, labels: readonly string[], looks: readonly string[], rest: string): Colouring {
  const bins = timeline.segments.map(binOf);
  return binned(mode, timeline.count, (token) => bins[timeline.segment[token]!]!, labels, looks, rest);
}
