import assert from 'node:assert/strict';
import { cp, rm } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { test } from 'node:test';
import { createRun } from '../../../runtime/trace/writer.ts';
import { RunViewer, type ViewerHost } from '../../../runtime/view/viewer.ts';
import { folder, newRun, rollout } from '../trace/samples.ts';

const host: ViewerHost = { capabilities: [], language: 'en', act: async () => null };

test('a rollout has its forks with their rewards, each fork its parent, and either can be read where the other is', async (context) => {
  const root = await folder(context);
  const parent = await createRun(root, newRun());
  await parent.seal(rollout(0, 2, 4, { reward: 0.5 }));
  const viewer = await RunViewer.open(parent.dir, host);
  assert.deepEqual(await viewer.requests.kin({ rollout: 's0t0n0' }), []);

  const replay = { dir: parent.dir, rollout: 's0t0n0', untilCall: 1, untilToken: 2, forks: 2 };
  const forks = await createRun(root, newRun({ kind: 'replay', replay }));
  const fork = (number: number, reward: number) => rollout(0, 3, 4, { rollout: `s0t0n0f${number}`, reward, parent: { rollout: 's0t0n0', call: 1, token: 2 } });
  await forks.seal(fork(1, 1));
  const again = await createRun(root, newRun({ kind: 'replay', replay: { ...replay, untilCall: undefined, untilToken: undefined, forks: 0 } }));
  await again.seal(rollout(0, 2, 4));

  const [first, ...more] = await viewer.requests.kin({ rollout: 's0t0n0' });
  assert.deepEqual([more, first!.kind, first!.rollout, first!.call, first!.token, first!.reward], [[], 'fork', 's0t0n0f1', 1, 2, 1], 'what was executed again alone is no fork');
  await forks.seal(fork(2, 0));
  assert.deepEqual((await viewer.requests.kin({ rollout: 's0t0n0' })).map(({ reward }) => reward), [1, 0], 'one that ended since');
  assert.equal((await viewer.requests.timeline({ rollout: first!.key })).calls.length, 3);
  assert.ok((await viewer.requests.group({ rollouts: ['s0t0n0', first!.key] })).shared > 0);

  const other = await RunViewer.open(forks.dir, { ...host, score: async (dir, name) => [{ call: 0, logprobs: [dir === parent.dir && name === 's0t0n0' ? -1 : -2] }] });
  const [up] = await other.requests.kin({ rollout: 's0t0n0f1' });
  assert.deepEqual([up!.kind, up!.dir, up!.rollout, up!.call, up!.token, up!.reward], ['parent', parent.dir, 's0t0n0', 1, 2, 0.5]);
  const { logprob } = await other.requests.score({ rollout: up!.key, checkpoint: 'c' });
  assert.ok(logprob.includes(-1), 'the parent is asked for where it lies');
  await Promise.all([parent, forks, again].map((writer) => writer.close()));
  const moved = join(await folder(context), 'elsewhere');
  await cp(root, moved, { recursive: true });
  await rm(parent.dir, { recursive: true });
  const [gone] = await other.requests.kin({ rollout: 's0t0n0f1' });
  assert.deepEqual([gone!.rollout, gone!.dir, gone!.call, gone!.gone], ['s0t0n0', parent.dir, 1, true], 'a parent that is gone is told of');
  const [found] = await (await RunViewer.open(join(moved, relative(root, forks.dir)), host)).requests.kin({ rollout: 's0t0n0f1' });
  assert.deepEqual([found!.dir, found!.gone], [join(moved, relative(root, parent.dir)), undefined], 'runs that were moved together find each other');
});
