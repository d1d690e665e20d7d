import { puzzles, splitOfPuzzle, type Puzzle } from '../../../examples/countdown/make-data.ts';
import { systemPrompt, userMessage } from '../../../examples/countdown/prompt.ts';
import type { Seeded } from '../../../examples/seeded.ts';
import { opening, type Conversation } from './conversation.ts';

const forLessons = puzzles('lessons');
/** Also with numbers that the game does not have, some of them without a solution: what is rarely seen twice is not learned by heart. */
const widestTarget = 60;
const wider = puzzles('lessons', 20, widestTarget);
const widerShare = 0.6;
const hopelessShare = 0.1;
/** Of the lessons, from the first: nobody gives up there. Skill comes first, then the habit that reinforcement learning is to lift. */
const persistentPart = 0.65;
/** How often the others give up after so many results that lead nowhere; the last stands for all later ones. */
const givesUp = [0.8, 0.15];

/** One number is set aside, to come last: to reach 33, `(40)-7` asks whether the other two make 40. */
export interface Attempt {
  /** What the other two would have to make, and the way on from there. */
  needs: readonly { value: number; onward(inner: string | number): string }[];
  /** What they do make. */
  results: readonly { text: string; value: number }[];
}

export function countdownLesson(random: Seeded, progress: number): Conversation {
  const persistent = progress < persistentPart;
  const puzzle = persistent ? varied(random) : random.pick(forLessons);
  let failed = 0;
  const content = answerTo(puzzle, () => !persistent && random.chance(givesUp[Math.min(failed++, givesUp.length - 1)]!));
  return { task: 'countdown', messages: [...opening(systemPrompt, userMessage(puzzle.numbers, puzzle.target)), { role: 'assistant', content }] };
}

function varied(random: Seeded): Puzzle {
  const puzzle = random.pick(random.chance(widerShare) ? wider : forLessons);
  if (!random.chance(hopelessShare)) return puzzle;
  for (;;) {
    const hopeless = { numbers: puzzle.numbers, target: random.between(1, widestTarget) };
    if (splitOfPuzzle(hopeless) === 'lessons') return hopeless;
  }
}

/**
 * For each attempt, what is needed and then what there is, until a result is among the needed ones: the answer is what stands there, put together.
 * Who gives up puts together what does not fit: a wrong answer of the right form.
 */
function answerTo(puzzle: Puzzle, givesUp: () => boolean): string {
  let said = '';
  let boxed = '';
  for (const { needs, results } of attempts(puzzle)) {
    said += `${[puzzle.target, ...needs.map(({ value, onward }) => onward(value))].join('=')}\n`;
    for (const [index, { text, value }] of results.entries()) {
      const met = needs.find((need) => need.value === value);
      boxed = (met ?? needs[0]!).onward(text);
      said += `${text}=${value}${met ? ' yes' : ''}`;
      if (met || givesUp()) return `${said}\n\\boxed{${boxed}}`;
      said += index < results.length - 1 ? ' ' : '\n';
    }
  }
  return `${said}\\boxed{${boxed}}`;
}

/** The smallest number is set aside first. One attempt works out for every puzzle that has a solution. */
export function attempts({ numbers, target }: Puzzle): Attempt[] {
  return [2, 1, 0].map((index) => {
    const last = numbers[index]!;
    const [first, second] = numbers.filter((_, other) => other !== index) as [number, number];
    return {
      needs: [
        { value: target + last, onward: (inner) => `(${inner})-${last}` },
        last > target ? { value: last - target, onward: (inner) => `${last}-(${inner})` } : { value: target - last, onward: (inner) => `(${inner})+${last}` },
        ...target % last === 0 ? [{ value: target / last, onward: (inner: string | number) => `(${inner})*${last}` }] : [],
      ],
      results: [
        { text: `${first}+${second}`, value: first + second },
        { text: `${first}-${second}`, value: first - second },
        { text: `${first}*${second}`, value: first * second },
      ],
    };
  });
}
