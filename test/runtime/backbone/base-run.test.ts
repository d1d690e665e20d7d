import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BaseRun } from '../../../runtime/backbone/base-run.ts';
import type { RunEvent } from '../../../runtime/protocol/backbone.ts';
import { readRunInfo } from '../../../runtime/trace/index.ts';
import { createRun } from '../../../runtime/trace/writer.ts';
import { folder, newRun } from '../trace/samples.ts';

class Stuck extends BaseRun {
  protected override async work(): Promise<boolean> {
    return false;
  }

  protected override async stop(): Promise<void> {}

  protected override async closed(): Promise<void> {
    throw new Error('its trainer does not end');
  }

  static async begin(root: string): Promise<Stuck> {
    return new Stuck({ writer: await createRun(root, newRun()), secrets: [], warnings: [] });
  }
}

test('a run whose end fails has failed, and says so', async (t) => {
  const run = await Stuck.begin(await folder(t));
  const events: RunEvent[] = [];
  run.subscribe((event) => void events.push(event), 0);
  await run.done;
  const last = events.at(-1)!;
  assert.ok(last.type === 'finished');
  assert.deepEqual([last.state, last.error!.message, run.running], ['failed', 'Error: its trainer does not end', false]);
  const { state, error } = await readRunInfo(run.dir);
  assert.deepEqual([state, error!.message], ['failed', 'Error: its trainer does not end']);
});
