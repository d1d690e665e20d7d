import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { StepRow } from '../../../runtime/protocol/training.ts';
import { Ahead } from '../../../runtime/training/ahead.ts';
import { Busy } from '../../../runtime/training/busy.ts';
import { TrainingControl } from '../../../runtime/training/control.ts';
import { train } from '../../../runtime/training/loop.ts';
import { folder } from '../trace/samples.ts';
import { configOf, Crash, untimed, world, type Disk, type Fate, type World } from './fake-trainer.ts';

const nothing = { records: [], milliseconds: 0 };

test('while the trainer works the next rollouts run, one step at a time, and not beyond the bound', async () => {
  const log: string[] = [];
  let running = 0;
  const ahead = new Ahead(async (step) => {
    assert.equal(++running, 1);
    log.push(`begin ${step}`);
    await sleep(5);
    running--;
    return nothing;
  });
  await ahead.take(1);
  await ahead.during(2, 3, () => sleep(40));
  assert.deepEqual(log, ['begin 1', 'begin 2', 'begin 3']);
  await ahead.during(3, 9, () => sleep(2));
  await ahead.still();
  assert.deepEqual(log.slice(3), ['begin 4'], 'what had begun comes to its end, and nothing new begins');
  await Promise.all([2, 3, 4].map((step) => ahead.take(step)));
  assert.equal(log.length, 4, 'none is run twice');
});

test('what fails ahead is told by whoever takes it, and by nobody else', async () => {
  const ahead = new Ahead(async (step) => {
    if (step === 2) throw new Error('of step 2');
    return nothing;
  });
  await ahead.during(2, 3, () => sleep(5));
  await ahead.still();
  await assert.rejects(ahead.take(2), /of step 2/);
});

test('time at work is counted once, however much goes on at once, and cut where it is asked for', async () => {
  let now = 0;
  const busy = new Busy({ now: () => now });
  const ends = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const works = ends.map(({ promise }) => busy.during(() => promise));
  now = 10;
  assert.equal(busy.take(), 10);
  ends[0]!.resolve();
  await works[0];
  now = 15;
  ends[1]!.resolve();
  await works[1];
  now = 100;
  assert.equal(busy.take(), 5);
  assert.equal(busy.take(), 0);
});

async function disk(context: TestContext): Promise<Disk> {
  return { dir: await folder(context), sealed: new Map() };
}

/** A trainer whose steps take long enough for rollouts to be begun meanwhile. */
async function slowWorld(at: Disk, more: Parameters<typeof world>[1] = {}): Promise<World> {
  const made = await world(at, more);
  const { trainer } = made.options;
  const step = trainer.step.bind(trainer);
  trainer.step = async (body, options) => {
    await sleep(10);
    return step(body, options);
  };
  return made;
}

const stepsOf = (rows: Record<string, unknown>[]): StepRow[] => rows.filter(({ kind }) => kind === 'step') as unknown as StepRow[];

test('rollouts are one version behind, all of them are trained, and validations are of the weights they are told for', async (t) => {
  const at = await disk(t);
  const { options } = await slowWorld(at, { staleness: 1 });
  const end = await train(options);
  assert.deepEqual([end.state, end.step], ['finished', 9]);
  const rows = stepsOf(await untimed(at.dir));
  assert.deepEqual(rows.map(({ staleness }) => staleness), [0, 1, 1, 1, 1, 1, 1, 1, 1]);
  assert.ok(rows.every(({ untrained }) => untrained.stale === undefined));
  for (const record of at.sealed.values()) {
    if (record.split === 'validation' && record.step > 0) assert.equal(record.calls[0]!.version, rows[record.step - 1]!.version, record.rollout);
  }
});

test('with a larger bound they are further ahead, never more than allowed', async (t) => {
  const at = await disk(t);
  const { options } = await slowWorld(at, { staleness: 3, config: configOf({ test_freq: -1 }) });
  await train(options);
  const behind = stepsOf(await untimed(at.dir)).map(({ staleness }) => staleness!);
  assert.equal(Math.max(...behind), 3);
});

test('what is further behind than that is stale, and not trained', async (t) => {
  const at = await disk(t);
  const { options } = await slowWorld(at, { staleness: 2, batch: { maxStaleness: 1 }, config: configOf({ test_freq: -1 }) });
  await train(options);
  assert.ok(stepsOf(await untimed(at.dir)).some(({ untrained }) => (untrained.stale ?? 0) > 0));
});

test('idle shares are told with every step, ahead or in turns', async (t) => {
  for (const staleness of [0, 1]) {
    const rows: StepRow[] = [];
    const { options } = await slowWorld(await disk(t), { staleness });
    await train({ ...options, emit: (event) => event.type === 'step' && rows.push(event.row) });
    for (const { time } of rows) assert.ok([time.samplerIdle!, time.trainerIdle!].every((share) => share >= 0 && share <= 1), JSON.stringify(time));
  }
});

test('a pause waits for the rollouts that run ahead', async (t) => {
  const at = await disk(t);
  const still = Promise.withResolvers<void>();
  const control = new TrainingControl((paused) => paused && still.resolve());
  const { options, batches } = await slowWorld(at, { staleness: 1, config: configOf({ test_freq: -1 }) });
  const ended = train({ ...options, control, emit: (event) => event.type === 'step' && event.row.step === 3 && control.pause() });
  await still.promise;
  const [begun, sealed] = [batches.length, at.sealed.size];
  await sleep(30);
  assert.deepEqual([batches.length, at.sealed.size], [begun, sealed]);
  control.resume();
  assert.equal((await ended).step, 9);
});

/** Strikes once, at one of the places. */
function strike(place: number): Fate {
  let count = 0;
  return { at: () => { if (count++ === place) throw new Crash(); } };
}

test('killed anywhere it goes on: every step once, no rollout twice, none lost', async () => {
  for (let place = 1; place < 400; place += 37) {
    const at: Disk = { dir: await mkdtemp(join(tmpdir(), 'tuning-fork-ahead-')), sealed: new Map() };
    const first = await slowWorld(at, { staleness: 1, fate: strike(place) });
    const crashed = await train(first.options).then(() => false, (error) => error instanceof Crash);
    await sleep(20);
    if (crashed) {
      const { options } = await slowWorld(at, { staleness: 1, resume: existsSync(join(at.dir, 'training.json')) });
      await train(options);
    }
    const rows = stepsOf(await untimed(at.dir));
    assert.deepEqual(rows.map(({ step }) => step), [1, 2, 3, 4, 5, 6, 7, 8, 9], `killed at place ${place}`);
    assert.ok(rows.every(({ staleness }) => staleness! <= 1), `killed at place ${place}`);
  }
});
