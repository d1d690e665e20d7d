import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { findPython, pythonEnvironment } from '../../../../runtime/trainers/gpu/python.ts';

const python = await findPython();

test('a module that lies in the folder one is in is not taken for one of the runtime', { skip: python?.enough !== true && 'there is no Python 3.11 here' }, (context) => {
  const project = mkdtempSync(join(tmpdir(), 'tf-python-'));
  context.after(() => rmSync(project, { recursive: true, force: true }));
  writeFileSync(join(project, 'torch.py'), 'print("run")\n');
  writeFileSync(join(project, 'tuning_fork_gpu.py'), 'print("run")\n');
  for (const words of [['-c', 'import importlib.util as u; print(u.find_spec("torch") and u.find_spec("torch").origin)'], ['-c', 'import tuning_fork_gpu; print(tuning_fork_gpu.__file__)']]) {
    const told = execFileSync(python!.path, words, { cwd: project, env: pythonEnvironment(process.env), encoding: 'utf8' });
    assert.ok(!told.includes('run\n') && !told.includes(project), told);
  }
});

test('no library tells anybody of its use, unless somebody said so', () => {
  const { DO_NOT_TRACK, HF_HUB_DISABLE_TELEMETRY } = pythonEnvironment({});
  assert.deepEqual([DO_NOT_TRACK, HF_HUB_DISABLE_TELEMETRY], ['1', '1']);
  assert.equal(pythonEnvironment({ DO_NOT_TRACK: '0' }).DO_NOT_TRACK, '0');
});
