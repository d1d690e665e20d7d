import assert from 'node:assert/strict';
import { test } from 'node:test';
import { puzzles } from '../../../../examples/countdown/make-data.ts';
import { userMessage } from '../../../../examples/countdown/prompt.ts';
import { calculate } from '../../../../examples/math-agent/calculator.ts';
import { splitOf } from '../../../../examples/seeded.ts';
import type { Conversation } from '../../../../runtime/policy/lessons/conversation.ts';
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

test('a countdown lesson computes every line rightly, boxes the last one and stops at the target', () => {
  for (const { messages } of of('countdown')) {
    const target = messages[1]!.content.split('Target: ')[1];
    const lines = messages[2]!.content.split('\n');
    const box = lines.pop()!;
    for (const [index, line] of lines.entries()) {
      const [expression, step, value] = line.split('=');
      assert.equal(calculate(expression!), value);
      assert.equal(calculate(step!), value);
      assert.ok(value !== target || index === lines.length - 1);
    }
    assert.equal(box, `\\boxed{${lines.at(-1)!.split('=')[0]}}`);
  }
});

test('every task has demonstrations that succeed and some that fail', () => {
  const share = (task: Conversation['task'], succeeds: (lesson: Conversation) => boolean) => of(task).filter(succeeds).length / of(task).length;
  const countdown = share('countdown', ({ messages }) => messages[2]!.content.split('=').at(-1)!.startsWith(`${messages[1]!.content.split('Target: ')[1]}\n`));
  assert.ok(countdown > 0.3 && countdown < 0.7, String(countdown));
});

/** The key of a lake, read from its drawing. */
function holes(grid: string): string {
  return [...grid.matchAll(/[_OPG]/g)].flatMap(([cell], index) => cell === 'O' ? [index] : []).join(' ');
}
