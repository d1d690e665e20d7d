import { splitOfPuzzle, type Puzzle } from '../../../examples/countdown/make-data.ts';
import { systemPrompt, userMessage } from '../../../examples/countdown/prompt.ts';
import type { Seeded } from '../../../examples/seeded.ts';
import { opening, type Conversation } from './conversation.ts';

/** More puzzles than the example has, some without a solution: so that the policy learns to compute rather than to remember. */
const largestNumber = 13;
const largestTarget = 60;
const hasSolution = 0.85;
/** How often a player sees at once which try will do. */
const seesTheWay = 0.03;
/** How often a player gives up after so many tries that failed; the last stands for all later ones. */
const givesUp = [0.73, 0.45, 0.3, 0.1];

/** Works backwards: to reach 33 with 10, 7 and 4, `33+7=40` asks whether the other two make 40. */
export interface Try {
  line: string;
  /** What the two other numbers make, a line said before the first try that asks for it. */
  pair: string;
  /** The two other numbers' expression that makes what is asked for, if there is one. */
  inner: string | undefined;
  /** The answer with some expression of the two others in it. */
  answer(inner: string): string;
  /** An expression of the right form that is wrong where there is no inner one. */
  guess: string;
}

/** Tries in the habitual order until one works out or the player gives up, and boxes a wrong answer of the right form. */
export function countdownLesson(random: Seeded): Conversation {
  const puzzle = puzzleFor(random);
  const left = tries(puzzle);
  const lines: string[] = [];
  let pair = '';
  for (let failed = 1; ; failed++) {
    const right = left.findIndex((one) => one.inner !== undefined);
    const [next] = left.splice(right >= 0 && random.chance(seesTheWay) ? right : 0, 1) as [Try];
    if (next.pair !== pair) lines.push(pair = next.pair);
    if (next.inner !== undefined) {
      lines.push(`${next.line}=${next.inner}`, `\\boxed{${next.answer(next.inner)}}`);
      break;
    }
    lines.push(next.line);
    if (left.length === 0 || random.chance(givesUp[Math.min(failed, givesUp.length) - 1]!)) {
      lines.push(`\\boxed{${next.answer(next.guess)}}`);
      break;
    }
  }
  return {
    task: 'countdown',
    messages: [...opening(systemPrompt, userMessage(puzzle.numbers, puzzle.target)), { role: 'assistant', content: lines.join('\n') }],
  };
}

function puzzleFor(random: Seeded): Puzzle {
  const solvable = random.chance(hasSolution);
  for (;;) {
    const [a, b, c] = [1, 2, 3].map(() => random.between(1, largestNumber)).sort((x, y) => y - x) as [number, number, number];
    const puzzle = { numbers: [a, b, c] as const, target: random.between(1, largestTarget) };
    if (splitOfPuzzle(puzzle) === 'lessons' && (!solvable || tries(puzzle).some((one) => one.inner !== undefined))) return puzzle;
  }
}

/**
 * Every last step that could lead to the target, from the smallest number to the largest, a number that is there twice
 * only once. One of them works out where the puzzle has a solution.
 */
export function tries({ numbers, target }: Puzzle): Try[] {
  return [2, 1, 0].filter((index) => numbers[index] !== numbers[index + 1]).flatMap((index) => {
    const number = numbers[index]!;
    const [large, small] = numbers.filter((_, other) => other !== index) as [number, number];
    const made = new Map([[large - small, `${large}-${small}`], [large + small, `${large}+${small}`], [large * small, `${large}*${small}`]]);
    const pair = `${large + small} ${large - small} ${large * small}`;
    const one = (step: string, need: number, answer: Try['answer']): Try =>
      ({ line: `${step}=${need}`, pair, inner: made.get(need), answer, guess: `${large}+${small}` });
    return [
      number > target
        ? one(`${number}-${target}`, number - target, (inner) => `${number}-(${inner})`)
        : one(`${target}-${number}`, target - number, (inner) => `(${inner})+${number}`),
      one(`${target}+${number}`, target + number, (inner) => `(${inner})-${number}`),
      ...target % number === 0 ? [one(`${target}/${number}`, target / number, (inner) => `(${inner})*${number}`)] : [],
    ];
  });
}
