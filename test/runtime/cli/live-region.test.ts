import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clearLiveRegions, LiveRegion } from '../../../runtime/cli/live-region.ts';
import { Screen } from './screen.ts';

test('is drawn over in place, one write a frame, never empty in between', () => {
  const screen = new Screen(40);
  const live = new LiveRegion(screen);
  for (let step = 0; step < 5; step++) live.draw([`step ${step}`, '━'.repeat(step)]);
  assert.deepEqual(screen.lines, ['step 4', '━━━━', '']);
  assert.equal(screen.frames.length, 5);
  for (const [index, frame] of screen.frames.entries()) assert.equal(frame[0], `step ${index}`);
});

test('the same picture is not drawn again', () => {
  const screen = new Screen(40);
  const live = new LiveRegion(screen);
  live.draw(['calm']);
  live.draw(['calm']);
  assert.equal(screen.frames.length, 1);
});

test('what is printed scrolls above it, and fewer lines leave nothing behind', () => {
  const screen = new Screen(40);
  const live = new LiveRegion(screen);
  live.draw(['a', 'b', 'c']);
  live.print('first');
  live.print('second\nthird');
  assert.deepEqual(screen.lines, ['first', 'second', 'third', 'a', 'b', 'c', '']);
  live.draw(['d']);
  assert.deepEqual(screen.lines, ['first', 'second', 'third', 'd', '']);
  live.clear();
  assert.deepEqual(screen.lines, ['first', 'second', 'third', '']);
});

test('no line reaches the last column', () => {
  const screen = new Screen(10);
  new LiveRegion(screen).draw(['工作流工作流工作流']);
  assert.deepEqual(screen.lines, ['工作流工…', '']);
});

test('a window made narrower, then wider, is drawn right, with nothing left of the old picture', () => {
  const screen = new Screen(60);
  const live = new LiveRegion(screen);
  screen.write('before\n');
  live.draw(['x'.repeat(59), 'y'.repeat(30)]);
  screen.resize(20);
  assert.equal(screen.lines.length, 7, 'the old picture takes five rows now');
  live.draw(['x'.repeat(59), 'short']);
  assert.deepEqual(screen.lines, ['before', `${'x'.repeat(18)}…`, 'short', '']);
  screen.resize(60);
  live.draw(['x'.repeat(59), 'short']);
  assert.deepEqual(screen.lines, ['before', 'x'.repeat(59), 'short', '']);
});

test('the cursor is hidden while it is there, and comes back with its end and with the end of the process', () => {
  const screen = new Screen(40);
  const live = new LiveRegion(screen);
  live.draw(['a']);
  assert.equal(screen.cursorVisible, false);
  live.clear();
  assert.equal(screen.cursorVisible, true);
  assert.equal(screen.frames.length, 2);
  live.clear();
  assert.equal(screen.frames.length, 2, 'there is nothing to clear');

  live.draw(['again']);
  assert.ok(process.listeners('exit').includes(clearLiveRegions));
  clearLiveRegions();
  assert.equal(screen.cursorVisible, true);
  assert.deepEqual(screen.lines, ['']);
});
