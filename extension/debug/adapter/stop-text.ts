/** Why a rollout stands still, in the language of whoever looks. The backbone's own sentence is English. */
import type { Stopped } from '../../../runtime/protocol/stops.ts';
import { l10n } from './l10n.ts';
import { number } from './words.ts';

export function stopText(stop: Stopped): string {
  const { call, answered, tool, error, reward, token } = stop;
  if (error !== undefined) return l10n.inWords(error).message;
  if (stop.on === 'no-spread') return l10n.t('All rollouts of the task have the reward {0}, so there is nothing to learn from them.', number(reward ?? 0));
  if (call !== undefined) return l10n.t('Before a model call of role "{0}".', call.role);
  if (tool !== undefined) return tool.result === undefined ? l10n.t('Before the tool "{0}" runs.', tool.name) : l10n.t('The tool "{0}" has run.', tool.name);
  if (answered === undefined) return reward == null ? l10n.t('The workflow has given its output; the judge comes next.') : l10n.t('The rollout is graded: reward {0}.', number(reward));
  const { index, malformed = '' } = answered;
  switch (stop.on) {
    case 'malformed': return l10n.t('Call {0} answered with a tool call that can\'t be read: {1}', index, malformed);
    case 'truncated': return l10n.t('The answer of call {0} was cut off at its longest.', index);
    case 'token': return l10n.t('Call {0} sampled a token of probability {1}.', index, (token?.probability ?? 0).toPrecision(2));
    case 'drift': return l10n.t('The prompt of call {0} does not go on from an earlier one, token for token.', index);
    default: return l10n.t('Call {0} is answered, and the agent does not have the answer yet.', index);
  }
}

/** A few words for the call stack, which shows them beside the name of the rollout. */
export function stopLabel({ on, call, answered, tool, reward }: Stopped): string {
  switch (on) {
    case 'error': return l10n.t('error');
    case 'malformed': return l10n.t('malformed tool call');
    case 'truncated': return l10n.t('truncated');
    case 'token': return l10n.t('unlikely token');
    case 'drift': return l10n.t('drift');
    case 'reward': return l10n.t('low reward');
    case 'no-spread': return l10n.t('one reward');
    default:
      if (call !== undefined) return l10n.t('at a model call');
      if (tool !== undefined) return l10n.t('at a tool');
      if (answered !== undefined) return l10n.t('at an answer');
      return reward == null ? l10n.t('at the judge') : l10n.t('graded');
  }
}
