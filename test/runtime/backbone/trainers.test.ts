import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { test } from 'node:test';
import type { LoadedConfig } from '../../../runtime/config/load.ts';
import { PolicyCache } from '../../../runtime/backbone/policies.ts';
import { trainerPlan } from '../../../runtime/backbone/trainers.ts';
import type { StartRun } from '../../../runtime/protocol/backbone.ts';
import { Project } from './project.ts';

test('what the embedded trainer writes is for the log of the training', async (t) => {
  const config = { dir: tmpdir(), cwd: tmpdir(), config: { backbone: 'embedded', model: { path: 'embedded' } } } as unknown as LoadedConfig;
  const plan = trainerPlan({ cwd: tmpdir(), env: {} } as StartRun, config, new PolicyCache());
  process.env.NODE_DEBUG = 'http';
  t.after(() => delete process.env.NODE_DEBUG);
  let log = '';
  const trainer = await plan.open({ threads: 1, patient: false, alone: true, signal: t.signal, log: (text) => void (log += text) });
  await trainer.client.info();
  await trainer.stop();
  assert.match(log, /HTTP \d+: /);
});

test('a training whose workflow does not load leaves no trainer behind', { skip: process.platform !== 'linux', timeout: 60_000 }, async () => {
  const project = await Project.make({ files: { 'broken.ts': 'throw new Error("no");\nexport class Broken {}\n' } });
  const run = await project.start(await project.conf({ workflow: 'broken.ts->Broken', tasks: ['x', 'y'], rollout: { num_repeat: 2 } }), { kind: 'training', model: 'embedded' });
  assert.equal((await run.end()).state, 'failed');
  const { pid } = await run.client.request('status', null);
  assert.deepEqual(childrenOf(pid).filter((command) => command.includes('trainers/embedded')), []);
});

test('a training that is stopped while its trainer starts is cancelled', { timeout: 60_000 }, async () => {
  const project = await Project.make();
  const run = await project.start(await project.conf({ tasks: ['call', 'call 2'], rollout: { num_repeat: 2 } }), { kind: 'training', model: 'embedded' });
  await run.client.request('cancel', { run: run.run });
  const { state, error } = await run.end();
  assert.deepEqual([state, error], ['cancelled', undefined]);
});

function childrenOf(parent: number): string[] {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).flatMap((pid) => {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]) === parent ? [readFileSync(`/proc/${pid}/cmdline`, 'utf8')] : [];
    } catch {
      return [];
    }
  });
}
