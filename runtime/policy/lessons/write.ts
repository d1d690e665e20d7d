/** Writes demonstrations, one conversation a line: `node runtime/policy/lessons/write.ts <file.jsonl> [count] [seed]`. */
import { createWriteStream } from 'node:fs';
import { finished } from 'node:stream/promises';
import { Seeded } from '../../../examples/seeded.ts';
import { countdownLesson } from './countdown.ts';
import type { Conversation } from './conversation.ts';
import { frozenlakeLesson } from './frozenlake.ts';
import { mathLesson } from './math-agent.ts';

/** How often each task is taught: the harder to learn, the more. A course may build up: it is told how far along the lessons are, from 0 to 1. */
const courses: readonly (readonly [(random: Seeded, progress: number) => Conversation, number])[] = [
  [mathLesson, 0.13],
  [countdownLesson, 0.52],
  [frozenlakeLesson, 0.35],
];

export function* lessons(count: number, seed: number): Generator<Conversation> {
  const random = new Seeded(seed);
  const [makers, shares] = [courses.map(([maker]) => maker), courses.map(([, share]) => share)];
  for (let index = 0; index < count; index++) yield random.pick(makers, shares)(random, index / count);
}

if (import.meta.main) {
  const [file, count = '48000', seed = '1'] = process.argv.slice(2);
  if (!file) throw new Error('name the file to write: node runtime/policy/lessons/write.ts <file.jsonl> [count] [seed]');
  const out = createWriteStream(file);
  for (const lesson of lessons(Number(count), Number(seed))) out.write(`${JSON.stringify(lesson)}\n`);
  await finished(out.end());
}
