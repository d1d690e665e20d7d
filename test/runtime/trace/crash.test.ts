import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { CallRecord } from '../../../runtime/protocol/trace.ts';
import { openRunReader } from '../../../runtime/trace/index.ts';
import { createRun, openRun } from '../../../runtime/trace/writer.ts';
import { call, dice, folder, newRun, rollout } from './samples.ts';

const KILLS = 20;

interface Known {
  attempt: number;
  calls: Map<number, number>;
  sealed: number | undefined;
  open: boolean;
}

test(`${KILLS} times killed with SIGKILL, no acknowledged call and no sealed rollout is lost`, async (context) => {
  const writer = await createRun(await folder(context), newRun());
  const { dir } = writer;
  await writer.close();
  const known = new Map<number, Known>();
  const random = dice(77);
  let acknowledged = 0;
  const children = [start(), start()];
  for (let kill = 0; kill < KILLS; kill++) {
    if (kill + 2 < KILLS) children.push(start());
    const told = await runAndKill(children.shift()!, { dir, first: kill * 10_000 }, { lines: 10 + random() * 60, wait: random() * 4 });
    acknowledged += told.length;
    for (const line of told) learn(known, line);
    await verify(dir, known);
  }
  assert.ok(acknowledged > 500, `${acknowledged}`);

  const last = await openRun(dir);
  const segment = Number(/calls-(\d+)/.exec(last.journal.path)![1]);
  assert.ok(segment > KILLS + 1, `the journal was written anew while it was in use (${segment} segments)`);
  await Promise.all(last.recovered.map(({ place, attempt }) => last.seal(rollout(place.sample, 1, 1, { attempt }))));
  await last.close();
  assert.deepEqual(await readdir(join(dir, 'journal')), []);
  const reader = await openRunReader(dir);
  assert.deepEqual(reader.problems, []);
  assert.ok(reader.entry(reader.count - 1).file > 0, 'several trace files took part');
  assert.equal(new Set(reader.column('id')).size, reader.count);
});

/** Started ahead, so that the time goes into writing and killing. */
function start(): ChildProcess {
  return spawn(process.execPath, [join(import.meta.dirname, 'crash-child.ts')], { stdio: ['pipe', 'pipe', 'inherit'] });
}

/** Killed after so much has been acknowledged, not after a time: a busy machine must not make it an easier test. */
async function runAndKill(child: ChildProcess, order: { dir: string; first: number }, after: { lines: number; wait: number }): Promise<string[]> {
  let output = '';
  let lines = 0;
  const ready = new Promise<void>((resolve) => child.stdout!.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    lines += text.split('\n').length - 1;
    if (lines > after.lines) resolve();
  }));
  const closed = once(child, 'close');
  child.stdin!.write(JSON.stringify(order));
  await Promise.race([ready, closed.then(([code]) => assert.fail(`the child ended with ${code} by itself`))]);
  await new Promise((resolve) => setTimeout(resolve, after.wait));
  child.kill('SIGKILL');
  await closed;
  return output.slice(0, output.lastIndexOf('\n')).split('\n').slice(1);
}

function learn(known: Map<number, Known>, line: string): void {
  const [what, sample, ...numbers] = line.split(' ').map((word, i) => i === 0 ? word : Number(word)) as [string, number, ...number[]];
  const state = known.get(sample) ?? { attempt: 0, calls: new Map(), sealed: undefined, open: false };
  known.set(sample, state);
  if (what === 'begin') known.set(sample, { attempt: numbers[0]!, calls: new Map(), sealed: undefined, open: true });
  else if (what === 'call') state.calls.set(numbers[1]!, numbers[2]!);
  else if (what === 'discard') state.open = false;
  else if (what === 'seal') state.sealed = numbers[0]!;
}

async function verify(dir: string, known: ReadonlyMap<number, Known>): Promise<void> {
  const reader = await openRunReader(dir);
  assert.deepEqual(reader.problems, []);
  const flights = new Map((await reader.inFlight()).map((flight) => [flight.place.sample, flight]));
  for (const [sample, { attempt, calls, sealed, open }] of known) {
    const id = `s0t0n${sample}`;
    if (sealed !== undefined) assert.deepEqual(await reader.read(id), rollout(sample, sealed, 10, { attempt }));
    // Sealed or superseded by what was not acknowledged any more: that is more than was promised.
    const flight = flights.get(sample);
    if (reader.find(id) >= 0 || !open) continue;
    assert.ok(flight && flight.attempt >= attempt, `rollout ${id} is in flight`);
    if (flight.attempt > attempt) continue;
    for (const [index, size] of calls) {
      const found: CallRecord | undefined = flight.calls.find((each) => each.index === index);
      assert.deepEqual(found, call(index, dice(index), size, { policy: `attempt ${attempt}` }), `call ${index} of ${id}`);
    }
  }
}
