/** Stored validation rollouts as passes: all of one run that were sampled at the same temperature. Their figures, alone and side by side. */
import { TuningForkError } from '../protocol/errors.ts';
import type { Estimate, EvaluationFigures } from '../protocol/training.ts';
import type { CallRecord, RolloutRecord } from '../protocol/trace.ts';
import { openRunReader, type RunReader } from '../trace/index.ts';
import { figures, type Outcome } from './evaluate.ts';
import { scoreRollouts } from './score.ts';
import { gainEstimate, mean } from './statistics.ts';

export interface Pass {
  run: string;
  dir: string;
  model: string;
  temperature: number;
  /** Without token ids and tool results: figures don't need them. */
  records: RolloutRecord[];
}

export interface PassFigures extends EvaluationFigures {
  tasks: number;
  /** Most rollouts of one task. */
  repeats: number;
  /** Share of the calls whose tool call could not be read, or whose answer has not the form that was asked for. */
  malformed: number;
  tokensPerAnswer: number;
  /** null where the time can't be told. */
  tokensPerSecond: number | null;
}

export interface PassComparison {
  /** On the tasks that both have. */
  before: PassFigures;
  after: PassFigures;
  /** Mean over tasks of after - before. */
  reward: Estimate | null;
  success: Estimate | null;
  passAt: Record<string, number>;
  /** Tasks that at least half of the rollouts solve after and not before, and the other way round. */
  gained: string[];
  spoiled: string[];
}

/** A run that was asked for at one temperature, whatever its workflow made of that. */
export async function readPass(dir: string, temperature: number): Promise<Pass> {
  const reader = await openRunReader(dir);
  return { run: reader.info.run, dir, model: reader.info.policy, temperature, records: await lastValidation(reader) };
}

/** The passes of a run; of a training, those of its last validation. The rollouts of a pass are told by their trained role's temperature. */
export async function readPasses(dir: string): Promise<Pass[]> {
  const reader = await openRunReader(dir);
  const { run, policy } = reader.info;
  const records = await lastValidation(reader);
  if (records.length === 0) throw new TuningForkError('usage', `Run ${run} holds no rollouts on validation tasks.`, { next: 'Make some with: tuning-fork eval --conf <yaml>' });
  const ofSample = new Map(records.flatMap((record) => (temperatureOf(record) === undefined ? [] : [[record.sample, temperatureOf(record)!] as const])));
  // Where a rollout failed before its first call, others with its number tell.
  const byTemperature = Map.groupBy(records, (record) => temperatureOf(record) ?? ofSample.get(record.sample));
  return [...byTemperature].flatMap(([temperature, group]) => (temperature === undefined ? [] : [{ run, dir, model: policy, temperature, records: group }]));
}

/** In the order of the data, so that intervals don't depend on which rollout ended first. */
async function lastValidation(reader: RunReader): Promise<RolloutRecord[]> {
  const wanted = Array.from({ length: reader.count }, (_, index) => reader.entry(index)).filter(({ split, status }) => split === 'validation' && status !== 'cancelled');
  const last = wanted.reduce((step, entry) => Math.max(step, entry.step), 0);
  const records: RolloutRecord[] = [];
  const inOrder = wanted.filter(({ step }) => step === last).sort((a, b) => a.taskIndex - b.taskIndex || a.sample - b.sample);
  for (const { id } of inOrder) records.push(withoutTokens(await reader.read(id)));
  return records;
}

function withoutTokens(record: RolloutRecord): RolloutRecord {
  const calls = record.calls.map(({ tokens: _tokens, tools: _tools, ...call }): CallRecord => ({ ...call, history: { from: null, add: [] } }));
  return { ...record, calls, tools: [], log: [] };
}

function temperatureOf({ calls }: RolloutRecord): number | undefined {
  return (calls.find(({ target }) => target) ?? calls[0])?.sampling.temperature;
}

export function figuresOf({ records, temperature }: Pick<Pass, 'records' | 'temperature'>): PassFigures {
  const tasks = outcomesByTask(records);
  const calls = records.flatMap((record) => record.calls);
  const sampled = calls.reduce((sum, { usage }) => sum + usage.completion, 0);
  const seconds = secondsOf(records);
  const each = [...tasks.values()];
  return {
    ...figures(records, each, `pass ${temperature}`),
    tasks: tasks.size,
    repeats: Math.max(0, ...each.map(({ length }) => length)),
    malformed: calls.length === 0 ? 0 : calls.filter(({ malformed }) => malformed !== undefined).length / calls.length,
    tokensPerAnswer: calls.length === 0 ? 0 : sampled / calls.length,
    tokensPerSecond: seconds > 0 ? sampled / seconds : null,
  };
}

/** null: they have no task in common. */
export function comparePasses(before: Pass, after: Pass): PassComparison | null {
  const [shared, others] = [new Set(before.records.map(taskKey)), new Set(after.records.map(taskKey))];
  const only = (pass: Pass): Pass => ({ ...pass, records: pass.records.filter((record) => shared.has(taskKey(record)) && others.has(taskKey(record))) });
  const [old, now] = [only(before), only(after)];
  if (old.records.length === 0) return null;
  const names = new Map(now.records.map((record) => [taskKey(record), record.taskId]));
  const [oldTasks, nowTasks] = [outcomesByTask(old.records), outcomesByTask(now.records)];
  const pairs = [...nowTasks].flatMap(([task, outcomes]) => (oldTasks.get(task)!.length > 0 && outcomes.length > 0 ? [{ task, before: oldTasks.get(task)!, after: outcomes }] : []));
  const judged = pairs.flatMap(({ task, ...pair }) => {
    const [was, is] = [shareRight(pair.before), shareRight(pair.after)];
    return was === null || is === null ? [] : [{ task: names.get(task)!, before: was, after: is }];
  });
  const [oldFigures, nowFigures] = [figuresOf(old), figuresOf(now)];
  return {
    before: oldFigures, after: nowFigures,
    reward: gainEstimate(pairs.map((pair) => ({ before: meanReward(pair.before), after: meanReward(pair.after) })), 'passes reward'),
    success: gainEstimate(judged, 'passes success'),
    passAt: Object.fromEntries(Object.entries(nowFigures.passAt).flatMap(([k, value]) => (k in oldFigures.passAt ? [[k, value - oldFigures.passAt[k]!]] : []))),
    gained: judged.filter((task) => task.before < 0.5 && task.after >= 0.5).map(({ task }) => task),
    spoiled: judged.filter((task) => task.before >= 0.5 && task.after < 0.5).map(({ task }) => task),
  };
}

/** A task is what the agent was given: the same name over another text is another task. */
function taskKey({ task }: RolloutRecord): string {
  return JSON.stringify(task);
}

function outcomesByTask(records: readonly RolloutRecord[]): Map<string, Outcome[]> {
  const { scored } = scoreRollouts(records);
  const outcomes = new Map(scored.map(({ record, reward, success }) => [record.rollout, { rollout: record.rollout, reward, success }]));
  return new Map([...Map.groupBy(records, taskKey)].map(([task, group]) => [task, group.flatMap(({ rollout }) => outcomes.get(rollout) ?? [])]));
}

function meanReward(outcomes: readonly Outcome[]): number {
  return mean(outcomes.map(({ reward }) => reward));
}

function shareRight(outcomes: readonly Outcome[]): number | null {
  const told = outcomes.filter(({ success }) => success !== null);
  return told.length === 0 ? null : mean(told.map(({ success }) => Number(success)));
}

/** From the first rollout's start to the last one's end. */
function secondsOf(records: readonly RolloutRecord[]): number {
  const starts = records.map(({ started }) => Date.parse(started));
  const ends = records.map(({ started, duration }) => Date.parse(started) + duration);
  return records.length === 0 ? 0 : (ends.reduce((a, b) => Math.max(a, b)) - starts.reduce((a, b) => Math.min(a, b))) / 1_000;
}
