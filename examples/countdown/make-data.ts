/** Writes data/training.jsonl and data/validation.jsonl: `node make-data.ts`. */
import { writeRows, type Row } from '../rows.ts';
import { Seeded, splitOf, type Split } from '../seeded.ts';
import { expressions } from './expressions.ts';
import { userMessage } from './prompt.ts';

export interface Puzzle {
  /** From large to small. */
  numbers: readonly [number, number, number];
  target: number;
}

/** Every puzzle of a split, in a fixed order: three numbers up to 13 and each target up to 50 that they can reach. */
export function puzzles(split: Split, largestNumber = 13, largestTarget = 50): Puzzle[] {
  const found: Puzzle[] = [];
  for (let a = 1; a <= largestNumber; a++) {
    for (let b = 1; b <= a; b++) {
      for (let c = 1; c <= b; c++) {
        const numbers = [a, b, c] as const;
        const targets = new Set(expressions(numbers).map((expression) => expression.value));
        for (let target = 1; target <= largestTarget; target++) {
          if (targets.has(target) && splitOfPuzzle({ numbers, target }) === split) found.push({ numbers, target });
        }
      }
    }
  }
  return found;
}

export function splitOfPuzzle({ numbers, target }: Puzzle): Split {
  return splitOf(`${numbers.join(' ')} ${target}`);
}

export function rows(split: Split, count: number, seed: number): Row[] {
  const chosen = new Seeded(seed).shuffled(puzzles(split)).slice(0, count);
  return chosen.map(({ numbers, target }, index) => ({
    task_id: `${split}-${index}`,
    main_query: userMessage(numbers, target),
    metadata: { numbers, target },
  }));
}

if (import.meta.main) {
  writeRows(new URL('data/training.jsonl', import.meta.url), rows('training', 3000, 1));
  writeRows(new URL('data/validation.jsonl', import.meta.url), rows('validation', 700, 2));
}
