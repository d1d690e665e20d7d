/** Each example as it stands, on the embedded policy: whatever the framework, the same tokens are sampled and all of them are trained. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { RolloutRecord } from '../../runtime/protocol/trace.ts';
import { openRunReader } from '../../runtime/trace/index.ts';
import type { CallHistory } from '../../runtime/view/history.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const project = realpathSync(mkdtempSync(join(tmpdir(), 'tf-frameworks-')));
const env = { ...process.env, TUNING_FORK_RUNTIME_DIR: join(project, '.backbone'), TUNING_FORK_IDLE_MS: '10000' };

for (const name of ['math-agent', 'frameworks']) {
  cpSync(join(root, 'examples', name), join(project, name), { recursive: true, filter: (path) => !['node_modules', 'runs'].includes(basename(path)) });
}
symlinkSync(join(root, 'examples/frameworks/node_modules'), join(project, 'frameworks/node_modules'), 'junction');

after(async () => {
  await run('stop').catch(() => {});
  rmSync(project, { recursive: true, force: true });
});

async function run(...args: string[]): Promise<{ type: string; dir: string; state: string }[]> {
  const { stdout } = await promisify(execFile)(process.execPath, [join(root, 'runtime/cli/bin.mjs'), ...args, '--json'], { cwd: project, env });
  return stdout.trim().split('\n').map((line) => JSON.parse(line));
}

async function rollouts(name: string): Promise<RolloutRecord[]> {
  const lines = await run('rollout', '--conf', `frameworks/${name}/tuning-fork.yaml`, '--project', project, '--tasks', '2', '-n', '2', '--seed', '3');
  const { dir, state } = lines.find(({ type }) => type === 'summary')!;
  assert.equal(state, 'finished');
  const reader = await openRunReader(dir);
  const records = await Promise.all(Array.from({ length: reader.count }, (_, index) => reader.read(index)));
  return records.sort((a, b) => (a.rollout < b.rollout ? -1 : 1));
}

const tokensOf = (records: RolloutRecord[]): unknown => records.map(({ rollout, calls }) => ({ rollout, calls: calls.map(({ tokens, why }) => ({ from: tokens!.from, tail: tokens!.tail, sampled: tokens!.sampled, why })) }));

const plain = await rollouts('fetch');

test('fetch: two calls a rollout, one conversation, all trained', () => {
  assert.equal(plain.length, 4);
  for (const { calls, status } of plain) {
    assert.deepEqual([status, calls.map(({ continuation, why }) => [continuation, why])], ['finished', [['start', undefined], ['continued', undefined]]]);
  }
});

for (const name of ['openai-agents', 'ai-sdk', 'strands', 'langchain', 'mastra', 'openai']) {
  test(`${name}: the same tokens as plain fetch, and the same rewards`, async () => {
    const records = await rollouts(name);
    assert.deepEqual(tokensOf(records), tokensOf(plain));
    assert.deepEqual(records.map(({ reward }) => reward), plain.map(({ reward }) => reward));
  });
}

test('check --history tells of each call', async () => {
  const lines = (await run('check', '--conf', 'frameworks/ai-sdk/tuning-fork.yaml', '--project', project, '--history')) as unknown as { name: string; verdict: string; calls?: CallHistory[] }[];
  const { verdict, calls } = lines.find(({ name }) => name === 'history')!;
  assert.equal(verdict, 'ok');
  assert.deepEqual(calls!.map(({ continuation, from, branch }) => [continuation, from, branch]), [['start', null, undefined], ['continued', 0, undefined]]);
});
