/** What each rollout of a step counts for: a reward, or nothing because it ended through no fault of the agent. */
import { TuningForkError, type ErrorCode } from '../protocol/errors.ts';
import type { CallRecord, RolloutRecord } from '../protocol/trace.ts';

/** Ends that say something about the agent: its code threw or hung, or its conversation outgrew the model. Any other failure leaves the group. */
const AGENTS_OWN: ReadonlySet<ErrorCode> = new Set([
  'rollout-threw', 'rollout-timeout', 'rollout-blocked', 'rollout-exited', 'tool', 'model-request', 'context-length',
]);

/** Of an end that says something about the agent. */
const FAILURE_REWARD = 0;

export interface ScoredRollout {
  /** As it counts: a failure of the agent's own stands here as finished, with the reward of a failure. */
  record: RolloutRecord;
  reward: number;
  success: boolean | null;
  failed: boolean;
}

interface Scored {
  scored: ScoredRollout[];
  /** Rollouts that left their group. */
  lost: RolloutRecord[];
}

export function scoreRollouts(records: readonly RolloutRecord[]): Scored {
  const scored: ScoredRollout[] = [];
  const lost: RolloutRecord[] = [];
  for (const record of records) {
    if (record.status === 'finished' && record.reward !== null) {
      if (!Number.isFinite(record.reward)) {
        throw new TuningForkError('non-finite', `The reward of rollout ${record.rollout} is ${record.reward}, not a finite number.`);
      }
      scored.push({ record, reward: record.reward, success: record.success, failed: false });
    } else if (record.status === 'failed' && record.error !== undefined && AGENTS_OWN.has(record.error.code)) {
      scored.push({ record: { ...record, status: 'finished', reward: FAILURE_REWARD }, reward: FAILURE_REWARD, success: false, failed: true });
    } else {
      lost.push(record);
    }
  }
  return { scored, lost };
}

/** An answer that was cut off says nothing of what the policy would have said: it is out of the loss, and its rollout stays in the baseline. */
export function isOverLong(record: RolloutRecord, call: CallRecord): boolean {
  return call.finish === 'length' || record.error?.code === 'context-length';
}

/** Rollouts of one instance of a task. Two rows of a data set with the same text are two instances. */
export function groupOf({ step, taskIndex }: Pick<RolloutRecord, 'step' | 'taskIndex'>): string {
  return `s${step}t${taskIndex}`;
}
