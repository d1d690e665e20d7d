import { expressions, type Expression } from '../../../examples/countdown/expressions.ts';
import { puzzles } from '../../../examples/countdown/make-data.ts';
import { systemPrompt, userMessage } from '../../../examples/countdown/prompt.ts';
import type { Seeded } from '../../../examples/seeded.ts';
import { opening, type Conversation } from './conversation.ts';

const forLessons = puzzles('lessons');
const rightAtOneTry = 0.45;
const givesUp = 0.55;
const mostTries = 6;
const largestValue = 99;

/** Tries one expression after the other, a line each, and boxes the last: the target's where it was found, else it gave up. */
export function countdownLesson(random: Seeded): Conversation {
  const { numbers, target } = random.pick(forLessons);
  const all = expressions(numbers).filter((expression) => expression.value <= largestValue);
  const right = all.find((expression) => expression.value === target)!;
  const tries: Expression[] = [];
  for (;;) {
    const wrong = all.filter((expression) => expression.value !== target && !tries.includes(expression));
    const next = wrong.length === 0 || random.chance(rightAtOneTry) ? right : random.pick(wrong, wrong.map((expression) => nearness(expression.value, target)));
    tries.push(next);
    if (next === right || tries.length === mostTries || random.chance(givesUp)) break;
  }
  const lines = tries.map((expression) => `${expression.text}=${expression.step}=${expression.value}\n`);
  return {
    task: 'countdown',
    messages: [
      ...opening(systemPrompt, userMessage(numbers, target)),
      { role: 'assistant', content: `${lines.join('')}\\boxed{${tries.at(-1)!.text}}` },
    ],
  };
}

/** Tries are guesses at the right size. */
function nearness(value: number, target: number): number {
  return Math.exp(-Math.abs(value - target) / 8);
}
