/**
 * What reinforcement learning lifts, on the examples as they are: trained by the command, judged on held-out tasks before and after.
 * The peer is the same policy before training. One seed, or as many as TUNING_FORK_BENCH_SEEDS says; all examples, or those that
 * TUNING_FORK_BENCH_EXAMPLES names. The curves are drawn where all were trained.
 */
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseDocument } from 'yaml';
import type { RunEvent } from '../../runtime/protocol/backbone.ts';
import type { EvaluationRow, StepRow, TrainingReport } from '../../runtime/protocol/training.ts';
import { drawCurves } from './curves.ts';
import { median, unmeasured, type Figure } from './figure.ts';

const SEEDS = Number(process.env.TUNING_FORK_BENCH_SEEDS ?? 1);
const ONLY = process.env.TUNING_FORK_BENCH_EXAMPLES?.split(',');
const HELD_OUT = 500;
const MOST_SECONDS = 180;

interface Goal {
  example: string;
  name: string;
  /** Least success of sampled rollouts after training, and least gain of it. */
  sampled: number;
  gain: number;
}

const GOALS: Goal[] = [
  { example: 'math-agent', name: 'math_agent', sampled: 0.8, gain: 0 },
  { example: 'countdown', name: 'countdown', sampled: 0.65, gain: 0.25 },
  { example: 'frozenlake', name: 'frozenlake', sampled: 0.8, gain: 0 },
];
const GREEDY_GAIN = 0.1;

const root = fileURLToPath(new URL('../../', import.meta.url));
const bin = join(root, 'runtime/cli/bin.mjs');

export interface Learned {
  example: string;
  seed: number;
  steps: StepRow[];
  before: EvaluationRow;
  after: EvaluationRow;
  /** Seconds of all steps together, validations left out. */
  seconds: number;
}

export async function bench(): Promise<Figure[]> {
  const figures: Figure[] = [];
  const all: Learned[] = [];
  const goals = GOALS.filter(({ example }) => ONLY?.includes(example) ?? true);
  for (const goal of goals) {
    try {
      const runs: Learned[] = [];
      for (let seed = 1; seed <= SEEDS; seed++) runs.push(await learn(goal.example, seed));
      all.push(...runs);
      figures.push(...figuresOf(goal, runs));
    } catch (error) {
      for (const kind of ['sampled', 'greedy']) figures.push(unmeasured(`${goal.name}_${kind}`, 'success', '', error));
    }
  }
  if (all.length > 0 && goals.length === GOALS.length) writeFileSync(join(root, 'examples/images/learning.svg'), drawCurves(all));
  return figures;
}

async function learn(example: string, seed: number): Promise<Learned> {
  const dir = mkdtempSync(join(tmpdir(), 'tuning-fork-learning-'));
  const env = { ...process.env, TUNING_FORK_RUNTIME_DIR: join(dir, 'runtime') };
  const steps: StepRow[] = [];
  let report: TrainingReport | undefined;
  try {
    const conf = yamlOf(example, dir);
    const child = spawn(process.execPath, [bin, 'train', '--conf', conf, '--seed', String(seed), '--json', '--project', dir], { cwd: root, env, stdio: ['ignore', 'pipe', 'inherit'] });
    for await (const line of createInterface(child.stdout)) {
      if (!line.startsWith('{"type":"training"') && !line.startsWith('{"type":"report"')) continue;
      const event = JSON.parse(line) as RunEvent;
      if (event.type === 'report') report = event.report;
      else if (event.type === 'training' && event.event.type === 'step') steps.push(event.event.row);
    }
  } finally {
    execFileSync(process.execPath, [bin, 'stop', '--force', '--project', dir], { env, stdio: 'ignore' });
    rmSync(dir, { recursive: true, force: true });
  }
  if (!report?.before || !report.after) throw new Error(`Training ${example} with seed ${seed} gave no report.`);
  return { example, seed, steps, before: report.before, after: report.after, seconds: steps.reduce((sum, { time }) => sum + time.total, 0) / 1_000 };
}

/** The example's own YAML, but judged once at each end, on more tasks. */
function yamlOf(example: string, dir: string): string {
  const folder = join(root, 'examples', example);
  const yaml = parseDocument(readFileSync(join(folder, `${example}.yaml`), 'utf8'));
  const at = (path: string): string[] => ['tuning_fork', ...path.split('.')];
  const workflow = String(yaml.getIn(at('rollout.user_workflow')));
  yaml.setIn(at('rollout.user_workflow'), join(folder, workflow));
  for (const split of ['training', 'validation']) {
    const file = yaml.getIn(at(`task_reader.jsonl_dataset_file.${split}.file_path`));
    if (file !== undefined) yaml.setIn(at(`task_reader.jsonl_dataset_file.${split}.file_path`), join(folder, String(file)));
  }
  if (yaml.getIn(at('task_reader.type')) === 'random_dummy') yaml.setIn(at('task_reader.random_dummy.validation.count'), HELD_OUT);
  yaml.setIn(at('trainer_common.test_freq'), yaml.getIn(at('trainer_common.total_training_steps')));
  yaml.setIn(at('trainer_common.save_freq'), -1);
  yaml.setIn(at('trainer_common.val_max_num_task_each_validation'), HELD_OUT);
  yaml.setIn(at('trainer_common.val_pass_n'), 2);
  const conf = join(dir, `${example}.yaml`);
  writeFileSync(conf, String(yaml));
  return conf;
}

function figuresOf({ name, sampled, gain }: Goal, runs: Learned[]): Figure[] {
  const success = (row: EvaluationRow, kind: 'sampled' | 'greedy'): { mean: number; low: number; high: number } => row[kind].success ?? { mean: NaN, low: NaN, high: NaN };
  const each = (kind: 'sampled' | 'greedy'): { ours: number; peer: number; apart: boolean } => ({
    ours: median(runs.map(({ after }) => success(after, kind).mean)),
    peer: median(runs.map(({ before }) => success(before, kind).mean)),
    apart: runs.every(({ before, after }) => success(after, kind).low > success(before, kind).high),
  });
  const seconds = Math.max(...runs.map((run) => run.seconds));
  const note = `${runs.length} ${runs.length === 1 ? 'seed' : 'seeds'}, ${runs[0]!.after.tasks} held-out tasks, ${runs[0]!.steps.length} steps in ${Math.round(seconds)} s at most; peer: before training`;
  const [s, g] = [each('sampled'), each('greedy')];
  return [
    {
      name: `${name}_sampled`, ours: s.ours, peer: s.peer, ratio: s.ours / s.peer, unit: 'success', note,
      bound: `>= ${sampled}${gain > 0 ? ` and +${gain}` : ''} within ${MOST_SECONDS} s from <= 0.5, outside the interval`,
      holds: s.ours >= sampled && s.ours - s.peer >= gain && s.peer <= 0.5 && s.apart && seconds <= MOST_SECONDS,
    },
    {
      name: `${name}_greedy`, ours: g.ours, peer: g.peer, ratio: g.ours / g.peer, unit: 'success', note,
      bound: `+${GREEDY_GAIN} from <= 0.5, outside the interval`,
      holds: g.ours - g.peer >= GREEDY_GAIN && g.peer <= 0.5 && g.apart,
    },
  ];
}
