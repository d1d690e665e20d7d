/** The same rollouts trained once with shared context and once row by row: the same loss, and how much longer the second takes. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadConfig } from '../../runtime/config/load.ts';
import { embedded } from '../../runtime/policy/open.ts';
import type { RolloutRecord } from '../../runtime/protocol/trace.ts';
import type { StepMetrics } from '../../runtime/protocol/trainer.ts';
import { findRun, openRunReader } from '../../runtime/trace/index.ts';
import { startEmbeddedTrainer } from '../../runtime/trainers/embedded/process.ts';
import { encodeStep } from '../../runtime/trainers/packs.ts';
import { makeBatch } from '../../runtime/training/batch.ts';
import { batchOptions, stepSettings } from '../../runtime/training/settings.ts';
import { median, unmeasured, type Figure } from './figure.ts';

const EXAMPLES = ['math-agent', 'countdown', 'frozenlake'];
const ROUNDS = 3;
const root = fileURLToPath(new URL('../../', import.meta.url));

export async function bench(): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const example of EXAMPLES) {
    const name = `training_wall_sharing_off_over_on_${example.replace('-', '_')}`;
    figures.push(await compare(example, name).catch((error: unknown) => unmeasured(name, 'ms', '> 1', error)));
  }
  return figures;
}

async function compare(example: string, name: string): Promise<Figure> {
  const conf = join(root, 'examples', example, `${example}.yaml`);
  const { config } = await loadConfig(conf);
  const records = await rollouts(conf);
  const shared: number[] = [];
  const rows: number[] = [];
  let losses: [number, number] = [NaN, NaN];
  for (let round = 0; round < ROUNDS; round++) {
    const on = await timed(records, config, true);
    const off = await timed(records, config, false);
    shared.push(on.milliseconds);
    rows.push(off.milliseconds);
    losses = [on.loss, off.loss];
  }
  const equal = Math.abs(losses[0] - losses[1]) <= 1e-4 * Math.max(1, Math.abs(losses[0]));
  const [ours, peer] = [median(shared), median(rows)];
  return {
    name, ours, peer, ratio: peer / ours, unit: 'ms a step', bound: '> 1 at equal loss', holds: peer > ours && equal,
    note: `8 tasks x 16 rollouts in one update; loss ${losses[0].toFixed(6)} shared, ${losses[1].toFixed(6)} row by row; peer: each call's whole context computed`,
  };
}

async function rollouts(conf: string): Promise<RolloutRecord[]> {
  const dir = mkdtempSync(join(tmpdir(), 'tuning-fork-sharing-'));
  const env = { ...process.env, TUNING_FORK_RUNTIME_DIR: join(dir, 'runtime') };
  const command = (...args: string[]): void => void execFileSync(process.execPath, [join(root, 'runtime/cli/bin.mjs'), ...args, '--project', dir], { env, stdio: 'ignore' });
  try {
    command('rollout', '--conf', conf, '--tasks', '8', '-n', '16');
    const reader = await openRunReader((await findRun(join(dir, 'runs'), 'latest')).dir);
    return await Promise.all(Array.from({ length: reader.count }, (_, index) => reader.read(index)));
  } finally {
    command('stop', '--force');
    rmSync(dir, { recursive: true, force: true });
  }
}

async function timed(records: RolloutRecord[], config: Awaited<ReturnType<typeof loadConfig>>['config'], trees: boolean): Promise<{ milliseconds: number; loss: number }> {
  const trainer = await startEmbeddedTrainer({ model: embedded });
  try {
    const info = await trainer.client.info();
    const { packs, updates } = makeBatch(records, { ...batchOptions(config, info), minibatches: 1, trees, version: info.version });
    const settings = { ...stepSettings(config, info, 1, 1), klCoef: 0 };
    const { metrics }: { metrics: StepMetrics } = await trainer.client.step(encodeStep(packs, { stepId: 'bench', version: info.version, settings, updates }));
    return { milliseconds: metrics.milliseconds, loss: metrics.loss };
  } finally {
    trainer.kill();
    await trainer.exited;
  }
}
