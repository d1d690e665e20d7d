import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { readFields } from '../../../runtime/policy/onnx/protobuf.ts';
import type { MetricsRow } from '../../../runtime/protocol/training.ts';
import { train } from '../../../runtime/training/loop.ts';
import { crc32c, EventFile, scalarsOf } from '../../../runtime/training/tensorboard.ts';
import { folder } from '../trace/samples.ts';
import { world } from './fake-trainer.ts';

interface ReadEvent {
  wallTime: number;
  step: number;
  version?: string;
  scalars: Map<string, number>;
}

/** By the format's description alone: length, its masked checksum, data, its masked checksum. */
function readEvents(bytes: Buffer): ReadEvent[] {
  const events: ReadEvent[] = [];
  const unmasked = (at: number): number => {
    const rotated = (bytes.readUInt32LE(at) - 0xa282ead8) >>> 0;
    return ((rotated >>> 17) | (rotated << 15)) >>> 0;
  };
  for (let at = 0; at < bytes.length;) {
    const length = Number(bytes.readBigUInt64LE(at));
    assert.equal(unmasked(at + 8), crc32c(bytes.subarray(at, at + 8)));
    const data = bytes.subarray(at + 12, at + 12 + length);
    assert.equal(unmasked(at + 12 + length), crc32c(data));
    const event: ReadEvent = { wallTime: NaN, step: 0, scalars: new Map() };
    for (const field of readFields(data)) {
      if (field.number === 1) event.wallTime = Buffer.from(field.bytes).readDoubleLE();
      if (field.number === 2) event.step = field.integer;
      if (field.number === 3) event.version = Buffer.from(field.bytes).toString();
      if (field.number === 5) {
        for (const value of readFields(field.bytes)) {
          const [tag, number] = [...readFields(value.bytes)];
          event.scalars.set(Buffer.from(tag!.bytes).toString(), Buffer.from(number!.bytes).readFloatLE());
        }
      }
    }
    events.push(event);
    at += length + 16;
  }
  return events;
}

test('CRC-32C has the values of RFC 3720', () => {
  assert.equal(crc32c(new Uint8Array(32)), 0x8a9136aa);
  assert.equal(crc32c(new Uint8Array(32).fill(0xff)), 0x62a8ab43);
  assert.equal(crc32c(Buffer.from('123456789')), 0xe3069283);
});

async function rowsOf(dir: string): Promise<MetricsRow[]> {
  return (await readFile(join(dir, 'metrics.jsonl'), 'utf8')).split('\n').slice(0, -1).map((line) => JSON.parse(line) as MetricsRow);
}

async function eventFile(dir: string): Promise<string> {
  const names = await readdir(join(dir, 'tensorboard'));
  assert.equal(names.length, 1);
  assert.match(names[0]!, /^events\.out\.tfevents\.\d{10}\./);
  return join(dir, 'tensorboard', names[0]!);
}

test('the event file of a training holds its rows, also after it was opened again', async (t) => {
  const disk = { dir: await folder(t), sealed: new Map() };
  await train((await world(disk)).options);
  const rows = await rowsOf(disk.dir);
  const check = async (): Promise<void> => {
    const [version, ...events] = readEvents(await readFile(await eventFile(disk.dir)));
    assert.equal(version!.version, 'brain.Event:2');
    assert.deepEqual(events.map(({ step }) => step), rows.map(({ step }) => step));
    for (const [i, { scalars, wallTime }] of events.entries()) {
      assert.equal(wallTime, rows[i]!.time.at / 1000);
      assert.deepEqual([...scalars], scalarsOf(rows[i]!).map(([tag, value]) => [tag, Math.fround(value)]));
    }
    assert.ok(events[0]!.scalars.has('train/reward_mean') && events.some(({ scalars }) => scalars.has('eval/greedy_reward_mean') && scalars.has('eval/sampled_pass_at_2')));
  };
  await check();
  await EventFile.open(disk.dir, rows);
  await check();
});

const python = fileURLToPath(new URL('../../../.venv/bin/python', import.meta.url));
const hasTensorBoard = existsSync(python) && spawnSync(python, ['-c', 'import tensorboard']).status === 0;

test('TensorBoard’s own reader agrees', { skip: hasTensorBoard ? false : 'needs tensorboard in .venv' }, async (t) => {
  const disk = { dir: await folder(t), sealed: new Map() };
  await train((await world(disk)).options);
  const read = spawnSync(python, ['-c', [
    'import json, sys', 'from tensorboard.backend.event_processing.event_accumulator import EventAccumulator', 'a = EventAccumulator(sys.argv[1])', 'a.Reload()',
    'print(json.dumps({tag: [[e.step, e.value] for e in a.Scalars(tag)] for tag in a.Tags()["scalars"]}))',
  ].join('\n'), dirname(await eventFile(disk.dir))], { encoding: 'utf8' });
  assert.equal(read.status, 0, read.stderr);
  const scalars = JSON.parse(read.stdout) as Record<string, [number, number][]>;
  const wanted: Record<string, [number, number][]> = {};
  for (const row of await rowsOf(disk.dir)) for (const [tag, value] of scalarsOf(row)) (wanted[tag] ??= []).push([row.step, Math.fround(value)]);
  assert.deepEqual(scalars, wanted);
});
