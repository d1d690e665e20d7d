/**
 * A whole training on the real GPU runtime process, from the weights of the embedded policy, on the CPU: it learns, also when its process is
 * killed on the way; and a training whose backbone is killed too goes on. Python is set up by "npm test" (test/python.mjs).
 */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { isAlive, killStamped } from '../../runtime/processes/stamp.ts';
import type { RunEvent } from '../../runtime/protocol/backbone.ts';
import type { RunInfo } from '../../runtime/protocol/trace.ts';
import type { MetricsRow, StepRow, TrainingReport } from '../../runtime/protocol/training.ts';
import { listRuns } from '../../runtime/trace/index.ts';
import { pythonOf } from '../../runtime/trainers/gpu/python.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const bin = join(root, 'runtime/cli/bin.mjs');
const python = pythonOf(join(root, '.venv'));
const skip = existsSync(join(root, '.venv/installed.toml')) ? false : 'There is no .venv with the GPU runtime: "npm run test:python" makes one, with Python 3.11 or newer.';

describe('trainings on the GPU runtime', { skip, concurrency: 1 }, () => {
  let dir: string;
  let env: NodeJS.ProcessEnv;

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'tuning-fork-gpu-'));
    await writeFile(join(dir, 'package.json'), '{}');
    env = { ...process.env, TUNING_FORK_RUNTIME_DIR: join(dir, 'runtime'), TUNING_FORK_HOME: join(dir, 'home'), TUNING_FORK_IDLE_MS: '2000', TUNING_FORK_GPU_PYTHON: python };
  });

  after(async () => {
    await command('stop', '--force').ended;
    await rm(dir, { recursive: true, force: true });
  });

  function command(...words: string[]): { child: ChildProcess; events(listener: (event: RunEvent) => void): void; ended: Promise<{ code: number | null; told: string }> } {
    const child = spawn(process.execPath, [bin, ...words, '--project', dir], { cwd: dir, env, stdio: ['ignore', 'pipe', 'pipe'] });
    const lines = createInterface({ input: child.stdout! });
    let told = '';
    child.stderr!.on('data', (text: Buffer) => void (told = (told + text.toString()).slice(-2_000)));
    return {
      child, ended: new Promise((resolve) => child.once('exit', (code) => resolve({ code, told }))),
      events: (listener) => void lines.on('line', (line) => listener(JSON.parse(line) as RunEvent)),
    };
  }

  async function yaml(experiment: string, trainer: string): Promise<string> {
    const conf = join(dir, `${experiment}.yaml`);
    await writeFile(conf, `tuning_fork:
  project_name: gpu
  experiment_name: ${experiment}
  backbone: gpu
  gpu: { device: cpu }
  rollout: { user_workflow: ${join(root, 'examples/math-agent/workflow.ts')}->MathAgent, num_repeat: 8, max_response_length_in_one_turn: 48 }
  task_reader:
    type: jsonl_dataset_file
    jsonl_dataset_file:
      training: { file_path: ${join(root, 'examples/math-agent/data/training.jsonl')} }
      validation: { file_path: ${join(root, 'examples/math-agent/data/validation.jsonl')} }
      label_key: answer
  task_judge: { judge_protocol: builtin->math_answer }
  ${trainer}
`);
    return conf;
  }

  async function latest(experiment: string): Promise<{ dir: string; info: RunInfo }> {
    const { runs } = await listRuns(join(dir, 'runs'));
    return runs.find(({ info }) => info.experiment === experiment)!;
  }

  async function stepsOf(run: string): Promise<StepRow[]> {
    const text = await readFile(join(run, 'metrics.jsonl'), 'utf8');
    return text.trimEnd().split('\n').map((line) => JSON.parse(line) as MetricsRow).filter((row) => row.kind === 'step');
  }

  /** The last of its processes that is no worker of ours: the Python one. */
  async function killPython(experiment: string): Promise<void> {
    const { info } = await latest(experiment);
    for (const stamp of info.workers ?? []) {
      const words = await readFile(`/proc/${stamp.pid}/cmdline`, 'utf8').catch(() => '');
      if (words.includes('tuning_fork_gpu')) assert.ok(killStamped(stamp));
    }
  }

  it('raises the reward, with rollouts that run ahead, though its process is killed on the way', { timeout: 240_000 }, async () => {
    const conf = await yaml('learns', 'data: { train_batch_size: 16 }\n  trainer_common: { total_training_steps: 12, save_freq: 5, test_freq: 12, val_pass_n: 1, val_max_num_task_each_validation: 50, optim: { lr: 0.001 } }');
    const training = command('train', '--conf', conf, '--json');
    let report: TrainingReport | undefined;
    const started: string[] = [];
    training.events((event) => {
      if (event.type === 'report') report = event.report;
      if (event.type === 'trainer') started.push(event.text);
      if (event.type === 'training' && event.event.type === 'step' && event.event.row.step === 3 && process.platform === 'linux') void killPython('learns');
    });
    const { code, told } = await training.ended;
    assert.equal(code, 0, told);
    if (process.platform === 'linux') assert.equal(started.filter((text) => text === started[0]).length, 2, 'it was started again');
    const { dir: run } = await latest('learns');
    const steps = await stepsOf(run);
    assert.deepEqual(steps.map(({ step }) => step), Array.from({ length: 12 }, (_, i) => i + 1));
    assert.ok(steps.slice(1).some(({ staleness }) => staleness! > 0) && steps.every(({ staleness, untrained }) => staleness! <= 1 && untrained.stale === undefined));
    assert.ok(steps.every(({ samplerGap }) => samplerGap! < 0.2) && steps[0]!.samplerGap! < 1e-4, 'nothing is behind in the first step, so sampler and trainer agree');
    const gain = report!.gain.greedy!;
    assert.ok(gain.low > 0.05, `greedy reward rose by ${gain.mean}, in [${gain.low}, ${gain.high}]`);
  });

  it('goes on after backbone and trainer were killed', { timeout: 240_000, skip: process.platform === 'win32' }, async () => {
    const conf = await yaml('killed', 'data: { train_batch_size: 4 }\n  trainer_common: { total_training_steps: 5, save_freq: 2, test_freq: -1 }');
    const first = command('train', '--conf', conf, '--json');
    const third = Promise.withResolvers<void>();
    first.events((event) => event.type === 'training' && event.event.type === 'step' && event.event.row.step === 3 && third.resolve());
    await Promise.race([third.promise, first.ended]);
    const { info } = await latest('killed');
    killStamped(info.backbone!);
    first.child.kill('SIGKILL');
    for (const stamp of info.workers ?? []) {
      for (let tries = 0; isAlive(stamp) && tries < 100; tries++) await sleep(100);
      assert.ok(!isAlive(stamp), 'what it started ends with it');
    }
    const { code, told } = await command('train', '--resume', '--json').ended;
    assert.equal(code, 0, told);
    assert.deepEqual((await stepsOf((await latest('killed')).dir)).map(({ step }) => step), [1, 2, 3, 4, 5]);
  });
});
