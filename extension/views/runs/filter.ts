/** What a person types to see fewer rollouts: `reward<0.5 error:timeout truncated training-3`. Every word must fit. */
import { SPLITS, STATUSES, SUCCESSES, type RunReader } from '../../../runtime/trace/index.ts';

/** Whether the rollout at a place of the index is shown. */
export type Predicate = (index: number) => boolean;

type Word = (columns: Columns) => Predicate;

interface Columns {
  reward: Float64Array;
  status: Uint8Array;
  success: Uint8Array;
  split: Uint8Array;
  id: readonly string[];
  task: readonly string[];
  flags: readonly string[];
}

export const FAILED_ONLY = 'failed';

const COMPARE: Record<string, (a: number, b: number) => boolean> = {
  '<': (a, b) => a < b, '<=': (a, b) => a <= b, '>': (a, b) => a > b, '>=': (a, b) => a >= b, '=': (a, b) => a === b,
};

const NAMED: Record<string, Word> = {
  failed: ({ status }) => (i) => STATUSES[status[i]!] === 'failed',
  cancelled: ({ status }) => (i) => STATUSES[status[i]!] === 'cancelled',
  success: ({ success }) => (i) => SUCCESSES[success[i]!] === true,
  wrong: ({ success }) => (i) => SUCCESSES[success[i]!] === false,
  error: ({ flags }) => (i) => flags[i]!.includes('error:'),
  ...Object.fromEntries(['truncated', 'malformed', 'branched', 'untrainable', 'fork'].map((flag): [string, Word] => [flag, ({ flags }) => (i) => flags[i]!.split(' ').includes(flag)])),
  ...Object.fromEntries(SPLITS.map((name, code): [string, Word] => [name, ({ split }) => (i) => split[i] === code])),
};

export const WORDS = Object.keys(NAMED);

/** Undefined for a text that hides nothing. */
export function readFilter(text: string): ((reader: RunReader) => Predicate) | undefined {
  const words = text.trim().split(/\s+/).filter((word) => word !== '').map(readWord);
  if (words.length === 0) return undefined;
  return (reader) => {
    const columns: Columns = {
      reward: reader.column('reward'), status: reader.column('status'), success: reader.column('success'), split: reader.column('split'),
      id: reader.column('id'), task: reader.column('task'), flags: reader.column('flags'),
    };
    const all = words.map((word) => word(columns));
    return (i) => all.every((fits) => fits(i));
  };
}

function readWord(word: string): Word {
  const compared = /^reward(<=|>=|<|>|=)(-?\d*\.?\d+)$/i.exec(word);
  if (compared !== null) {
    const [, sign, number] = compared;
    const compare = COMPARE[sign!]!;
    return ({ reward }) => (i) => compare(reward[i]!, Number(number));
  }
  if (/^reward:none$/i.test(word)) return ({ reward }) => (i) => Number.isNaN(reward[i]!);
  const lower = word.toLowerCase();
  if (Object.hasOwn(NAMED, lower)) return NAMED[lower]!;
  if (lower.startsWith('error:')) return ({ flags }) => (i) => flags[i]!.toLowerCase().split(' ').some((flag) => flag.startsWith('error:') && flag.includes(lower.slice(6)));
  return ({ task, id }) => (i) => task[i]!.toLowerCase().includes(lower) || id[i]!.toLowerCase().includes(lower);
}
