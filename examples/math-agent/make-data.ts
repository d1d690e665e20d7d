/** Writes data/training.jsonl and data/validation.jsonl: `node make-data.ts`. */
import { writeRows, type Row } from '../rows.ts';
import { Seeded, splitOf, type Split } from '../seeded.ts';
import { problem } from './problems.ts';
import { userMessage } from './prompt.ts';

export function rows(split: Split, count: number, seed: number): Row[] {
  const random = new Seeded(seed);
  const seen = new Set<string>();
  const found: Row[] = [];
  while (found.length < count) {
    const { text, right, answer } = problem(random);
    if (splitOf(text) !== split || seen.has(text)) continue;
    seen.add(text);
    found.push({ task_id: `${split}-${found.length}`, main_query: userMessage(text), metadata: { answer: `${right} #### ${answer}` } });
  }
  return found;
}

if (import.meta.main) {
  writeRows(new URL('data/training.jsonl', import.meta.url), rows('training', 2400, 1));
  writeRows(new URL('data/validation.jsonl', import.meta.url), rows('validation', 650, 2));
}
