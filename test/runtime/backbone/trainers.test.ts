import assert from 'node:assert/strict';
import { tmpdir } from 'node:os';
import { test } from 'node:test';
import type { LoadedConfig } from '../../../runtime/config/load.ts';
import { PolicyCache } from '../../../runtime/backbone/policies.ts';
import { trainerPlan } from '../../../runtime/backbone/trainers.ts';
import type { StartRun } from '../../../runtime/protocol/backbone.ts';

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
