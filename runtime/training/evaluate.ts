/** The rollouts of one validation as figures: greedy and sampled, each with its interval. */
import type { EvaluationFigures } from '../protocol/training.ts';
import type { RolloutRecord } from '../protocol/trace.ts';
import { scoreRollouts } from './score.ts';
import { clusteredEstimate, mean, passAt, shareEstimate } from './statistics.ts';

export interface Evaluation {
  step: number;
  tasks: EvaluatedTask[];
  greedy: EvaluationFigures;
  sampled: EvaluationFigures;
}

export interface EvaluatedTask {
  taskIndex: number;
  taskId: string;
  greedy: Outcome | null;
  sampled: Outcome[];
}

export interface Outcome {
  rollout: string;
  reward: number;
  success: boolean | null;
}

/** Sample 0 of a task is its greedy rollout. */
export function evaluationOf(step: number, records: readonly RolloutRecord[]): Evaluation {
  const { scored } = scoreRollouts(records);
  const outcomes = new Map(scored.map(({ record, reward, success }) => [record.rollout, { rollout: record.rollout, reward, success }]));
  const tasks = [...Map.groupBy(records, ({ taskIndex }) => taskIndex).values()].map((group): EvaluatedTask => {
    const ordered = group.toSorted((a, b) => a.sample - b.sample);
    const found = (wanted: readonly RolloutRecord[]): Outcome[] => wanted.flatMap(({ rollout }) => outcomes.get(rollout) ?? []);
    return {
      taskIndex: group[0]!.taskIndex, taskId: group[0]!.taskId,
      greedy: found(ordered.filter(({ sample }) => sample === 0))[0] ?? null,
      sampled: found(ordered.filter(({ sample }) => sample > 0)),
    };
  }).sort((a, b) => a.taskIndex - b.taskIndex);
  return {
    step, tasks,
    greedy: figures(records.filter(({ sample }) => sample === 0), tasks.map(({ greedy }) => (greedy === null ? [] : [greedy])), `greedy ${step}`),
    sampled: figures(records.filter(({ sample }) => sample > 0), tasks.map(({ sampled }) => sampled), `sampled ${step}`),
  };
}

export function figures(records: readonly RolloutRecord[], byTask: readonly (readonly Outcome[])[], key: string): EvaluationFigures {
  const { scored, lost } = scoreRollouts(records);
  const told = byTask.map((outcomes) => outcomes.filter(({ success }) => success !== null));
  const rights = told.flat().filter(({ success }) => success).length;
  const single = told.every(({ length }) => length <= 1);
  const calls = records.flatMap((record) => record.calls);
  return {
    rollouts: records.length, lost: lost.length, failed: scored.filter(({ failed }) => failed).length,
    reward: clusteredEstimate(byTask.map((outcomes) => outcomes.map(({ reward }) => reward)), `${key} reward`),
    success: told.flat().length === 0 ? null
      : single ? shareEstimate(rights, told.flat().length)
        : clusteredEstimate(told.map((outcomes) => outcomes.map(({ success }) => Number(success))), `${key} success`),
    passAt: passAtEach(told),
    sampledPerRollout: records.length === 0 ? 0 : calls.reduce((sum, call) => sum + call.usage.completion, 0) / records.length,
    truncated: calls.length === 0 ? 0 : calls.filter(({ finish }) => finish === 'length').length / calls.length,
  };
}

/** For 1, 2, 4, ... and all of a task's rollouts; tasks that have fewer don't count for that k. */
function passAtEach(told: readonly (readonly Outcome[])[]): Record<string, number> {
  const most = Math.max(0, ...told.map(({ length }) => length));
  const ks = new Set<number>();
  for (let k = 1; k < most; k *= 2) ks.add(k);
  if (most > 0) ks.add(most);
  return Object.fromEntries([...ks].map((k) => {
    const enough = told.filter(({ length }) => length >= k);
    return [k, mean(enough.map((outcomes) => passAt(k, outcomes.length, outcomes.filter(({ success }) => success).length)))];
  }));
}
