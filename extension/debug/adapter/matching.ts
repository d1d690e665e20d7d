/** Whether a point of a stored rollout is one that somebody asked to be stopped at. While a rollout runs the backbone decides that. */
import type { StopOn, StopPoint } from '../../../runtime/protocol/stops.ts';
import type { Moment } from './moment.ts';

export function matches(point: StopOn, { stop, tools }: Moment): boolean {
  const { answered: call, tool, error } = stop;
  const ended = stop.on === 'judge' || stop.on === 'error';
  switch (point.on) {
    case 'call': case 'answer': return call !== undefined && (point.role === undefined || point.role === call.role);
    case 'tool': return tool !== undefined && (point.name === undefined || point.name === tool.name);
    case 'judge': return ended;
    case 'error':
      if (point.of === 'tool') return tool !== undefined && tools.at(-1)?.error === true;
      return error !== undefined && (error.code === 'judge' || error.code === 'reward') === (point.of === 'judge');
    case 'malformed': return call?.malformed !== undefined;
    case 'truncated': return call?.finish === 'length';
    case 'reward': return ended && typeof stop.reward === 'number' && stop.reward < point.below;
    case 'token': return call?.tokens?.logprobs?.some((logprob) => Math.exp(logprob) < point.below) ?? false;
    case 'drift': return call?.continuation === 'rewritten' || call?.continuation === 'template';
    // A rollout alone has no spread; only its group tells.
    case 'no-spread': return false;
  }
}

export function matching(points: readonly StopPoint[], moment: Moment): StopPoint[] {
  return points.filter((point) => matches(point, moment));
}
