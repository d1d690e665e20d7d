import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cursorAt, keyPathAt } from '../../../extension/language/yaml-cursor.ts';

/** `|` is the cursor. */
function at(text: string) {
  const offset = text.indexOf('|');
  const plain = text.slice(0, offset) + text.slice(offset + 1);
  const cursor = cursorAt(plain, offset);
  return cursor && { at: cursor.at, path: cursor.path.join('.'), replaced: plain.slice(cursor.span.start, cursor.span.end), siblings: cursor.siblings.join(' '), colon: cursor.colon };
}

const BODY = `tuning_fork:
  model:
    path: embedded
  rollout:
    seed: 1
`;

test('a key to be written, by the indent of its line', () => {
  assert.deepEqual(at(`${BODY}    te|`), { at: 'key', path: 'tuning_fork.rollout', replaced: 'te', siblings: 'seed', colon: false });
  assert.deepEqual(at(`${BODY}    |\n    top_p: 1\n  debug:\n    seed2: 1`), { at: 'key', path: 'tuning_fork.rollout', replaced: '', siblings: 'seed top_p', colon: false });
  assert.deepEqual(at(`${BODY}  |`), { at: 'key', path: 'tuning_fork', replaced: '', siblings: 'rollout model', colon: false });
  assert.deepEqual(at(`${BODY}|`), { at: 'key', path: '', replaced: '', siblings: 'tuning_fork', colon: false });
  assert.deepEqual(at(`${BODY}    |\r\n`), { at: 'key', path: 'tuning_fork.rollout', replaced: '', siblings: 'seed', colon: false });
  assert.deepEqual(at('a:\n    b:\n          |'), { at: 'key', path: 'a.b', replaced: '', siblings: '', colon: false });
});

test('a key that has its colon', () => {
  assert.deepEqual(at(`${BODY}    te|mp: 1`), { at: 'key', path: 'tuning_fork.rollout', replaced: 'temp', siblings: 'seed', colon: true });
});

test('a value, with what is written of it', () => {
  assert.deepEqual(at(`${BODY}    temperature: |`), { at: 'value', path: 'tuning_fork.rollout.temperature', replaced: '', siblings: '', colon: false });
  assert.deepEqual(at(`${BODY}    user_workflow: src/a.t|  # here`), { at: 'value', path: 'tuning_fork.rollout.user_workflow', replaced: 'src/a.t', siblings: '', colon: false });
  assert.deepEqual(at(`${BODY}    user_workflow: a.ts->|A`), { at: 'value', path: 'tuning_fork.rollout.user_workflow', replaced: 'a.ts->A', siblings: '', colon: false });
});

test('inside braces and brackets', () => {
  assert.deepEqual(at(`a:\n  b: { file_path: da| , x: 1 }`), { at: 'value', path: 'a.b.file_path', replaced: 'da', siblings: '', colon: false });
  assert.deepEqual(at(`a:\n  b: { x: 1, fi| }`), { at: 'key', path: 'a.b', replaced: 'fi', siblings: 'x', colon: false });
  assert.deepEqual(at(`a:\n  b: { x: { y: 1 }, z|: 1 }`)?.path, 'a.b');
  assert.deepEqual(at(`a:\n  b: [one, tw|]`), { at: 'value', path: 'a.b', replaced: 'tw', siblings: '', colon: false });
  assert.deepEqual(at(`a:\n  b: [|`), { at: 'value', path: 'a.b', replaced: '', siblings: '', colon: false });
});

test('the items of a list', () => {
  for (const indent of ['  ', '    ']) assert.deepEqual(at(`a:\n  b:\n${indent}- one\n${indent}- tw|`), { at: 'value', path: 'a.b', replaced: 'tw', siblings: '', colon: true }, indent);
});

test('in comments and behind words there is nothing', () => {
  assert.equal(at(`a:\n  # b|`), undefined);
  assert.equal(at(`a: 1 # b|`), undefined);
  assert.equal(at(`a:\n  some words| here`), undefined);
});

test('the key path under a pointer', () => {
  const text = 'tuning_fork:\n  rollout:\n    seed: 42 # x\n  data: { train_batch_size: 8 }\n';
  const path = (word: string): string | undefined => keyPathAt(text, text.indexOf(word) + 1)?.path.join('.');
  assert.equal(path('rollout'), 'tuning_fork.rollout');
  assert.equal(path('seed'), 'tuning_fork.rollout.seed');
  assert.equal(path('42'), 'tuning_fork.rollout.seed');
  assert.equal(path('train_batch'), 'tuning_fork.data.train_batch_size');
  assert.equal(path('# x'), undefined);
  assert.equal(keyPathAt(text, text.indexOf('  rollout')), undefined);
});
