import type { Seeded } from '../seeded.ts';
import { calculate } from './calculator.ts';

export interface Problem {
  kind: string;
  text: string;
  /** The expression that solves it. */
  right: string;
  /** The expression a hasty reader writes. */
  hasty: string;
  answer: string;
}

type Numbers = readonly [a: number, b: number, c: number];

interface Kind {
  name: string;
  /** In braces: N and M are people, T things, a to c numbers. */
  text: string;
  right: string;
  hasty: string;
  numbers(random: Seeded): Numbers;
}

const people = ['Ann', 'Ben', 'Eva', 'Jon', 'Kim', 'Leo', 'Mia', 'Sam', 'Tom', 'Zoe'];
const things = ['apples', 'books', 'cards', 'coins', 'eggs', 'pens', 'shells', 'stones'];

const twoSmall = (random: Seeded): Numbers => [random.between(2, 40), random.between(2, 40), 0];
const twoFalling = (random: Seeded): Numbers => {
  const b = random.between(2, 40);
  return [b + random.between(2, 40), b, 0];
};
const twoFactors = (random: Seeded): Numbers => [random.between(2, 9), random.between(2, 10), 0];
const factorsAndRest = (random: Seeded): Numbers => [random.between(2, 9), random.between(2, 9), random.between(2, 9)];
const dividend = (random: Seeded): Numbers => {
  const b = random.between(2, 9);
  return [b * random.between(2, 10), b, 0];
};

export const kinds: readonly Kind[] = [
  { name: 'more', text: '{N} has {a} {T} and buys {b} more. How many now?', right: 'a+b', hasty: 'a*b', numbers: twoSmall },
  { name: 'left', text: '{N} had {a} {T} and gave {b} away. How many are left?', right: 'a-b', hasty: 'a+b', numbers: twoFalling },
  { name: 'each', text: '{a} boxes hold {b} {T} each. How many in all?', right: 'a*b', hasty: 'a+b', numbers: twoFactors },
  { name: 'loose', text: '{N} has {a} bags of {b} {T} and {c} loose ones. How many?', right: 'a*b+c', hasty: 'a+b+c', numbers: factorsAndRest },
  { name: 'days', text: '{N} finds {a} {T} a day for {b} days. How many in all?', right: 'a*b', hasty: 'a+b', numbers: twoFactors },
  { name: 'share', text: '{N} shares {a} {T} among {b} friends. How many for each?', right: 'a/b', hasty: 'a-b', numbers: dividend },
  { name: 'fewer than', text: '{N} has {a} {T}, {b} fewer than {M}. How many has {M}?', right: 'a+b', hasty: 'a-b', numbers: twoFalling },
  { name: 'more than', text: '{N} has {a} {T}, {b} more than {M}. How many has {M}?', right: 'a-b', hasty: 'a+b', numbers: twoFalling },
  {
    name: 'change', text: '{N} buys {a} {T} for {b} coins each and pays {c}. How much comes back?', right: 'c-a*b', hasty: 'c-a-b',
    numbers: (random) => {
      const [a, b] = [random.between(2, 9), random.between(2, 9)];
      return [a, b, a * b + random.between(1, 15)];
    },
  },
  {
    name: 'bags', text: '{N} has {a} red and {b} blue {T} in bags of {c}. How many bags?', right: '(a+b)/c', hasty: 'a+b/c',
    numbers: (random) => {
      const c = random.between(2, 6);
      return [c * random.between(1, 6), c * random.between(1, 6), c];
    },
  },
  { name: 'both', text: '{a} children get {b} {T} and {c} cards each. How many in all?', right: 'a*(b+c)', hasty: 'a*b+c', numbers: factorsAndRest },
  {
    name: 'lost', text: '{N} had {a} {T}, lost {b} and found {c}. How many now?', right: 'a-b+c', hasty: 'a-b-c',
    numbers: (random) => {
      const [b, c] = [random.between(2, 20), random.between(2, 20)];
      return [b + c + random.between(1, 30), b, c];
    },
  },
  { name: 'together', text: '{N} has {a} {T} and {M} has {b} times as many. How many together?', right: 'a+a*b', hasty: 'a*b', numbers: twoFactors },
];

export function problem(random: Seeded): Problem {
  const kind = random.pick(kinds);
  const [n, m] = random.shuffled(people);
  const [a, b, c] = kind.numbers(random);
  const words: Record<string, string | number> = { N: n!, M: m!, T: random.pick(things), a, b, c };
  const right = kind.right.replace(/[a-c]/g, (name) => String(words[name]));
  return {
    kind: kind.name,
    text: kind.text.replace(/\{(\w)\}/g, (_, name: string) => String(words[name])),
    right,
    hasty: kind.hasty.replace(/[a-c]/g, (name) => String(words[name])),
    answer: calculate(right),
  };
}
