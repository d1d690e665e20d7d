import assert from 'node:assert/strict';
import { test } from 'node:test';
import { puzzles } from '../../../../examples/countdown/make-data.ts';
import { userMessage } from '../../../../examples/countdown/prompt.ts';
import { after, goal } from '../../../../examples/frozenlake/environment.ts';
import { parseMove } from '../../../../examples/frozenlake/prompt.ts';
import { calculate } from '../../../../examples/math-agent/calculator.ts';
import { splitOf } from '../../../../examples/seeded.ts';
import type { Conversation } from '../../../../runtime/policy/lessons/conversation.ts';
import { tries } from '../../../../runtime/policy/lessons/countdown.ts';
import { lessons } from '../../../../runtime/policy/lessons/write.ts';

const some = [...lessons(1500, 5)];
const of = (task: Conversation['task']) => some.filter((lesson) => lesson.task === task);

test('the same seed writes the same lessons', () => {
  assert.deepEqual([...lessons(50, 5)], some.slice(0, 50));
  assert.notDeepEqual([...lessons(50, 6)], some.slice(0, 50));
});

test('no lesson poses a problem of training or validation', () => {
  for (const { messages } of of('math-agent')) assert.equal(splitOf(messages[1]!.content), 'lessons');
  const others = new Set([...puzzles('training'), ...puzzles('validation')].map(({ numbers, target }) => userMessage(numbers, target)));
  for (const { messages } of of('countdown')) assert.ok(!others.has(messages[1]!.content));
  for (const { messages } of of('frozenlake')) assert.equal(splitOf(holes(messages[1]!.content)), 'lessons');
});

test('a math lesson calls the calculator and boxes what it said', () => {
  for (const { messages } of of('math-agent')) {
    const [, , call, result, answer] = messages;
    const { expression } = JSON.parse(call!.tool_calls![0]!.function.arguments) as { expression: string };
    assert.equal(result!.content, calculate(expression));
    assert.equal(answer!.content, `\\boxed{${result!.content}}`);
  }
});

test('a countdown lesson computes every line rightly, uses each number once and stops where a try works out', () => {
  for (const { messages } of of('countdown')) {
    const [numbers, target] = messages[1]!.content.split(' Target: ') as [string, string];
    const lines = messages[2]!.content.split('\n');
    const boxed = /^\\boxed\{(.+)\}$/.exec(lines.pop()!)![1]!;
    assert.deepEqual(boxed.match(/\d+/g)!.map(Number).sort((a, b) => b - a), numbers.match(/\d+/g)!.map(Number));
    const [a, b, c] = numbers.match(/\d+/g)!.map(Number) as [number, number, number];
    const pairs = ([[a, b], [a, c], [b, c]] as const).map(([large, small]) => `${large + small} ${large - small} ${large * small}`);
    assert.deepEqual(lines.splice(0, 3), pairs);
    for (const [index, line] of lines.entries()) {
      const [step, need, inner] = line.split('=');
      assert.equal(calculate(step!), need);
      if (inner === undefined) continue;
      assert.equal(calculate(inner), need);
      assert.equal(index, lines.length - 1);
      assert.equal(calculate(boxed), target);
    }
    if (lines.at(-1)!.split('=').length === 2) assert.notEqual(calculate(boxed), target);
  }
});

test('one of the tries works out for every puzzle of the game', () => {
  for (const split of ['lessons', 'training', 'validation'] as const) {
    for (const puzzle of puzzles(split)) assert.ok(tries(puzzle).some((one) => one.inner !== undefined), JSON.stringify(puzzle));
  }
});

test('a good part of the demonstrations fails: reinforcement learning has something to lift', () => {
  const share = (task: Conversation['task'], succeeds: (lesson: Conversation) => boolean) => of(task).filter(succeeds).length / of(task).length;
  const shares = {
    countdown: share('countdown', ({ messages }) => /=.*=/.test(messages.at(-1)!.content)),
    frozenlake: share('frozenlake', ({ messages }) => reachesGoal(messages.at(-2)!.content, messages.at(-1)!.content)),
  };
  for (const [task, value] of Object.entries(shares)) assert.ok(value > 0.3 && value < 0.75, `${task}: ${value}`);
});

function reachesGoal(grid: string, move: string): boolean {
  return after([...grid.matchAll(/[_OPG]/g)].findIndex(([cell]) => cell === 'P'), parseMove(move)!) === goal;
}

/** The key of a lake, read from its drawing. */
function holes(grid: string): string {
  return [...grid.matchAll(/[_OPG]/g)].flatMap(([cell], index) => cell === 'O' ? [index] : []).join(' ');
}
