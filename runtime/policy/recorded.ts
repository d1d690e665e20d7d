/** Stands for every model where rollouts are executed from their records alone. */
import { TuningForkError } from '../protocol/errors.ts';
import type { ChatPolicy } from './policy.ts';

const SHOWN = 120;

export function recordedPolicy(): ChatPolicy {
  return {
    kind: 'chat',
    label: 'recorded',
    complete: ({ messages }) => {
      const last = messages.at(-1);
      const asked = last === undefined ? '' : ` It ends with ${last.role}: ${JSON.stringify(last.content.length > SHOWN ? `${last.content.slice(0, SHOWN)}…` : last.content)}.`;
      throw new TuningForkError('diverged', `After the calls of its record the rollout makes another one, which only a model could answer.${asked}`, {
        next: 'Make the code end as it did, or run it with a model and save that rollout as the test.',
      });
    },
    close: () => Promise.resolve(),
  };
}
