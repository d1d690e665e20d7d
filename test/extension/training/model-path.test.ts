import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse } from 'yaml';
import { withModelPath } from '../../../extension/training/model-path.ts';

const path = '/p/runs/math/a/2026/checkpoints/step-40';

function written(yaml: string, dir = '/p'): string {
  const { from, to, text } = withModelPath(yaml, dir, path);
  return yaml.slice(0, from) + text + yaml.slice(to);
}

test('the model of a configuration is replaced where it stands, and nothing else', () => {
  const yaml = 'tuning_fork:\n  # ours\n  model:\n    path: embedded   # or a folder\n  rollout: { user_workflow: a.ts->A }\n';
  assert.equal(written(yaml), yaml.replace('embedded', 'runs/math/a/2026/checkpoints/step-40'));
  assert.equal(parse(written(yaml, '/elsewhere/very/far/away')).tuning_fork.model.path, path, 'far folders are named in full');
});

test('it is written where none was named', () => {
  const without = 'ajet:\n  rollout:\n    user_workflow: a.ts->A\n';
  assert.deepEqual(parse(written(without)), { ajet: { model: { path: 'runs/math/a/2026/checkpoints/step-40' }, rollout: { user_workflow: 'a.ts->A' } } });
  const other = 'ajet:\n  model:\n    base_url: http://127.0.0.1:1/v1\n  rollout:\n    user_workflow: a.ts->A\n';
  assert.equal(parse(written(other)).ajet.model.path, 'runs/math/a/2026/checkpoints/step-40');
  assert.equal(parse(written(other)).ajet.model.base_url, 'http://127.0.0.1:1/v1');
});

test('a file that is no configuration is left alone', () => {
  assert.throws(() => withModelPath('a: 1\n', '/p', path), /no root/);
});
