import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { basename, join, relative } from 'node:path';
import { test } from 'node:test';
import { TuningForkError } from '../../../runtime/protocol/errors.ts';
import { Appender } from '../../../runtime/trace/appender.ts';
import { openRunReader } from '../../../runtime/trace/index.ts';
import { createRun, openRun } from '../../../runtime/trace/writer.ts';
import { call, folder, newRun, place, rollout } from './samples.ts';

test('a run from start to end', async (context) => {
  const root = await folder(context);
  const writer = await createRun(root, newRun());
  assert.match(relative(root, writer.dir), /^examples[/\\]math[/\\]\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d$/);
  assert.equal(writer.info.run, basename(writer.dir));
  const live = await openRunReader(writer.dir);

  await writer.journal.begin(place(0), 1);
  await Promise.all([0, 1].map((index) => writer.journal.call('s0t0n0', 1, call(index))));
  await writer.journal.tool('s0t0n0', 1, rollout(0).tools[0]!);
  const [flight] = await live.inFlight();
  assert.deepEqual(flight!.place, place(0));
  assert.deepEqual(flight!.calls, [call(0), call(1)]);
  assert.deepEqual(flight!.tools, rollout(0).tools);

  const entry = await writer.seal(rollout(0));
  assert.equal(await live.refresh(), 1);
  assert.deepEqual(live.entry(0), entry);
  assert.deepEqual(await live.inFlight(), []);
  assert.deepEqual(await live.read('s0t0n0'), rollout(0));
  assert.equal(writer.isSealed('s0t0n0'), true);
  await assert.rejects(writer.seal(rollout(0)), /Rollout s0t0n0 is sealed already/);
  await writer.journal.call('s0t0n0', 1, call(2)); // late: dropped
  await assert.rejects(writer.journal.call('other', 1, call(0)), /Rollout other has not begun/);

  await writer.updateRun({ state: 'finished', finished: new Date().toISOString() });
  await writer.close();
  await writer.close();
  await assert.rejects(writer.seal(rollout(1)), /is closed/);
  await assert.rejects(writer.journal.begin(place(9), 1), /is closed/);
  await live.refresh();
  assert.equal(live.info.state, 'finished');
  assert.deepEqual(live.problems, []);
  assert.deepEqual(await readdir(join(writer.dir, 'journal')), []);
  assert.deepEqual((await readdir(join(writer.dir, 'traces'))).sort(), ['rollouts-0.cols', 'rollouts-0.idx', 'rollouts-0.jsonl.gz']);
});

test('two runs of one second get folders of their own; a given name is kept', async (context) => {
  const root = await folder(context);
  const writers = await Promise.all([0, 1, 2].map(() => createRun(root, newRun())));
  assert.equal(new Set(writers.map(({ info }) => info.run)).size, 3);
  const named = await createRun(root, newRun({ project: '../../etc', experiment: '', run: '20261120-0905-abc' }));
  assert.equal(relative(root, named.dir), join('etc', 'default', '20261120-0905-abc'));
  await assert.rejects(createRun(root, newRun({ project: 'etc', experiment: 'default', run: '20261120-0905-abc' })), /There is a run 20261120-0905-abc/);
  await Promise.all([...writers, named].map((writer) => writer.close()));
});

test('a new attempt drops the old one, late calls of it too', async (context) => {
  const writer = await createRun(await folder(context), newRun());
  const reader = await openRunReader(writer.dir);
  await writer.journal.begin(place(0), 1);
  await writer.journal.call('s0t0n0', 1, call(0));
  await writer.discardAttempt('s0t0n0', 1);
  await writer.journal.call('s0t0n0', 1, call(1));
  assert.deepEqual(await reader.inFlight(), []);
  await writer.journal.begin(place(0), 2);
  await writer.journal.call('s0t0n0', 1, call(5));
  await writer.journal.call('s0t0n0', 2, call(0));
  await writer.discardAttempt('s0t0n0', 1);
  const [flight] = await reader.inFlight();
  assert.equal(flight!.attempt, 2);
  assert.deepEqual(flight!.calls, [call(0)]);
  await assert.rejects(writer.journal.begin(place(0), 2), /attempt 2 has begun already/);
  await writer.close();
  const [kept] = await (await openRunReader(writer.dir)).inFlight();
  assert.deepEqual(kept, flight);
});

test('a call that cannot be read back is refused at the door', async (context) => {
  const writer = await createRun(await folder(context), newRun());
  await writer.journal.begin(place(0), 1);
  const broken = call(0);
  broken.tokens!.logprobs![3] = NaN;
  await assert.rejects(writer.journal.call('s0t0n0', 1, broken), {
    code: 'non-finite', message: 'Call 0 of rollout s0t0n0 is not written: tokens.logprobs[3] is NaN, not a finite float32.',
  });
  await writer.journal.call('s0t0n0', 1, call(0));
  await writer.close();
});

test('the journal stays bounded beside a long rollout', async (context) => {
  const writer = await createRun(await folder(context), newRun());
  const reader = await openRunReader(writer.dir);
  await writer.journal.begin(place(0), 1);
  const long = { ...call(0), reply: { role: 'assistant' as const, content: 'x'.repeat(50_000) } };
  let largest = 0;
  for (let sample = 1; sample <= 40; sample++) {
    await writer.journal.call('s0t0n0', 1, call(sample - 1));
    await writer.journal.begin(place(sample), 1);
    await Promise.all(Array.from({ length: 20 }, (_, index) => writer.journal.call(`s0t0n${sample}`, 1, { ...long, index })));
    await writer.seal(rollout(sample));
    for (const name of await readdir(join(writer.dir, 'journal'))) {
      largest = Math.max(largest, (await stat(join(writer.dir, 'journal', name)).catch(() => ({ size: 0 }))).size);
    }
    if (sample % 13 === 0) assert.equal((await reader.inFlight())[0]!.calls.length, sample);
  }
  assert.ok(largest < 10e6, `${largest}`);
  const expected = Array.from({ length: 40 }, (_, index) => call(index));
  assert.deepEqual((await reader.inFlight()).map(({ calls }) => calls), [expected]);
  await writer.close();
  const again = await openRun(writer.dir);
  assert.deepEqual(again.recovered.map(({ calls }) => calls), [expected]);
  await again.close();
});

test('a run goes on in another process: same files, nothing twice', async (context) => {
  const writer = await createRun(await folder(context), newRun());
  for (let sample = 0; sample < 5; sample++) await writer.seal(rollout(sample));
  await writer.close();
  const again = await openRun(writer.dir);
  assert.equal(again.isSealed('s0t0n4'), true);
  for (let sample = 5; sample < 1030; sample++) void again.seal(rollout(sample, 1, 2));
  await again.seal(rollout(1030, 1, 2));
  await again.close();
  const reader = await openRunReader(writer.dir);
  assert.equal(reader.count, 1031);
  for (const sample of [0, 4, 5, 777, 1030]) assert.equal((await reader.read(`s0t0n${sample}`)).sample, sample);
  assert.deepEqual(await readdir(join(writer.dir, 'traces')).then((names) => names.length), 3);
});

test('index lines stay short whatever the task is called', async (context) => {
  const writer = await createRun(await folder(context), newRun());
  await writer.seal(rollout(0, 1, 4, {
    rollout: 'r'.repeat(32), taskId: '"任务\u0007'.repeat(300), step: 123_456, taskIndex: 1_234_567, reward: -0.1234567890123456,
    duration: 12_345_678.12345, error: { code: 'rollout-cancelled', message: '' }, parent: { rollout: 'x', call: 0 },
    calls: [call(0, undefined, 4, { finish: 'length', malformed: 'x', continuation: 'rewritten', tokens: undefined })],
  }));
  await writer.close();
  const index = await readFile(join(writer.dir, 'traces', 'rollouts-0.idx'));
  assert.ok(index.length <= 512, `${index.length}`);
  const reader = await openRunReader(writer.dir);
  assert.deepEqual(reader.entry(0).flags, ['error:rollout-cancelled', 'truncated', 'malformed', 'branched', 'untrainable', 'fork']);
  assert.match(reader.entry(0).task, /^".*…$/s);
  assert.equal((await reader.read(0)).taskId.length, 1200);
});

test('a trace file is followed by the next before it grows too large', async (context) => {
  const writer = await createRun(await folder(context), newRun(), { fileBytes: 3000 });
  for (let sample = 0; sample < 9; sample++) await writer.seal(rollout(sample, 1, 40));
  await Promise.all(Array.from({ length: 9 }, (_, i) => writer.seal(rollout(9 + i, 1, 40))));
  await writer.seal(rollout(18, 40, 40));
  await writer.close();
  const names = (await readdir(join(writer.dir, 'traces'))).filter((name) => name.endsWith('.gz'));
  assert.ok(names.length >= 5, names.join());
  const sizes = await Promise.all(names.map(async (name) => (await stat(join(writer.dir, 'traces', name))).size));
  assert.equal(sizes.filter((size) => size > 3000).length, 1);
  const reader = await openRunReader(writer.dir);
  assert.equal(reader.count, 19);
  for (let sample = 0; sample < 19; sample++) assert.equal((await reader.read(`s0t0n${sample}`)).sample, sample);
  const again = await openRun(writer.dir);
  await again.seal(rollout(19));
  await again.close();
  assert.equal(await reader.refresh(), 1);
});

test('counts: trained tokens are those of targets without a reason', async (context) => {
  const writer = await createRun(await folder(context), newRun());
  const entry = await writer.seal(rollout(0, 0, 0, {
    calls: [
      call(0, undefined, 4), call(1, undefined, 4, { why: 'undelivered' }), call(2, undefined, 4, { target: false }),
      call(3, undefined, 4, { tokens: undefined, usage: { prompt: 10, completion: 7, cached: 0 } }),
    ],
  }));
  assert.deepEqual([entry.calls, entry.sampled, entry.trained], [4, 19, 4]);
  await writer.close();
});

test('a full disk is one clear error, told to everyone from then on', { skip: process.platform !== 'linux' }, async () => {
  const appender = await Appender.open('/dev/full', 0);
  await assert.rejects(appender.append('first\n'), (error) => {
    assert.ok(error instanceof TuningForkError);
    assert.equal(error.message, 'Cannot write /dev/full: the disk is full (ENOSPC).');
    assert.match(error.next!, /Free some space/);
    return true;
  });
  await assert.rejects(appender.append('second\n'), /the disk is full/);
  await assert.rejects(appender.close(), /the disk is full/);
});

test('who does not wait for a write is told by the next one, and the process lives', { skip: process.platform !== 'linux' }, async () => {
  const appender = await Appender.open('/dev/full', 0);
  void appender.append('lost\n');
  await new Promise((resolve) => setTimeout(resolve, 20));
  await assert.rejects(appender.append('next\n'), /the disk is full/);
  await assert.rejects(appender.close(), /the disk is full/);
});

test('a folder that cannot be made is one clear error', async (context) => {
  const root = await folder(context);
  await writeFile(join(root, 'file'), '');
  await assert.rejects(createRun(join(root, 'file'), newRun()), { code: 'trace', message: /Cannot create .*: a part of the path is a file, not a folder/ });
  await assert.rejects(openRun(join(root, 'nothing')), /is no run: it has no run\.json/);
  await mkdir(join(root, 'broken'));
  await writeFile(join(root, 'broken', 'run.json'), '{"v":1}');
  await assert.rejects(openRun(join(root, 'broken')), /run\.json cannot be read: run is missing/);
});

test('many calls of one turn become one write', async (context) => {
  const appender = await Appender.open(join(await folder(context), 'log'), 0);
  const offsets: number[] = [];
  await Promise.all(Array.from({ length: 1000 }, (_, i) => appender.append(`${i}\n`, (offset) => offsets.push(offset))));
  assert.equal(offsets.length, 1000);
  assert.deepEqual(offsets.slice(0, 4), [0, 2, 4, 6]);
  assert.equal(await readFile(appender.path, 'utf8'), Array.from({ length: 1000 }, (_, i) => `${i}\n`).join(''));
  await appender.close();
});
