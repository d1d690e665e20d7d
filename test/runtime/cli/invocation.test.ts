import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { asWord } from '../../../runtime/cli/invocation.ts';

const words = ['runs/math/2026-11-20_18-32-09', '我的 智能体/任务.yaml', "it's", 'a $HOME `b` "c"', 'workflow.ts->Agent', 'back\\slash', '任务'];

test('what is told to be typed arrives as one word', { skip: process.platform === 'win32' && 'a POSIX shell' }, () => {
  for (const word of words) assert.equal(execFileSync('sh', ['-c', `printf %s ${asWord(word, false)}`], { encoding: 'utf8' }), word);
});

test('plain words stay plain', () => {
  for (const windows of [false, true]) for (const word of ['runs/math/2026-11-20_18-32-09', '任务.yaml', './a']) assert.equal(asWord(word, windows), word);
  assert.equal(asWord('C:\\my agent', true), '"C:\\my agent"');
});
