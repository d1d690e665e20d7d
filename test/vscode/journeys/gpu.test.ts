import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { journey } from '../journey.ts';
import { repository } from '../launch.ts';
import { until } from '../until.ts';
import type { Workbench } from '../workbench.ts';

const from = join(repository, 'examples/math-agent');
const yaml = readFileSync(join(from, 'math-agent.yaml'), 'utf8').replace('num_repeat: 16', 'num_repeat: 4').replace('total_training_steps: 60', 'total_training_steps: 2000').replace('test_freq: 20', 'test_freq: -1');
/** Made by the Python tests. */
const python = join(repository, '.venv/bin/python');
/** Nothing of the person whose machine this is. */
const env = { TUNING_FORK_HOME: '/nowhere/tuning-fork' };

async function untilStep(workbench: Workbench, step: number): Promise<void> {
  await until(async () => (await workbench.statusBar()).some((item) => /reward \d/.test(item) && Number(/(\d+)\/\d+/.exec(item)?.[1] ?? 0) >= step), `The status bar did not come to step ${step}.`, 120_000);
}

journey('a training on the GPU where none is set up says so, and what can be done instead', {
  env, workspace: { from, files: { 'math-agent.yaml': yaml.replace('tuning_fork:\n', 'tuning_fork:\n  backbone: gpu\n') } },
}, async ({ workbench, screenshot }) => {
  await workbench.command('Tuning Fork: Start Training');
  const told = await workbench.notification(/The GPU runtime is not set up on this machine/, 60_000);
  await told.getByRole('button', { name: 'Set Up GPU Runtime' }).waitFor();
  await screenshot('gpu-not-set-up');
  await told.getByRole('button', { name: 'Train on This Machine' }).click();
  await untilStep(workbench, 1);
});

journey('where a GPU runtime is at hand, Start Training asks where, and trains there', {
  env, workspace: { from, files: { 'math-agent.yaml': yaml, '.vscode/settings.json': JSON.stringify({ 'tuningFork.gpu.python': python }) } }, skip: existsSync(python) ? false : 'There is no .venv with the GPU runtime: "npm run test:python" makes one.',
}, async ({ workbench, screenshot }) => {
  await workbench.command('Tuning Fork: Start Training');
  await workbench.pick('gpu');
  await untilStep(workbench, 2);
  await screenshot('gpu-training');
  await workbench.command('Tuning Fork: Stop Training');
  await workbench.notification(/stopped after step/, 60_000);
});
