import assert from 'node:assert/strict';
import { appendFile, copyFile, mkdir, open, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { crc32, gunzipSync, gzipSync } from 'node:zlib';
import { encodeEntry, readEntry } from '../../../runtime/trace/entry.ts';
import { openRunReader, SPLITS, STATUSES, SUCCESSES } from '../../../runtime/trace/index.ts';
import type { RunReader } from '../../../runtime/trace/index.ts';
import { createRun, openRun } from '../../../runtime/trace/writer.ts';
import { call, dice, folder, newRun, place, rollout } from './samples.ts';

const MEMBERS = 'traces/rollouts-0.jsonl.gz';
const INDEX = 'traces/rollouts-0.idx';
const COLUMNS = 'traces/rollouts-0.cols';

async function sealed(root: string, count: number, calls = 1, size = 4): Promise<string> {
  const writer = await createRun(root, newRun());
  for (let sample = 0; sample < count; sample++) {
    const status = STATUSES[sample % 3]!;
    void writer.seal(rollout(sample, calls, size, { status, split: SPLITS[sample % 2], success: SUCCESSES[sample % 3], ...(sample % 5 === 0 && { reward: null }) }));
    if (sample % 200 === 199) await new Promise((resolve) => setImmediate(resolve));
  }
  await writer.close();
  return writer.dir;
}

/** All entries in the order of rollouts: gzip finishes in any order. */
function entries(reader: RunReader): string[] {
  return Array.from({ length: reader.count }, (_, i) => JSON.stringify(reader.entry(i)));
}

async function flip(path: string, byte: number): Promise<void> {
  const handle = await open(path, 'r+');
  const bytes = Buffer.alloc(1);
  await handle.read(bytes, 0, 1, byte);
  bytes[0]! ^= 0x10;
  await handle.write(bytes, 0, 1, byte);
  await handle.close();
}

test('columns, entries and records agree, with and without the side file', async (context) => {
  const dir = await sealed(await folder(context), 2500);
  const fast = await openRunReader(dir);
  assert.equal(fast.count, 2500);
  assert.deepEqual(new Set(fast.column('id')).size, 2500);
  const i = fast.find('s0t0n1234');
  const record = await fast.read(i);
  const entry = fast.entry(i);
  assert.deepEqual(
    [entry.id, entry.step, entry.split, entry.task, entry.sample, entry.status, entry.reward, entry.success, entry.attempt],
    ['s0t0n1234', 0, record.split, 'sum-1', 1234, record.status, record.reward, record.success, 1],
  );
  assert.deepEqual(await fast.read('s0t0n1234'), record);
  assert.equal(fast.column('sample')[i], 1234);
  assert.equal(STATUSES[fast.column('status')[i]!], record.status);
  assert.equal(Number.isNaN(fast.column('reward')[fast.find('s0t0n5')]), true);
  assert.equal(fast.entry(fast.find('s0t0n5')).reward, null);
  assert.deepEqual(fast.column('id', 10, 12), [fast.entry(10).id, fast.entry(11).id]);
  assert.equal(fast.column('offset', 2499, 9999).length, 1);
  assert.equal(fast.find('nobody'), -1);
  assert.throws(() => fast.entry(2500), /There is no entry 2500: the index has 2500/);
  await assert.rejects(fast.read('nobody'), /There is no rollout nobody/);

  await rm(join(dir, COLUMNS));
  const slow = await openRunReader(dir);
  assert.deepEqual(entries(slow), entries(fast));
  await rm(join(dir, INDEX));
  const scanned = await openRunReader(dir);
  assert.deepEqual(entries(scanned), entries(fast));
  assert.deepEqual(scanned.problems, []);
});

test('other tools read the file: each member is one line of JSON', async (context) => {
  const dir = await sealed(await folder(context), 20);
  const all = gunzipSync(await readFile(join(dir, MEMBERS))).toString().trimEnd().split('\n');
  assert.equal(all.length, 20);
  for (const line of all) assert.equal((JSON.parse(line) as { v: number }).v, 1);
});

test('a live run grows in the reader, over files and without the index twice', async (context) => {
  const writer = await createRun(await folder(context), newRun());
  const reader = await openRunReader(writer.dir);
  await writer.seal(rollout(0));
  assert.equal(await reader.refresh(), 1);
  assert.equal(await reader.refresh(), 0);
  const before = reader.column('sample');
  for (let sample = 1; sample < 100; sample++) await writer.seal(rollout(sample, 1, 1));
  assert.equal(await reader.refresh(), 99);
  assert.deepEqual([...before], [0]);
  assert.deepEqual([...reader.column('sample')], Array.from({ length: 100 }, (_, i) => i));

  // The member is there and its line is not: found by the scan, and not again when the line comes.
  const index = await readFile(join(writer.dir, INDEX));
  await truncate(join(writer.dir, INDEX), index.length - 100);
  const early = await openRunReader(writer.dir);
  assert.equal(early.count, 100);
  await writeFile(join(writer.dir, INDEX), index);
  await writer.seal(rollout(100));
  assert.equal(await early.refresh(), 1);
  assert.equal(early.entry(100).id, 's0t0n100');
  await writer.close();
});

test('a torn tail hides nothing before it, and the next writer cuts it off', async (context) => {
  const dir = await sealed(await folder(context), 12, 3, 20);
  const members = await readFile(join(dir, MEMBERS));
  const whole = await openRunReader(dir);
  const last = whole.entry(11);
  const ids = whole.column('id');
  const random = dice(5);
  for (let round = 0; round < 12; round++) {
    await rm(join(dir, COLUMNS), { force: true });
    await rm(join(dir, INDEX), { force: true });
    await writeFile(join(dir, MEMBERS), members.subarray(0, last.offset + Math.floor(random() * last.length)));
    const reader = await openRunReader(dir);
    assert.deepEqual(reader.column('id'), ids.slice(0, 11));
    assert.deepEqual(reader.problems, []);
  }
  const writer = await openRun(dir);
  assert.equal((await stat(join(dir, MEMBERS))).size, last.offset);
  await writer.seal(rollout(99));
  await writer.close();
  const reader = await openRunReader(dir);
  assert.deepEqual(reader.column('id'), [...ids.slice(0, 11), 's0t0n99']);
  assert.equal((await reader.read(11)).sample, 99);
});

test('members that are gone although the index tells of them are told of', async (context) => {
  const dir = await sealed(await folder(context), 12);
  const { offset } = (await openRunReader(dir)).entry(9);
  await truncate(join(dir, MEMBERS), offset + 10);
  const reader = await openRunReader(dir);
  assert.equal(reader.count, 9);
  assert.match(reader.problems[0]!.message, /The end \(3 rollouts\) of .*rollouts-0\.jsonl\.gz cannot be read: .* has only \d+ bytes/);
});

test('one flipped bit costs one record at most, wherever it falls', async (context) => {
  const dir = await sealed(await folder(context), 30);
  const files = await Promise.all([MEMBERS, INDEX, COLUMNS].map((name) => readFile(join(dir, name))));
  const truth = new Map<string, string>();
  const good = await openRunReader(dir);
  for (let i = 0; i < good.count; i++) truth.set(good.entry(i).id, JSON.stringify(await good.read(i)));
  const random = dice(9);
  let lost = 0;
  for (let round = 0; round < 90; round++) {
    const which = round % 3;
    const withoutIndex = round % 2 === 0;
    for (const [i, name] of [MEMBERS, INDEX, COLUMNS].entries()) await writeFile(join(dir, name), files[i]!);
    await flip(join(dir, [MEMBERS, INDEX, COLUMNS][which]!), Math.floor(random() * files[which]!.length));
    if (withoutIndex) await rm(join(dir, COLUMNS));
    if (withoutIndex && which === 0) await rm(join(dir, INDEX));
    const reader = await openRunReader(dir);
    let readable = 0;
    for (let i = 0; i < reader.count; i++) {
      const { id } = reader.entry(i);
      try {
        assert.equal(JSON.stringify(await reader.read(i)), truth.get(id));
        readable++;
      } catch (error) {
        assert.match((error as Error).message, /Record \d+ \(s0t0n\d+\) of .*jsonl\.gz cannot be read: /);
        assert.equal(which, 0);
      }
    }
    assert.ok(readable >= (which === 0 ? 29 : 30), `round ${round}: ${readable}`);
    lost += 30 - readable;
    if (readable < reader.count || reader.count < 30) assert.equal(which, 0);
    if (reader.count < 30) assert.match(reader.problems[0]!.message, /A part behind record \d+ \(bytes \d+ to \d+\) of .*jsonl\.gz cannot be read/);
  }
  assert.ok(lost > 10, `flips were felt: ${lost}`);
});

test('the next writer repairs an index that does not fit, and keeps what is readable behind damage', async (context) => {
  const dir = await sealed(await folder(context), 10);
  const { offset, length } = (await openRunReader(dir)).entry(4);
  const index = (await readFile(join(dir, INDEX), 'utf8')).split('\n');
  index[2] = index[2]!.replace('"attempt":1', '"attempt":7');
  index.splice(7, 1);
  await writeFile(join(dir, INDEX), index.join('\n'));
  await rm(join(dir, COLUMNS));
  const broken = await openRunReader(dir);
  assert.equal(broken.count, 10);
  assert.equal(broken.entry(2).attempt, 1);
  const writer = await openRun(dir);
  await writer.seal(rollout(50));
  await writer.close();
  assert.equal((await readFile(join(dir, INDEX), 'utf8')).split('\n').length, 12);
  assert.equal((await openRunReader(dir)).count, 11);
  await flip(join(dir, MEMBERS), offset + (length >> 1));
  await rm(join(dir, INDEX));
  const again = await openRun(dir);
  await again.close();
  const reader = await openRunReader(dir);
  assert.equal(reader.count, 10);
  assert.equal((await reader.read('s0t0n50')).sample, 50);
});

test('hostile files: lengths, bombs and lies cost one clear error', async (context) => {
  const dir = await sealed(await folder(context), 3);
  const members = await readFile(join(dir, MEMBERS));
  // A member that inflates beyond every record.
  const bomb = gzipSync(Buffer.alloc(300 * 1024 * 1024), { level: 9 });
  await writeFile(join(dir, MEMBERS), Buffer.concat([members, bomb, gzipSync('[1,2]\n'), gzipSync('not json\n'), gzipSync(`${'['.repeat(100_000)}\n`)]));
  const reader = await openRunReader(dir);
  assert.equal(reader.count, 3);
  assert.equal(reader.problems.length, 4);
  for (const problem of reader.problems) assert.match(problem.message, /cannot be read/);
  // A file of nothing but false starts is given up in time.
  await writeFile(join(dir, MEMBERS), Buffer.concat([members, Buffer.alloc(2_000_000, Buffer.from([0x1f, 0x8b, 8, 0]))]));
  const started = performance.now();
  assert.equal((await openRunReader(dir)).count, 3);
  assert.ok(performance.now() - started < 2000);
});

test('a bad line in the journal costs that line; a torn one nothing', async (context) => {
  const writer = await createRun(await folder(context), newRun());
  await writer.journal.begin(place(0), 1);
  for (const index of [0, 1, 2]) await writer.journal.call('s0t0n0', 1, call(index));
  const path = writer.journal.path;
  const lines = (await readFile(path, 'utf8')).split('\n');
  lines[2] = lines[2]!.replace('"role":"solver"', '"role":"silver"');
  await writeFile(path, `${lines.join('\n')}{"kind":"call","roll`);
  const reader = await openRunReader(writer.dir);
  const [flight] = await reader.inFlight();
  assert.deepEqual(flight!.calls, [call(0), call(2)]);
  assert.match(reader.problems[0]!.message, /The line at byte \d+ of .*calls-0\.jsonl cannot be read: its checksum does not fit/);
  await writer.close();
});

test('a folder of traces that somebody else wrote beside is read too', async (context) => {
  const root = await folder(context);
  const dir = await sealed(root, 3);
  const writer = await createRun(root, newRun({ experiment: 'other' }), { writer: 'second' });
  for (const sample of [10, 11]) await writer.seal(rollout(sample));
  await writer.close();
  await mkdir(join(dir, 'traces'), { recursive: true });
  for (const ending of ['jsonl.gz', 'idx', 'cols']) {
    await copyFile(join(writer.dir, `traces/second-0.${ending}`), join(dir, `traces/second-1.${ending}`));
  }
  await appendFile(join(dir, 'traces', 'notes.txt'), 'x');
  const reader = await openRunReader(dir);
  assert.deepEqual([...reader.column('file')], [0, 0, 0, 1, 1]);
  assert.equal((await reader.read('s0t0n11')).sample, 11);
});

test('several who ask one reader at once for what is new see each rollout once, and miss none', async (context) => {
  const root = await folder(context);
  const writer = await createRun(root, newRun());
  const reader = await openRunReader(writer.dir);
  for (let round = 0; round < 40; round++) {
    await writer.journal.begin(place(round), 1);
    await writer.journal.call(`s0t0n${round}`, 1, call(0, undefined, 4));
    await Promise.all([reader.refresh(), reader.inFlight(), reader.refresh(), reader.inFlight()]);
    if (round % 2 === 0) await writer.seal(rollout(round, 1, 4));
    await Promise.all([reader.inFlight(), reader.refresh(), reader.inFlight()]);
  }
  const open = await reader.inFlight();
  assert.deepEqual([...reader.column('sample')].sort((a, b) => a - b), Array.from({ length: 20 }, (_, i) => 2 * i));
  assert.deepEqual(open.map(({ place: { sample } }) => sample).sort((a, b) => a - b), Array.from({ length: 20 }, (_, i) => 2 * i + 1));
  assert.ok(open.every(({ calls }) => calls.length === 1));
  assert.deepEqual(reader.problems, []);
  await writer.close();
});

test('roles of the calls stand in the index; one of before, which has none, is read as fast and told the same', async (context) => {
  const root = await folder(context);
  const writer = await createRun(root, newRun());
  const roles = ['runner', 'rival', 'runner'];
  await writer.seal(rollout(0, 3, 4, { calls: rollout(0, 3, 4).calls.map((one, i) => ({ ...one, role: roles[i]! })) }));
  await writer.seal(rollout(1, 12, 4, { taskId: 't'.repeat(500), calls: rollout(1, 12, 4).calls.map((one, i) => ({ ...one, role: `a-role-of-some-length-${i}` })) }));
  await writer.close();
  const now = await openRunReader(writer.dir);
  const [one, many] = [now.find('s0t0n0'), now.find('s0t0n1')];
  assert.deepEqual(now.entry(one).roles, ['runner', 'rival']);
  assert.deepEqual([now.entry(many).roles!.length, now.entry(many).roles!.at(-1)], [4, '…']);
  assert.ok(now.entry(many).task.endsWith('…'));

  const index = await readFile(join(writer.dir, INDEX), 'utf8');
  const before = Buffer.from(index.trimEnd().split('\n').map((line) => {
    const read = readEntry(Buffer.from(line), 0);
    assert.ok('value' in read);
    const { roles: _, ...rest } = read.value;
    return encodeEntry(rest);
  }).join(''));
  await writeFile(join(writer.dir, INDEX), before);
  const block = await readFile(join(writer.dir, COLUMNS));
  const text = block.subarray(block.indexOf('[["'));
  const texts = Buffer.from(JSON.stringify((JSON.parse(text.toString('utf8', 0, block.readUInt32LE(8))) as string[][]).slice(0, 3)));
  const payload = Buffer.concat([block.subarray(32, block.length - text.length), texts]);
  const header = block.subarray(0, 32);
  header.writeUInt32LE(texts.length, 8);
  header.writeDoubleLE(before.length, 16);
  const padded = Buffer.concat([payload, Buffer.alloc((8 - payload.length % 8) % 8)]);
  header.writeUInt32LE(crc32(padded, crc32(header.subarray(0, 24))), 24);
  const told = async (): Promise<unknown> => {
    const reader = await openRunReader(writer.dir);
    assert.deepEqual(reader.problems, []);
    return [reader.entry(one), reader.entry(many), await reader.read(one)];
  };
  const expected = [{ ...now.entry(one), roles: [] }, { ...now.entry(many), roles: [] }, await now.read(one)];
  await rm(join(writer.dir, COLUMNS));
  assert.deepEqual(await told(), expected);
  await writeFile(join(writer.dir, COLUMNS), Buffer.concat([header, padded]));
  // Nothing is to be read there: the columns are believed.
  await writeFile(join(writer.dir, INDEX), Buffer.alloc(before.length, 'x'));
  assert.deepEqual(await told(), expected);
});
