import { puzzles, type Puzzle } from '../../../examples/countdown/make-data.ts';
import { systemPrompt, userMessage } from '../../../examples/countdown/prompt.ts';
import type { Seeded } from '../../../examples/seeded.ts';
import { opening, type Conversation } from './conversation.ts';

const forLessons = puzzles('lessons');
/** How often a player sees at once which try will do. */
const seesTheWay = 0.04;
/** How often a player gives up after so many tries that failed; the last stands for all later ones. */
const givesUp = [0.36, 0.68, 0.3, 0.1];

/** Works backwards: to reach 33 with 10, 7 and 4, `33+7=40` asks whether the other two make 40. */
export interface Try {
  line: string;
  /** The answer if the others make it, for the inner expression. */
  answer(inner: string): string;
  /** The two other numbers' expression that makes it, if there is one. */
  inner: string | undefined;
  others: readonly [number, number];
}

/** What each two numbers make, then tries in the habitual order until one works out or the player gives up, and boxes a wrong answer of the right form. */
export function countdownLesson(random: Seeded): Conversation {
  const puzzle = random.pick(forLessons);
  const left = tries(puzzle);
  const lines = pairs(puzzle);
  for (let failed = 1; ; failed++) {
    const right = left.findIndex((one) => one.inner !== undefined);
    const [next] = left.splice(random.chance(seesTheWay) ? right : 0, 1) as [Try];
    if (next.inner !== undefined) {
      lines.push(`${next.line}=${next.inner}`, `\\boxed{${next.answer(next.inner)}}`);
      break;
    }
    lines.push(next.line);
    if (random.chance(givesUp[Math.min(failed, givesUp.length) - 1]!)) {
      lines.push(`\\boxed{${next.answer(next.others.join('+'))}}`);
      break;
    }
  }
  return {
    task: 'countdown',
    messages: [...opening(systemPrompt, userMessage(puzzle.numbers, puzzle.target)), { role: 'assistant', content: lines.join('\n') }],
  };
}

/** Sum, difference and product of each pair, a line each: first of the pair without the smallest number. */
function pairs({ numbers: [a, b, c] }: Puzzle): string[] {
  return ([[a, b], [a, c], [b, c]] as const).map(([large, small]) => `${large + small} ${large - small} ${large * small}`);
}

/** Every last step that could lead to the target, without repeats. One of them works out, as every puzzle has a solution. */
export function tries({ numbers, target }: Puzzle): Try[] {
  const found = new Map<string, Try>();
  const add = (index: number, need: number, line: string, answer: (inner: string) => string): void => {
    const [first, second] = numbers.filter((_, other) => other !== index) as [number, number];
    const inner = first * second === need ? `${first}*${second}`
      : first + second === need ? `${first}+${second}`
      : first - second === need ? `${first}-${second}` : undefined;
    if (!found.has(line)) found.set(line, { line: `${line}=${need}`, answer, inner, others: [first, second] });
  };
  const fromSmall = [...numbers.entries()].reverse();
  for (const [index, number] of fromSmall) add(index, target + number, `${target}+${number}`, (inner) => `(${inner})-${number}`);
  for (const [index, number] of fromSmall) {
    if (number > target) add(index, number - target, `${number}-${target}`, (inner) => `${number}-(${inner})`);
    else add(index, target - number, `${target}-${number}`, (inner) => `(${inner})+${number}`);
  }
  for (const [index, number] of fromSmall) {
    if (target % number === 0) add(index, target / number, `${target}/${number}`, (inner) => `(${inner})*${number}`);
  }
  return [...found.values()];
}
