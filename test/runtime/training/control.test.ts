import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { MetricsRow } from '../../../runtime/protocol/training.ts';
import { TrainingControl } from '../../../runtime/training/control.ts';
import { train } from '../../../runtime/training/loop.ts';
import { readTrainingState } from '../../../runtime/training/state.ts';
import { folder } from '../trace/samples.ts';
import { configOf, untimed, world, type Disk } from './fake-trainer.ts';

const config = configOf({ total_training_steps: 4, save_freq: -1, test_freq: -1 });

async function disk(context: TestContext): Promise<Disk> {
  return { dir: await folder(context), sealed: new Map() };
}

/** A training that is told something when an event comes. */
async function told(at: Disk, on: (event: { phase?: string; step?: number; type: string }, control: TrainingControl) => void, abort = new AbortController()): Promise<{ control: TrainingControl; still: boolean[]; run: () => ReturnType<typeof train>; saves: () => number[]; rows: () => MetricsRow[] }> {
  const still: boolean[] = [];
  const control = new TrainingControl((value) => still.push(value));
  const { options, events } = await world(at, { config });
  const rows: MetricsRow[] = [];
  return {
    control, still, rows: () => rows,
    saves: () => events.flatMap((event) => (event.type === 'checkpoint' ? [event.checkpoint.step] : [])),
    run: () => train({
      ...options, control, signal: abort.signal,
      emit: (event) => {
        options.emit(event);
        if (event.type === 'step') rows.push(event.row);
        on({ type: event.type, ...(event.type === 'phase' && { phase: event.phase, step: event.step }), ...(event.type === 'step' && { step: event.row.step }) }, control);
      },
    }),
  };
}

async function until(holds: () => boolean): Promise<void> {
  for (const deadline = Date.now() + 5_000; !holds(); await sleep(1)) if (Date.now() > deadline) throw new Error('It did not come to pass.');
}

test('paused after its rollouts or after its step, it goes on as if it had not been, and the pause is in no time', async (t) => {
  const whole = await disk(t);
  await train((await world(whole, { config })).options);
  for (const pauseAt of [{ type: 'phase', phase: 'collect', step: 2 }, { type: 'phase', phase: 'learn', step: 2 }, { type: 'training' }]) {
    const at = await disk(t);
    const training = await told(at, ({ type, phase, step }, control) => {
      if (type === pauseAt.type && phase === pauseAt.phase && step === pauseAt.step) control.pause();
    });
    const end = training.run();
    await until(() => training.still.length === 1);
    assert.deepEqual([training.still, training.control.paused, training.rows().length], [[true], true, pauseAt.phase === 'learn' ? 2 : pauseAt.phase === 'collect' ? 1 : 0]);
    await sleep(600);
    training.control.resume();
    const { report } = await end;
    assert.deepEqual(training.still, [true, false]);
    assert.deepEqual(await untimed(at.dir), await untimed(whole.dir));
    assert.ok(training.rows().every(({ time }) => time.total < 600), 'the pause is no time of a step');
    assert.ok(report.duration < 10_000);
  }
});

test('a pause that is taken back before it comes about is none', async (t) => {
  const training = await told(await disk(t), ({ type, phase }, control) => {
    if (type !== 'phase' || phase !== 'collect') return;
    control.pause();
    control.resume();
  });
  await training.run();
  assert.deepEqual(training.still, []);
});

test('stopped while it is paused it saves what it has, and going on gives the same rows', async (t) => {
  const whole = await disk(t);
  await train((await world(whole, { config })).options);
  for (const phase of ['collect', 'learn']) {
    const at = await disk(t);
    const abort = new AbortController();
    const training = await told(at, (event, control) => {
      if (event.phase === phase && event.step === 3) control.pause();
    }, abort);
    const ended = training.run();
    await until(() => training.still.length === 1);
    abort.abort(new Error('stopped'));
    const end = await ended;
    const made = phase === 'collect' ? 2 : 3;
    assert.deepEqual([end.state, end.step, training.saves()], ['stopped', made, [made]]);
    await train((await world(at, { config, resume: true })).options);
    assert.deepEqual(await untimed(at.dir), await untimed(whole.dir));
  }
});

test('a checkpoint that is asked for is made after the step, once, told, and kept', async (t) => {
  const at = await disk(t);
  const asked: Promise<void>[] = [];
  const training = await told(at, ({ phase, step }, control) => {
    if (phase === 'collect' && step === 2) asked.push(control.checkpoint(), control.checkpoint());
  });
  await training.run();
  await Promise.all(asked);
  assert.deepEqual(training.saves(), [2, 4]);
  assert.deepEqual((await readTrainingState(at.dir)).checkpoints.map(({ name, asked: kept }) => [name, kept]), [['step-2', true], ['step-4', undefined]]);
  await assert.rejects(training.control.checkpoint(), { code: 'usage', message: 'The training has ended.' });
});

test('while it is paused a checkpoint is made at once, and none where there is one', async (t) => {
  const at = await disk(t);
  const training = await told(at, ({ type, phase, step }, control) => {
    if (type === 'training' || (phase === 'collect' && step === 3)) control.pause();
  });
  const end = training.run();
  await until(() => training.still.length === 1);
  await assert.rejects(training.control.checkpoint(), { code: 'usage', message: /no step yet/ });
  training.control.resume();
  await until(() => training.still.length === 3);
  for (let times = 0; times < 2; times++) await training.control.checkpoint();
  assert.deepEqual(training.saves(), [2]);
  training.control.resume();
  await end;
  assert.deepEqual(training.saves(), [2, 4]);
});

test('a checkpoint is not promised for nothing', async (t) => {
  const at = await disk(t);
  const abort = new AbortController();
  let asked: Promise<void> | undefined;
  const training = await told(at, ({ phase, step }, control) => {
    if (phase !== 'collect' || step !== 1) return;
    asked = control.checkpoint();
    abort.abort(new Error('stopped'));
  }, abort);
  assert.equal((await training.run()).state, 'stopped');
  await assert.rejects(asked!, { code: 'usage', message: /before there was anything to save/ });
});

test('what is asked for while a checkpoint is made is heard: another one, and to stop', { timeout: 10_000 }, async () => {
  const control = new TrainingControl();
  const abort = new AbortController();
  const made: PromiseWithResolvers<void>[] = [];
  control.pause();
  const still = control.safePoint(() => {
    made.push(Promise.withResolvers<void>());
    return made.at(-1)!.promise;
  }, abort.signal);
  const first = control.checkpoint();
  await until(() => made.length === 1);
  const second = control.checkpoint();
  made[0]!.resolve();
  await first;
  await until(() => made.length === 2);
  abort.abort();
  made[1]!.resolve();
  await Promise.all([second, still]);
});
