/**
 * A training that is killed again and again, backbone, trainer or worker, at any moment, ends with the very metrics of one that was left alone.
 * A few kills here; TUNING_FORK_KILLS=100 for the whole trial.
 */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { isAlive, killStamped } from '../../runtime/processes/stamp.ts';
import type { ProcessStamp, RunInfo } from '../../runtime/protocol/trace.ts';
import type { MetricsRow } from '../../runtime/protocol/training.ts';
import { listRuns, openRunReader } from '../../runtime/trace/index.ts';

const KILLS = Number(process.env.TUNING_FORK_KILLS ?? 6);
const STEPS = 5;
const ROLLOUTS = 2 * 4;

const root = fileURLToPath(new URL('../../', import.meta.url));
const bin = join(root, 'runtime/cli/bin.mjs');
let dir: string;
let env: NodeJS.ProcessEnv;

before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'tuning-fork-kills-'));
  env = { ...process.env, TUNING_FORK_RUNTIME_DIR: join(dir, 'runtime'), TUNING_FORK_IDLE_MS: '2000' };
});

after(async () => {
  await command('stop', '--force').ended;
  await rm(dir, { recursive: true, force: true });
});

function command(...args: string[]): { child: ChildProcess; ended: Promise<{ code: number | null; told: string }> } {
  const child = spawn(process.execPath, [bin, ...args, '--project', dir], { cwd: dir, env, stdio: ['ignore', 'ignore', 'pipe'] });
  let told = '';
  child.stderr!.on('data', (text: Buffer) => void (told = (told + text.toString()).slice(-2_000)));
  return { child, ended: new Promise((resolve) => child.once('exit', (code) => resolve({ code, told }))) };
}

/** Two tasks, four rollouts, a checkpoint every other step: every kind of work within a few seconds. */
async function yaml(experiment: string): Promise<string> {
  const conf = join(dir, `${experiment}.yaml`);
  await writeFile(conf, `tuning_fork:
  project_name: kills
  experiment_name: ${experiment}
  model: { path: embedded }
  rollout:
    user_workflow: ${join(root, 'examples/math-agent/workflow.ts')}->MathAgent
    num_repeat: 4
    max_response_length_in_one_turn: 48
  task_reader:
    type: jsonl_dataset_file
    jsonl_dataset_file:
      training: { file_path: ${join(root, 'examples/math-agent/data/training.jsonl')} }
  task_judge: { judge_protocol: builtin->math_answer }
  data: { train_batch_size: 2 }
  trainer_common: { total_training_steps: ${STEPS}, save_freq: 2, test_freq: -1 }
`);
  return conf;
}

async function findLatest(experiment: string): Promise<{ dir: string; info: RunInfo } | undefined> {
  const { runs } = await listRuns(join(dir, 'runs'));
  return runs.find(({ info }) => info.experiment === experiment);
}

/** Everything but times. */
async function metricsOf(run: string): Promise<unknown[]> {
  const text = await readFile(join(run, 'metrics.jsonl'), 'utf8');
  return text.trimEnd().split('\n').map((line) => {
    const { time: _time, ...row } = JSON.parse(line) as MetricsRow;
    return row;
  });
}

function victims(run: string): { name: string; stamp: ProcessStamp }[] {
  try {
    const { backbone, workers = [] } = JSON.parse(readFileSync(join(run, 'run.json'), 'utf8')) as RunInfo;
    const named = workers.map((stamp) => ({ name: 'worker or trainer', stamp }));
    return [...(backbone === undefined ? [] : [{ name: 'backbone', stamp: backbone }]), ...named].filter(({ stamp }) => isAlive(stamp));
  } catch {
    return [];
  }
}

it(`${KILLS} kills change nothing`, { timeout: 60_000 + KILLS * 20_000 }, async () => {
  const calm = await command('train', '--conf', await yaml('calm')).ended;
  assert.equal(calm.code, 0, calm.told);
  const expected = await metricsOf((await findLatest('calm'))!.dir);
  assert.equal(expected.length, STEPS);

  let kills = 0;
  for (let round = 0; kills < KILLS; round++) {
    const experiment = `stormy-${round}`;
    const conf = await yaml(experiment);
    let finished = false;
    let resumes = 0;
    while (!finished) {
      const known = await findLatest(experiment);
      // Killed before its first step was told, there is nothing to go on with yet: it begins anew.
      const started = known !== undefined && await readFile(join(known.dir, 'training.json')).then(() => true, () => false);
      const { ended } = started ? command('train', '--resume', '--run', known.info.run) : command('train', '--conf', conf);
      const over = ended.then((end) => ({ end }));
      for (;;) {
        const stop = await Promise.race([over, sleep(200 + Math.random() * 1_800).then(() => undefined)]);
        if (stop !== undefined) {
          finished = stop.end.code === 0;
          assert.ok(finished || kills > 0, stop.end.told);
          break;
        }
        const run = await findLatest(experiment);
        const alive = run === undefined || kills >= KILLS ? [] : victims(run.dir);
        const victim = alive[Math.floor(Math.random() * alive.length)];
        if (victim !== undefined && killStamped(victim.stamp)) kills++;
      }
      assert.ok(++resumes < KILLS * 3 + 10, 'it never comes to its end');
    }
    const run = (await findLatest(experiment))!.dir;
    assert.deepEqual(await metricsOf(run), expected, `${experiment} after ${kills} kills`);
    const reader = await openRunReader(run);
    const sealed = Array.from({ length: reader.count }, (_, index) => reader.entry(index).id);
    assert.equal(new Set(sealed).size, sealed.length, 'no rollout is counted twice');
    assert.equal(sealed.length, STEPS * ROLLOUTS, 'and none is lost');
  }
  assert.ok(kills >= KILLS);
});
