import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MovedLines, type LineEdit } from '../../../extension/editor/lines.ts';

const edit = (from: [number, number], to: [number, number], text: string): LineEdit => ({ range: { start: { line: from[0], character: from[1] }, end: { line: to[0], character: to[1] } }, text });
const after = (edits: LineEdit[], lines: number[], isBlank = (_line: number): boolean => false): (number | undefined)[] => {
  const moved = new MovedLines();
  moved.note(edits, isBlank);
  return lines.map((line) => moved.find(line));
};

test('lines follow what is typed above them', () => {
  assert.deepEqual(after([edit([2, 5], [2, 5], '\n')], [1, 2, 3]), [1, 2, 4], 'a break inside a line leaves its beginning');
  assert.deepEqual(after([edit([2, 0], [2, 0], 'a\nb\n')], [1, 2, 3]), [1, 4, 5], 'lines before it');
  assert.deepEqual(after([edit([2, 4], [2, 4], '\n    ')], [2, 3], (line) => line === 2), [3, 4], 'Enter before its first word');
  assert.deepEqual(after([edit([2, 0], [3, 0], '')], [1, 2, 3]), [1, undefined, 2], 'a line is deleted');
  assert.deepEqual(after([edit([1, 9], [2, 0], '')], [1, 2, 3]), [1, 1, 2], 'joined with the one above');
  assert.deepEqual(after([edit([1, 3], [4, 2], 'x')], [1, 2, 3, 4, 5]), [1, undefined, undefined, 1, 2]);
  assert.deepEqual(after([edit([2, 3], [2, 9], 'word')], [1, 2, 3]), [1, 2, 3]);
  assert.deepEqual(after([edit([5, 0], [5, 0], '\n'), edit([1, 0], [1, 0], '\n')], [1, 5, 6]), [2, 7, 8], 'several at once, from behind');
});

test('a text that is again what it was has its lines where they were', () => {
  const moved = new MovedLines();
  moved.note([edit([0, 0], [0, 0], '\n\n')], () => false);
  assert.equal(moved.find(3), 5);
  moved.forget();
  assert.equal(moved.find(3), 3);
});
