/** The process as it is started; its Python is a fake, which only says what such a program would. */
import assert from 'node:assert/strict';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { startGpuProcess } from '../../../../runtime/trainers/gpu/process.ts';

test('told to stop while a model comes over the network, it ends at once', { skip: process.platform === 'win32' }, async (context) => {
  const folder = await mkdtemp(join(tmpdir(), 'tuning-fork-process-'));
  context.after(() => rm(folder, { recursive: true, force: true }));
  const python = join(folder, 'python');
  await writeFile(python, `#!/bin/sh\necho '{"progress":"Downloading '$$'"}'\nexec sleep 60\n`);
  await chmod(python, 0o755);
  const stop = new AbortController();
  const reason = new Error('enough');
  let pid = 0;
  const starting = startGpuProcess(python, { model: '/m', loraRank: 0, loraAlpha: undefined, loraTargets: 'all-linear', gradientCheckpointing: false, offloadOptimizer: false }, {
    signal: stop.signal,
    progress: (text) => {
      pid = Number(text.replace('Downloading ', ''));
      stop.abort(reason);
    },
  });
  const began = performance.now();
  await assert.rejects(starting, reason);
  assert.ok(performance.now() - began < 10_000);
  for (const deadline = performance.now() + 5_000; performance.now() < deadline && isUp(pid);) await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(isUp(pid), false);
});

function isUp(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
