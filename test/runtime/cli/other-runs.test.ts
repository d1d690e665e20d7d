import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { OtherRuns } from '../../../runtime/cli/other-runs.ts';
import type { ViewedRun } from '../../../runtime/protocol/viewer.ts';
import { createRun } from '../../../runtime/trace/writer.ts';
import { decode } from '../../../runtime/view/wire.ts';
import { folder, newRun, rollout } from '../trace/samples.ts';

test('a link leads to the run beside this one, at the rollout, and to nothing else', async (context) => {
  const root = await folder(context);
  const writer = await createRun(root, newRun());
  await writer.seal(rollout(0));
  await writer.close();
  const others = new OtherRuns(root, root);
  context.after(() => others.close());
  const follow = async (token: number): Promise<{ url: string; run: ViewedRun }> => {
    const url = await others.host.act({ do: 'openRun', dir: writer.dir, rollout: 's0t0n0', call: 1, token });
    const [base, key] = url!.split('#');
    const answer = await fetch(`${base}rpc/open`, { method: 'POST', headers: { authorization: `Bearer ${key}` }, body: 'null' });
    return { url: url!, run: decode(new Uint8Array(await answer.arrayBuffer())) as ViewedRun };
  };
  const first = await follow(2);
  assert.deepEqual([first.run.dir, first.run.focus, first.run.capabilities], [writer.dir, { rollout: 's0t0n0', call: 1, token: 2 }, ['save', 'runs']]);
  const again = await follow(3);
  assert.deepEqual([again.url, again.run.focus?.token], [first.url, 3], 'one server for a run, however often it is asked for');
  for (const dir of ['/etc', root, join(writer.dir, '..', '..', '..', '..', 'a', 'b', 'c'), join(writer.dir, 'traces')]) {
    await assert.rejects(others.host.act({ do: 'openRun', dir }), /is no run beside this one/, dir);
  }
  await assert.rejects(others.host.act({ do: 'openRun', dir: join(root, 'a', 'b', 'c') }), /is no run: it has no run\.json/);
  await assert.rejects(others.host.act({ do: 'fork', rollout: 's0t0n0', call: 0 }), /can't do "fork"/);
  await rm(writer.dir, { recursive: true });
});
