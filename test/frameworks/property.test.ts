/** Whatever a model writes: a conversation that its framework keeps is one timeline. The scripted policy writes oddly, at random from a seed. */
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Seeded } from '../../examples/seeded.ts';
import type { Script } from '../runtime/gateway/world.ts';
import { drivers } from './drivers/all.ts';
import type { Driver } from './drivers/driver.ts';
import { OLDER } from './older.ts';
import { assertKept, scriptedWorld, toolCall, tunerOf } from './world.ts';

const SEEDS = 12;
const WORDS = ['Let me see', ' the', '\n\n', '  ', '\t', '加法', '🧮', 'e\u0301', '"quoted"', '\\n', '{"a": 1}', '<b>', '</b>', '**3**', '- one\n- two', '1 < 2 & 3 > 2', '\u00a0', '`code`', 'answer', '…'];

function text(random: Seeded, most: number): string {
  return Array.from({ length: random.between(0, most) }, () => random.pick(WORDS)).join('');
}

function number(random: Seeded): string {
  const value = random.between(-20, 20);
  return random.pick([String(value), `${value}.0`, `${value}.50`, `${value}e1`]);
}

/** Key order, blanks, ways to write a number, escapes, and keys that nobody asked for. */
function args(random: Seeded): string {
  const space = (): string => random.pick(['', ' ', '  ', '\n ']);
  const pairs = random.shuffled([`"a":${space()}${number(random)}`, `"b":${space()}${number(random)}`, ...(random.chance(0.3) ? [`"note": "\\u0041 ${random.pick(['加', '\\"', '\\/'])}"`] : [])]);
  return `{${space()}${pairs.join(`${space()},${space()}`)}${space()}}`;
}

/** Some rounds of tool calls for each question, then an answer. */
function odd(random: Seeded): Script {
  let left = random.between(0, 3);
  return () => {
    const thinking = random.chance(0.5) ? `<think>${text(random, 4)}x</think>${random.pick(['', '\n\n'])}` : '';
    if (left-- > 0) return `${thinking}${text(random, 4)}\n${Array.from({ length: random.between(1, 3) }, () => toolCall('add', args(random))).join('\n')}`;
    left = random.between(0, 3);
    return `${thinking}${text(random, 6)}.${random.pick(['', ' ', '\n'])}`;
  };
}

const newest = drivers.map(({ name, chat }) => ({ name, file: import.meta.filename, load: async () => chat }));
const older = OLDER.map(({ name, file }) => ({ name, file: fileURLToPath(file), load: async () => ((await import(file.href)) as Pick<Driver, 'chat'>).chat }));

for (const { name, file, load } of [...newest, ...older]) {
  test(`${name}: ${SEEDS} odd conversations`, async (t) => {
    const chat = await load();
    for (let seed = 1; seed <= SEEDS; seed++) {
      await t.test(`seed ${seed}`, async () => {
        const random = new Seeded(seed);
        await using w = await scriptedWorld(odd(random));
        const questions = Array.from({ length: random.between(1, 3) }, (_, index) => `Question ${index + 1}?`);
        await chat(tunerOf(w, file), questions, { stream: random.chance(0.5) });
        assertKept(w, w.journal.map((_, index) => (index === 0 ? null : index - 1)));
      });
    }
  });
}
