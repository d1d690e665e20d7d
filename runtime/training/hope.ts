/** Whether the first step leaves any hope for the next ones. */
import { TuningForkError } from '../protocol/errors.ts';
import type { RolloutRecord } from '../protocol/trace.ts';

/** What is wrong with all rollouts of the first step is wrong with the workflow or with what was asked for: hundreds of steps would change nothing. */
export function checkHope(records: readonly RolloutRecord[], run: string): void {
  const [first] = records;
  if (first?.error !== undefined && records.every(({ error }) => error !== undefined)) {
    const { message, where, next, stack } = first.error;
    throw new TuningForkError('training', `All ${records.length} rollouts of the first step failed, so there is nothing to learn from. The first: ${message}`, {
      where, stack, next: next ?? `"tuning-fork runs show ${run} --rollout ${first.rollout}" shows what happened in it.`,
    });
  }
  const calls = records.flatMap((record) => record.calls);
  if (calls.some(({ target }) => target)) return;
  const roles = [...new Set(calls.map(({ role }) => role))];
  if (roles.length === 0) {
    throw new TuningForkError('training', 'No rollout of the first step called the model, so there is nothing to learn from.', { next: 'Call the tuner that execute(task, tuner) gets, or a model made of it.' });
  }
  throw new TuningForkError('training', `No role that is trained was asked for in the first step, so there is nothing to learn from. Models were called in ${roles.join(', ')}.`, {
    next: `Train one of them, e.g. with --train ${roles[0]!}.`,
  });
}
