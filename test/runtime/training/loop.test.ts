import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { appendFile, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { TuningForkError } from '../../../runtime/protocol/errors.ts';
import type { RolloutRecord } from '../../../runtime/protocol/trace.ts';
import type { StepRow } from '../../../runtime/protocol/training.ts';
import { train } from '../../../runtime/training/loop.ts';
import { checkpointNamed, readTrainingState } from '../../../runtime/training/state.ts';
import { folder } from '../trace/samples.ts';
import { configOf, Crash, TASKS, untimed, world, type Disk, type Fate } from './fake-trainer.ts';
import { dice } from '../tracker/forest.ts';

async function disk(context: TestContext): Promise<Disk> {
  return { dir: await folder(context), sealed: new Map() };
}

test('a training tells its steps, validates, saves, and reports', async (t) => {
  const at = await disk(t);
  const { options, events, batches } = await world(at);
  const end = await train(options);
  assert.deepEqual([end.state, end.step], ['finished', 9]);
  const rows = await untimed(at.dir);
  assert.deepEqual(rows.filter(({ kind }) => kind === 'step').map(({ step }) => step), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
  assert.deepEqual(rows.filter(({ kind }) => kind === 'evaluation').map(({ step }) => step), [3, 6, 9, 0], 'the beginning last, from its own weights');
  assert.deepEqual(batches.filter(({ step }) => step === 0).map(({ checkpoint }) => checkpoint), ['/models/base']);
  assert.ok(batches.filter(({ step }) => step > 0).every(({ checkpoint }) => checkpoint === undefined));

  const evaluation = batches.find(({ split }) => split === 'validation')!.rollouts;
  assert.equal(evaluation.length, 6 * 3);
  assert.deepEqual(evaluation.slice(0, 3).map(({ sampling }) => sampling.temperature), [0, 1, 1], 'one greedy rollout, then sampled ones');

  const state = await readTrainingState(at.dir);
  assert.deepEqual([state.step, state.steps, state.finished, state.bodies], [9, 9, true, []]);
  assert.deepEqual(await readdir(join(at.dir, 'steps')), [], 'bodies that a checkpoint makes needless are gone');
  const kept = state.checkpoints.map(({ step }) => step);
  assert.ok(kept.includes(4) && kept.includes(8) && kept.includes(9));
  assert.deepEqual((await readdir(join(at.dir, 'checkpoints'))).sort(), kept.map((step) => `step-${step}`).sort());
  assert.equal(await checkpointNamed(at.dir, 'last'), end.last);
  assert.equal(await checkpointNamed(at.dir, 'best'), end.best);
  assert.equal(await checkpointNamed(at.dir, 'no such'), undefined);
  const best = rows.filter(({ kind, best }) => kind === 'evaluation' && best).at(-1)!;
  assert.ok(end.best!.endsWith(`step-${String(best.step)}`));

  assert.ok(end.report.before !== null && end.report.after!.step === 9 && end.report.gain.greedy !== null);
  assert.ok(existsSync(end.files.json) && existsSync(end.files.html));
  assert.equal(events.filter(({ type }) => type === 'step').length, 9);
});

test('the same seed gives the same rows; another seed gives others', async (t) => {
  const runs = [];
  for (const seed of [1, 1, 2]) {
    const at = await disk(t);
    await train((await world(at, { config: configOf({}, { seed }) })).options);
    runs.push(await untimed(at.dir));
  }
  assert.deepEqual(runs[1], runs[0]);
  assert.notDeepEqual(runs[2], runs[0]);
});

test('each epoch takes every task once but for what is left over, in an order of its own; no step has a task twice', async (t) => {
  const at = await disk(t);
  const { options, batches } = await world(at, { config: configOf({ total_training_steps: null, total_epochs: 6, test_freq: -1 }) });
  await train(options);
  const steps = batches.map(({ rollouts }) => [...new Set(rollouts.map(({ place }) => place.taskIndex))]);
  assert.equal(steps.length, 12, 'two whole steps of four out of eleven tasks');
  assert.ok(steps.every((tasks) => tasks.length === 4));
  for (let epoch = 0; epoch < 6; epoch++) assert.equal(new Set(steps.slice(2 * epoch, 2 * epoch + 2).flat()).size, 8);
  assert.equal(new Set(steps.flat()).size, 11, 'what is left over differs');
});

/** Strikes once: the n-th time it is asked about a place. */
class Strike implements Fate {
  readonly asked = new Map<string, number>();
  struck = false;
  readonly #place: string | undefined;
  readonly #when: number;

  constructor(place?: string, when = 0) {
    this.#place = place;
    this.#when = when;
  }

  at(place: string): void {
    const before = this.asked.get(place) ?? 0;
    this.asked.set(place, before + 1);
    if (this.struck || place !== this.#place || before < this.#when) return;
    this.struck = true;
    throw new Crash(place);
  }
}

test('whenever the process ends, resuming gives the rows of a run that was never ended, and no rollout twice', async (t) => {
  const config = configOf({ use_kl_loss: true, mini_batch_num: 2, ppo_epochs: 2, optim: { lr_warmup_steps: 3 }, total_training_steps: 6, save_freq: 2, val_pass_n: 1 });
  const whole = await disk(t);
  const calm = new Strike();
  await train((await world(whole, { config, fate: calm })).options);
  const rows = await untimed(whole.dir);
  const wanted = await readTrainingState(whole.dir);
  const places = [...calm.asked.keys()];
  for (const place of ['a rollout', 'score', 'before a step', 'after a step', 'before a checkpoint', 'after a checkpoint', 'phase', 'step', 'evaluation', 'checkpoint']) assert.ok(places.includes(place));
  const d = dice(17);
  for (let round = 0; round < 2 * places.length; round++) {
    const at = await disk(t);
    // twice in one training, the second time perhaps while it comes back
    const ends = [places[round % places.length]!, d.pick(places)].map((place) => new Strike(place, d.roll(calm.asked.get(place)!)));
    for (const fate of [...ends, new Strike()]) {
      const resume = existsSync(join(at.dir, 'training.json'));
      await train((await world(at, { config, fate, resume })).options).catch((error: unknown) => assert.ok(error instanceof Crash, String(error)));
    }
    assert.ok(ends[0]!.struck);
    assert.deepEqual(await untimed(at.dir), rows);
    assert.deepEqual([...at.sealed.keys()].sort(), [...whole.sealed.keys()].sort());
    // times have more digits or fewer
    assert.deepEqual({ ...await readTrainingState(at.dir), metricsBytes: 0 }, { ...wanted, metricsBytes: 0 });
  }
});

test('a row that was told by a process which ended before it could say so is told again, once', async (t) => {
  const whole = await disk(t);
  await train((await world(whole)).options);
  const at = await disk(t);
  const { options } = await world(at, { fate: new Strike('a rollout', 40) });
  await assert.rejects(train(options), Crash);
  await appendFile(join(at.dir, 'metrics.jsonl'), '{"kind":"step","step":99,"torn');
  await train((await world(at, { resume: true })).options);
  assert.deepEqual(await untimed(at.dir), await untimed(whole.dir));
});

test('a trainer that dies is brought back with the same weights, in the middle of rollouts or of a step', async (t) => {
  const whole = await disk(t);
  await train((await world(whole)).options);
  const at = await disk(t);
  let places = 0;
  let deaths = 0;
  const made: Awaited<ReturnType<typeof world>> = await world(at, { fate: { at: () => {
    if (++places % 23 !== 0) return;
    deaths++;
    made.trainer().gone = true;
  } } });
  await train(made.options);
  assert.ok(deaths > 5);
  assert.deepEqual(await untimed(at.dir), await untimed(whole.dir));
});

test('a trainer that never comes back ends the training, after a few attempts', async (t) => {
  const at = await disk(t);
  let revived = 0;
  const made: Awaited<ReturnType<typeof world>> = await world(at, { fate: { at: (place) => void (place === 'before a step' && (made.trainer().gone = true)) } });
  const { revive } = made.options;
  await assert.rejects(train({ ...made.options, revive: async () => {
    revived++;
    const trainer = await revive!();
    made.trainer().gone = true;
    return trainer;
  } }), { code: 'trainer-gone' });
  assert.equal(revived, 3);
});

test('stopping saves, and going on gives the rows of a run that was never stopped', async (t) => {
  const whole = await disk(t);
  await train((await world(whole)).options);
  const at = await disk(t);
  const stop = new AbortController();
  const first = await world(at, { signal: stop.signal });
  const end = await train({ ...first.options, emit: (event) => { if (event.type === 'step' && event.row.step === 5) stop.abort(); } });
  assert.deepEqual([end.state, end.step], ['stopped', 5]);
  assert.ok(end.last!.endsWith('step-5') && existsSync(end.last!));
  const again = await world(at, { resume: true });
  const done = await train(again.options);
  assert.equal(done.state, 'finished');
  assert.equal(again.trainer().steps, 4, 'nothing is computed twice');
  assert.deepEqual(await untimed(at.dir), await untimed(whole.dir));
  assert.ok(!existsSync(join(at.dir, 'checkpoints/step-5')), 'a checkpoint of a stop goes once a newer one is there');
});

test('a training goes on after the model it began with has moved', async (t) => {
  const at = await disk(t);
  const stop = new AbortController();
  const first = await world(at, { signal: stop.signal });
  await train({ ...first.options, emit: (event) => { if (event.type === 'step' && event.row.step === 1) stop.abort(); } });
  const again = await world(at, { resume: true });
  const { trainer } = again.options;
  const info = trainer.info.bind(trainer);
  await train({ ...again.options, trainer: Object.assign(trainer, { info: async () => ({ ...await info(), directory: '/updated/base' }) }) });
  const before = again.batches.find(({ checkpoint }) => checkpoint !== undefined);
  assert.equal(before?.checkpoint, '/updated/base');
});

test('what a training depends on may not change under it, unless told', async (t) => {
  const at = await disk(t);
  const stop = new AbortController();
  await train({ ...(await world(at, { signal: stop.signal })).options, emit: (event) => { if (event.type === 'step') stop.abort(); } });
  const other = configOf({ clip_ratio_high: 0.3, save_freq: 2, total_training_steps: 3 });
  const changed = await world(at, { resume: true, config: other, tasks: { ...TASKS, training: TASKS.training.slice(1) } });
  await assert.rejects(train(changed.options), (error: Error & { next?: string }) =>
    /the training tasks are others/.test(error.message) && /clip_ratio_high was 0.2 and is 0.3/.test(error.message) && !/save_freq|total_training/.test(error.message) && /--force/.test(error.next!));
  const end = await train({ ...changed.options, resume: 'anyway' });
  assert.deepEqual([end.state, end.step], ['finished', 3]);
});

test('a step in which nothing can be learned leaves the weights alone, says why, and the training goes on', async (t) => {
  const at = await disk(t);
  const made = await world(at, { config: configOf({ total_training_steps: 6, test_freq: -1 }) });
  const { collect } = made.options;
  await train({ ...made.options, collect: async (batch) => (await collect(batch)).map((record, i) => ({ ...record, reward: 0, success: false, ...(i === 1 && { error: { code: 'workflow', message: 'no such tool', where: { file: 'a.ts', line: 2 } } }) })) });
  const rows = (await untimed(at.dir)) as unknown as StepRow[];
  assert.ok(rows.every(({ stepped, version, loss }) => !stepped && version === 0 && loss === null));
  assert.equal(made.trainer().steps, 0);
  const notices = made.events.filter((event) => event.type === 'notice').map(({ notice }) => notice.message);
  assert.ok(notices.some((message) => message.startsWith('Step 1 had nothing to learn from: in each of its 4 groups all rewards are equal') && message.endsWith('The first rollout that failed: no such tool')));
  assert.equal(notices.filter((message) => /last 5 steps all rollouts of a task got the same reward/.test(message)).length, 1, 'told once');
});

test('a first step in which everything fails, or no trained role is asked for, ends the training with the reason', async (t) => {
  const ends = async (change: (record: RolloutRecord) => RolloutRecord): Promise<Error & { next?: string }> => {
    const { options } = await world(await disk(t));
    return train({ ...options, collect: async (batch) => (await options.collect(batch)).map(change) }).then(() => assert.fail('it went on'), (error: Error) => error);
  };
  const failed = await ends((record) => ({ ...record, status: 'failed', reward: null, success: null, error: { code: 'workflow', message: 'no such tool' } }));
  assert.match(failed.message, /^All \d+ rollouts of the first step failed, .* The first: no such tool$/);
  assert.match(failed.next!, /runs show \S+ --rollout s1t\d+n\d+"/);
  const elsewhere = await ends((record) => ({ ...record, calls: record.calls.map((call) => ({ ...call, target: false, role: 'critic' })) }));
  assert.match(elsewhere.message, /Models were called in critic\.$/);
  assert.match(elsewhere.next!, /--train critic/);
  assert.match((await ends((record) => ({ ...record, calls: [] }))).message, /^No rollout of the first step called the model/);
});

test('a training without tasks is refused', async (t) => {
  const at = await disk(t);
  await assert.rejects(async () => train((await world(at, { tasks: { training: [], validation: [] } })).options), /no task/);
});

test('without validation tasks, and with val_only, it does what is left', async (t) => {
  const bare = await disk(t);
  const end = await train((await world(bare, { tasks: { ...TASKS, validation: [] } })).options);
  assert.deepEqual([end.state, end.report.before, end.report.after], ['finished', null, null]);
  assert.match(await readFile(end.files.html, 'utf8'), /No validation was made/);
  const chinese = await train({ ...(await world(await disk(t), { tasks: { ...TASKS, validation: [] } })).options, language: 'zh-cn' });
  assert.match(await readFile(chinese.files.html, 'utf8'), /<html lang="zh-cn">[^]*没有做过验证/);
  const only = await disk(t);
  const made = await world(only, { config: configOf({ val_only: true }) });
  assert.deepEqual([(await train(made.options)).step, made.trainer().steps], [0, 0]);
  assert.deepEqual((await untimed(only.dir)).map(({ kind, step }) => [kind, step]), [['evaluation', 0]]);
});

test('what the trainer has to say is told: at the start, and with the step it belongs to', async (t) => {
  const at = await disk(t);
  const { options, events } = await world(at, { config: configOf({ total_training_steps: 2, test_freq: -1 }) });
  const { trainer } = options;
  const [info, step] = [trainer.info.bind(trainer), trainer.step.bind(trainer)];
  trainer.info = async () => ({ ...await info(), notes: ['It takes rows.'] });
  trainer.step = async (body) => ({ ...await step(body), notes: ['The batch was split.'] });
  await train(options);
  const told = events.flatMap((event): (string | number)[] => (event.type === 'notice' && event.notice.code === 'trainer' ? [event.notice.message] : event.type === 'step' ? [event.row.step] : []));
  assert.deepEqual(told, ['It takes rows.', 'The batch was split.', 1, 'The batch was split.', 2]);
});

test('told to stop while its trainer is gone for good, it stops; what it has learned is made again by --resume', async (t) => {
  const at = await disk(t);
  const stop = new AbortController();
  const { options, trainer, events } = await world(at, { signal: stop.signal, config: configOf({ save_freq: -1, test_freq: -1 }) });
  const { collect } = options;
  const end = await train({
    ...options,
    revive: async () => {
      stop.signal.throwIfAborted();
      throw new Error('it is not asked for before it is told to stop');
    },
    collect: async (batch) => {
      if (batch.step < 4) return collect(batch);
      trainer().gone = true;
      stop.abort(new TuningForkError('rollout-cancelled', 'The training was stopped.'));
      return [];
    },
  });
  assert.deepEqual([end.state, end.step, end.last], ['stopped', 3, null]);
  assert.deepEqual((await readTrainingState(at.dir)).bodies, [1, 2, 3]);
  const again = await world(at, { resume: true, config: options.config });
  assert.equal((await train(again.options)).step, 9);
  assert.equal(events.filter(({ type }) => type === 'step').length, 3);
});
