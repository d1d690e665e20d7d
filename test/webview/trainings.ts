/** Trainings as the runtime leaves them on the disk, of any length, and the dashboard over them in a real Chromium. */
import { appendFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { BrowserContextOptions, Page } from 'playwright-core';
import type { DashboardAction, DashboardCapability } from '../../runtime/protocol/dashboard.ts';
import type { RunInfo } from '../../runtime/protocol/trace.ts';
import type { EvaluationFigures, EvaluationRow, StepRow } from '../../runtime/protocol/training.ts';
import { createRun } from '../../runtime/trace/writer.ts';
import { Dashboard } from '../../runtime/view/dashboard.ts';
import { serveViewer } from '../../runtime/view/server.ts';
import { RunViewer } from '../../runtime/view/viewer.ts';
import { dice, newRun, rollout } from '../runtime/trace/samples.ts';
import type { Pages } from './pages.ts';

export function stepRow(step: number, random: () => number, more: Partial<StepRow> = {}): StepRow {
  const reward = 1 - Math.exp(-step / 3_000) * 0.8 + (random() - 0.5) * 0.1;
  return {
    kind: 'step', step, epoch: 1, version: step, stepped: true, tasks: 8, rollouts: 128, lost: 0, failed: 0, rewardMean: reward, rewardStd: 0.2 + random() * 0.1, rewardMin: 0, rewardMax: 1, success: reward * 0.9,
    callsPerRollout: 2 + random(), sampledPerRollout: 40 + random() * 8, truncated: random() * 0.02, malformed: random() * 0.01, groups: 8, groupsWithSpread: Math.floor(random() * 9), groupsWithoutSpread: 0, groupsOfOne: 0,
    sampledTokens: 5_000, trainedTokens: 3_000, untrained: { 'no-spread': 2_000 }, targets: 800, naiveTokens: 6_000, sharedTokens: 1_000, computedTokens: 1_100, saved: 0.8 + random() * 0.1, packs: 3, updates: 1, skipped: 0,
    learningRate: 0.0006, loss: random() - 0.5, policyLoss: 0, kl: random() * 0.1, entropy: 0.3 * Math.exp(-step / 5_000) + random() * 0.02, clipLow: random() * 0.01, clipHigh: random() * 0.02, clipDual: 0, ratioMean: 1,
    ratioMax: 1 + random(), samplerGap: random() * 1e-6, importanceMean: 1, gradNorm: random() * 2,
    time: { at: 1_795_173_444_720 + step * 700, collect: 400 + random() * 100, prepare: 10, score: 5, learn: 120, total: 560 + random() * 100, sampledPerSecond: 9_000 + random() * 1_000 }, ...more,
  };
}

export function evaluationRow(step: number, mean: number): EvaluationRow {
  const figures: EvaluationFigures = { rollouts: 100, lost: 0, failed: 0, reward: { mean, low: mean - 0.05, high: mean + 0.05 }, success: { mean, low: mean - 0.05, high: mean + 0.05 }, passAt: { 1: mean, 4: mean }, sampledPerRollout: 40, truncated: 0 };
  return { kind: 'evaluation', step, tasks: 100, greedy: figures, sampled: figures, best: step > 0, time: { at: 0, total: 900 } };
}

export interface TrainingOptions {
  experiment: string;
  steps: number;
  /** Of each step. */
  rollouts?: number;
  seed?: number;
  state?: RunInfo['state'];
  planned?: number;
}

/** Its folder. */
export async function writeTraining(root: string, { experiment, steps, rollouts = 0, seed = 1, state = 'finished', planned = steps }: TrainingOptions): Promise<string> {
  const random = dice(seed);
  const writer = await createRun(root, newRun({ kind: 'training', experiment, workflow: 'math_agent', state, config: { trainer_common: { total_training_steps: planned }, model: { path: 'embedded' } } }));
  const sample = rollout(0, 1, 2);
  for (let step = 1; step <= steps && rollouts > 0; step++) {
    await Promise.all(Array.from({ length: rollouts }, (_, n) => writer.seal({ ...sample, rollout: `s${step}t${n >> 2}n${n & 3}`, step, taskIndex: n >> 2, taskId: `task-${n >> 2}`, sample: n & 3, reward: (n % 5) / 4, duration: 10 + n })));
  }
  await writer.close();
  const rows = [evaluationRow(0, 0.4), ...Array.from({ length: steps }, (_, i) => stepRow(i + 1, random)), evaluationRow(steps, 0.8)];
  await writeFile(join(writer.dir, 'metrics.jsonl'), rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  await keep(writer.dir, steps);
  return writer.dir;
}

export async function keep(dir: string, step: number): Promise<void> {
  await writeFile(join(dir, 'training.json'), JSON.stringify({ v: 1, step, checkpoints: [{ name: `step-${step}`, directory: `checkpoints/step-${step}`, step, version: step, best: true }], finished: false }));
}

export async function addSteps(dir: string, from: number, to: number): Promise<void> {
  const random = dice(from);
  await appendFile(join(dir, 'metrics.jsonl'), Array.from({ length: to - from + 1 }, (_, i) => `${JSON.stringify(stepRow(from + i, random))}\n`).join(''));
  await keep(dir, to);
}

export interface OpenedDashboard {
  page: Page;
  asked: DashboardAction[];
  said: string[];
  close(): Promise<void>;
}

export async function openDashboard(pages: Pages, dir: string, { capabilities = ['rollout', 'code'], language = 'en', ...context }: { capabilities?: DashboardCapability[]; language?: string } & BrowserContextOptions = {}): Promise<OpenedDashboard> {
  const asked: DashboardAction[] = [];
  const said: string[] = [];
  const dashboard = new Dashboard([join(dir, '../../..')], { capabilities, language, act: async (action) => void asked.push(action) });
  const server = await serveViewer({ viewer: await RunViewer.open(dir, { capabilities: [], language, act: async () => null }), dashboard, assets: join(pages.dir, 'webview') });
  const page = await pages.browser.newPage({ viewport: { width: 1400, height: 900 }, ...context });
  page.setDefaultTimeout(10_000);
  page.on('pageerror', (error) => said.push(error.stack ?? error.message));
  page.on('console', (message) => message.type() === 'error' && !message.text().includes('favicon') && said.push(message.text()));
  await page.goto(server.dashboardUrl);
  return {
    page, asked, said,
    close: async () => {
      await page.close();
      await server.close();
    },
  };
}
