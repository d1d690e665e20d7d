/** What a training changed: before and after, which tasks turned, and how both go about the same task. */
import { join } from 'node:path';
import type { ErrorInfo } from '../protocol/errors.ts';
import type { Language } from '../protocol/localize.ts';
import type { RolloutRecord } from '../protocol/trace.ts';
import type { EvaluationRow, MetricsRow, ReportTask, TrainingReport, Transcript } from '../protocol/training.ts';
import { replaceFile } from '../trace/replace.ts';
import { messagesOf } from '../trace/resolve.ts';
import { reportPage } from '../view/report-page.ts';
import { evaluationOf, type EvaluatedTask } from './evaluate.ts';
import { gainEstimate, mean } from './statistics.ts';

export const REPORT = { json: 'report.json', html: 'report.html' } as const;
const PAIRS = 3;
const LISTED = 20;
const LONGEST_TEXT = 4_000;

export interface ReportParts {
  run: string;
  workflow: string;
  model: string;
  rows: readonly MetricsRow[];
  /** Records of the first and the last validation. */
  sides: { before: readonly RolloutRecord[]; after: readonly RolloutRecord[] } | undefined;
  best: string | null;
  last: string | null;
  notices: ErrorInfo[];
  duration: number;
}

export function makeReport({ run, workflow, model, rows, sides, best, last, notices, duration }: ReportParts): TrainingReport {
  const steps = rows.filter((row) => row.kind === 'step');
  const evaluations = rows.filter((row) => row.kind === 'evaluation').toSorted((a, b) => a.step - b.step);
  const before = evaluations.find(({ step }) => step === 0) ?? null;
  const after = evaluations.findLast(({ step }) => step > 0) ?? null;
  const tasks = sides === undefined ? [] : compared(sides.before, sides.after);
  const turned = (was: boolean): ReportTask[] => tasks.filter(({ before, after }) => before?.success === was && after?.success === !was).map(({ task }) => task);
  const gained = turned(false);
  const spoiled = turned(true);
  return {
    v: 1, run, workflow, model, steps: steps.length, before, after,
    gain: {
      greedy: gainEstimate(tasks.flatMap(({ before, after }) => (before === null || after === null ? [] : [{ before: before.reward, after: after.reward }])), 'gain greedy'),
      sampled: gainEstimate(tasks.flatMap(({ sampledBefore, sampledAfter }) => (sampledBefore === null || sampledAfter === null ? [] : [{ before: sampledBefore, after: sampledAfter }])), 'gain sampled'),
    },
    gained, spoiled,
    curve: curveOf(steps, evaluations),
    pairs: sides === undefined ? [] : pairsOf(tasks, gained, spoiled, sides),
    checkpoints: { best, last }, notices, duration,
  };
}

export async function writeReport(dir: string, report: TrainingReport, language?: Language): Promise<{ json: string; html: string }> {
  const files = { json: join(dir, REPORT.json), html: join(dir, REPORT.html) };
  await replaceFile(files.json, `${JSON.stringify(report, null, 2)}\n`);
  await replaceFile(files.html, reportPage(report, language));
  return files;
}

interface Compared {
  task: ReportTask;
  before: EvaluatedTask['greedy'];
  after: EvaluatedTask['greedy'];
  sampledBefore: number | null;
  sampledAfter: number | null;
}

function compared(before: readonly RolloutRecord[], after: readonly RolloutRecord[]): Compared[] {
  const later = new Map(evaluationOf(1, after).tasks.map((task) => [task.taskIndex, task]));
  return evaluationOf(0, before).tasks.flatMap((one) => {
    const other = later.get(one.taskIndex);
    if (other === undefined) return [];
    return [{
      task: { taskId: one.taskId, taskIndex: one.taskIndex, before: one.greedy?.reward ?? null, after: other.greedy?.reward ?? null },
      before: one.greedy, after: other.greedy, sampledBefore: meanReward(one), sampledAfter: meanReward(other),
    }];
  });
}

function meanReward({ sampled }: EvaluatedTask): number | null {
  return sampled.length === 0 ? null : mean(sampled.map(({ reward }) => reward));
}

function curveOf(steps: readonly (MetricsRow & { kind: 'step' })[], evaluations: readonly EvaluationRow[]): TrainingReport['curve'] {
  const points = new Map<number, TrainingReport['curve'][number]>();
  for (const { step, rewardMean, entropy } of steps) points.set(step, { step, reward: rewardMean, entropy });
  for (const { step, greedy, sampled } of evaluations) {
    points.set(step, { ...points.get(step) ?? { step, reward: null, entropy: null }, greedy: greedy.reward?.mean, sampled: sampled.reward?.mean });
  }
  return [...points.values()].sort((a, b) => a.step - b.step);
}

/** What became right first, then what became wrong, then where the reward changed most. */
function pairsOf(tasks: readonly Compared[], gained: readonly ReportTask[], spoiled: readonly ReportTask[], sides: NonNullable<ReportParts['sides']>): TrainingReport['pairs'] {
  const change = ({ before, after }: ReportTask): number => Math.abs((after ?? 0) - (before ?? 0));
  const others = tasks.map(({ task }) => task).filter((task) => change(task) > 0).sort((a, b) => change(b) - change(a));
  const chosen = [...new Set([...gained.slice(0, PAIRS - 1), ...spoiled.slice(0, 1), ...gained, ...others])].slice(0, PAIRS);
  const transcripts = (records: readonly RolloutRecord[]): Map<number, RolloutRecord> => new Map(records.filter(({ sample }) => sample === 0).map((record) => [record.taskIndex, record]));
  const [before, after] = [transcripts(sides.before), transcripts(sides.after)];
  return chosen.flatMap((task) => {
    const [was, is] = [before.get(task.taskIndex), after.get(task.taskIndex)];
    return was === undefined || is === undefined ? [] : [{ task, before: transcriptOf(was), after: transcriptOf(is) }];
  });
}

/** The conversation that ends with the last call; the branches before it are in the trace. */
function transcriptOf(record: RolloutRecord): Transcript {
  const last = record.calls.at(-1);
  const messages = last === undefined ? [] : [...messagesOf(record, last.index), last.reply];
  return {
    rollout: record.rollout, reward: record.reward, success: record.success,
    messages: messages.slice(-LISTED).map(({ role, content, reasoning, tool_calls: calls = [] }) => ({
      role, text: short([reasoning, content, ...calls.map(({ function: { name, arguments: args } }) => `${name}(${args})`)].filter((part) => part).join('\n')),
    })),
  };
}

function short(text: string): string {
  return text.length <= LONGEST_TEXT ? text : `${text.slice(0, LONGEST_TEXT)}…`;
}
