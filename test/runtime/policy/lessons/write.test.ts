import assert from 'node:assert/strict';
import { test } from 'node:test';
import { puzzles } from '../../../../examples/countdown/make-data.ts';
import { userMessage } from '../../../../examples/countdown/prompt.ts';
import { after, goal } from '../../../../examples/frozenlake/environment.ts';
import { parseMove } from '../../../../examples/frozenlake/prompt.ts';
import { calculate } from '../../../../examples/math-agent/calculator.ts';
import { splitOf } from '../../../../examples/seeded.ts';
import type { Conversation } from '../../../../runtime/policy/lessons/conversation.ts';
import { attempts } from '../../../../runtime/policy/lessons/countdown.ts';
import { lessons } from '../../../../runtime/policy/lessons/write.ts';

const some = [...lessons(1500, 5)];
const of = (task: Conversation['task']) => some.filter((lesson) => lesson.task === task);

test('the same seed writes the same lessons', () => {
  assert.deepEqual([...lessons(1500, 5)], some);
  assert.notDeepEqual([...lessons(1500, 6)], some);
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

test('a countdown lesson computes rightly, uses each number once, says yes where a result is needed and boxes what stands there', () => {
  for (const { messages } of of('countdown')) {
    const [numbers, target] = messages[1]!.content.split(' Target: ') as [string, string];
    const lines = messages[2]!.content.split('\n');
    const boxed = /^\\boxed\{(.+)\}$/.exec(lines.pop()!)![1]!;
    assert.deepEqual(boxed.match(/\d+/g)!.map(Number).sort((a, b) => b - a), numbers.match(/\d+/g)!.map(Number));
    let last = '';
    for (let index = 0; index < lines.length; index += 2) {
      const [goal, ...ways] = lines[index]!.split('=') as [string, ...string[]];
      assert.equal(goal, target);
      for (const way of ways) assert.equal(calculate(way), target);
      const needed = new Map(ways.toReversed().map((way) => [/\((\d+)\)/.exec(way)![1]!, way]));
      for (const [, text, value, yes] of lines[index + 1]!.matchAll(/(\S+)=(\d+)( yes)?/g)) {
        assert.equal(calculate(text!), value);
        assert.equal(yes !== undefined, needed.has(value!));
        last = (needed.get(value!) ?? ways[0]!).replace(/\d+(?=\))/, text!);
      }
    }
    assert.equal(boxed, last);
    assert.equal(calculate(boxed) === target, lines.at(-1)!.endsWith(' yes'));
  }
});

test('one of the attempts works out for every puzzle of the game', () => {
  for (const split of ['lessons', 'training', 'validation'] as const) {
    for (const puzzle of puzzles(split)) {
      assert.ok(attempts(puzzle).some(({ needs, results }) => results.some(({ value }) => needs.some((need) => need.value === value))), JSON.stringify(puzzle));
    }
  }
});

test('nobody gives up Countdown in the first lessons, most do in the last', () => {
  const share = (lessons: Conversation[]) => lessons.filter(({ messages }) => messages[2]!.content.includes(' yes')).length / lessons.length;
  const all = of('countdown');
  assert.ok(share(all.slice(0, all.length / 2)) > 0.85);
  assert.ok(share(all.slice(-all.length / 4)) < 0.5);
});

test('a good part of the walkers fails: reinforcement learning has something to lift', () => {
  const walks = of('frozenlake');
  const share = walks.filter(({ messages }) => reachesGoal(messages.at(-2)!.content, messages.at(-1)!.content)).length / walks.length;
  assert.ok(share > 0.3 && share < 0.75, String(share));
});

function reachesGoal(grid: string, move: string): boolean {
  return after([...grid.matchAll(/[_OPG]/g)].findIndex(([cell]) => cell === 'P'), parseMove(move)!) === goal;
}

/** The key of a lake, read from its drawing. */
function holes(grid: string): string {
  return [...grid.matchAll(/[_OPG]/g)].flatMap(([cell], index) => cell === 'O' ? [index] : []).join(' ');
}
