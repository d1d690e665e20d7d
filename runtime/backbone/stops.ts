/** Which stop points fit what has happened in a rollout. Nothing is held here. */
import type { ErrorInfo } from '../protocol/errors.ts';
import type { Stopped, StopOn, StopPoint } from '../protocol/stops.ts';
import type { CallRecord } from '../protocol/trace.ts';

/** A moment at which a rollout can be stopped. */
export type Moment =
  | { at: 'call'; role: string }
  | { at: 'answer'; record: CallRecord }
  | { at: 'tool'; name: string }
  | { at: 'tool-result'; name: string; failed: boolean }
  | { at: 'judge' }
  | { at: 'error'; of: 'workflow' | 'judge'; error: ErrorInfo }
  | { at: 'graded'; reward: number }
  | { at: 'group-end'; rewards: readonly number[] };

export interface Hit {
  on: StopOn['on'];
  points: number[];
  token?: NonNullable<Stopped['token']>;
}

/** Where several fit at once, the one that says most gives the reason. */
const TELLING: readonly StopOn['on'][] = ['error', 'malformed', 'truncated', 'drift', 'token', 'no-spread', 'reward', 'judge', 'tool', 'call', 'answer'];

/** The stop points of a run, and how often each was hit. */
export class StopPoints {
  #points: { point: StopPoint; hits: number }[];

  constructor(points: readonly StopPoint[] = []) {
    this.#points = points.map((point) => ({ point, hits: 0 }));
  }

  /** A point that stays as it was goes on counting. */
  set(points: readonly StopPoint[]): void {
    const known = new Map(this.#points.map(({ point, hits }) => [JSON.stringify(point), hits]));
    this.#points = points.map((point) => ({ point, hits: known.get(JSON.stringify(point)) ?? 0 }));
  }

  has(id: number): boolean {
    return this.#points.some(({ point }) => point.id === id);
  }

  /** Counts this moment; undefined where no point asks to stop at it. */
  meet(moment: Moment): Hit | undefined {
    if (this.#points.length === 0) return undefined;
    const met = this.#points.filter((counted) => fits(counted.point, moment) && ++counted.hits >= (counted.point.hit ?? 1)).map(({ point }) => point);
    if (met.length === 0) return undefined;
    const [first] = met.toSorted((a, b) => TELLING.indexOf(a.on) - TELLING.indexOf(b.on));
    const unlikely = moment.at === 'answer' ? met.flatMap((point) => (point.on === 'token' ? unlikelyToken(moment.record, point.below) ?? [] : []))[0] : undefined;
    return { on: first!.on, points: met.map(({ id }) => id), ...(unlikely && { token: unlikely }) };
  }
}

function fits(point: StopPoint, moment: Moment): boolean {
  switch (moment.at) {
    case 'call': return point.on === 'call' && (point.role === undefined || point.role === moment.role);
    case 'answer': return fitsAnswer(point, moment.record);
    // A model object of the worker's own process is called like a tool of this name.
    case 'tool': return (point.on === 'tool' && (point.name === undefined || point.name === moment.name))
      || (point.on === 'call' && moment.name.startsWith('model:') && (point.role === undefined || moment.name === `model:${point.role}`));
    case 'tool-result': return moment.failed && point.on === 'error' && point.of === 'tool';
    case 'judge': return point.on === 'judge';
    case 'error': return point.on === 'error' && point.of === moment.of;
    case 'graded': return point.on === 'reward' && moment.reward < point.below;
    case 'group-end': return point.on === 'no-spread' && moment.rewards.length > 1 && moment.rewards.every((reward) => reward === moment.rewards[0]);
  }
}

function fitsAnswer(point: StopPoint, record: CallRecord): boolean {
  switch (point.on) {
    case 'answer': return point.role === undefined || point.role === record.role;
    case 'malformed': return record.malformed !== undefined;
    case 'truncated': return record.finish === 'length';
    case 'drift': return record.continuation === 'rewritten' || record.continuation === 'template';
    case 'token': return unlikelyToken(record, point.below) !== undefined;
    default: return false;
  }
}

/** The first one in the answer. */
function unlikelyToken({ tokens }: CallRecord, below: number): Stopped['token'] {
  const index = tokens?.logprobs?.findIndex((logprob) => Math.exp(logprob) < below) ?? -1;
  return index < 0 ? undefined : { index, probability: Math.exp(tokens!.logprobs![index]!) };
}

/** One sentence for a person. */
export function describe(moment: Moment, hit: Hit | undefined): string {
  switch (moment.at) {
    case 'call': return `Before a model call of role "${moment.role}".`;
    case 'answer': return describeAnswer(moment.record, hit);
    case 'tool': return `Before the tool "${moment.name}" runs.`;
    case 'tool-result': return moment.failed ? `The tool "${moment.name}" failed.` : `The tool "${moment.name}" has run.`;
    case 'judge': return 'The workflow has given its output; the judge comes next.';
    case 'error': return moment.error.message;
    case 'graded': return `The rollout is graded: reward ${moment.reward}.`;
    case 'group-end': return `All ${moment.rewards.length} rollouts of the task have the reward ${moment.rewards[0]}, so there is nothing to learn from them.`;
  }
}

function describeAnswer({ index, role, malformed, continuation }: CallRecord, hit: Hit | undefined): string {
  const call = `all ${index} (role "${role}")`;
  switch (hit?.on) {
    case 'malformed': return `C${call} answered with a tool call that can't be read: ${malformed}`;
    case 'truncated': return `The answer of c${call} was cut off at its longest.`;
    case 'token': return `C${call} sampled a token of probability ${hit.token!.probability.toPrecision(2)}.`;
    case 'drift': return continuation === 'rewritten'
      ? `The prompt of c${call} does not go on from an earlier one: its history was rewritten.`
      : `The prompt of c${call} does not go on from an earlier one: the chat template renders its history otherwise.`;
    default: return `C${call} is answered, and the agent does not have the answer yet.`;
  }
}
