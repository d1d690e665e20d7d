/**
 * `reward < 0.5 and step > 10 and truncated` -> a test of rows. Names are columns, flags, or words such as `failed`;
 * mistakes are told with their place.
 */
import { SPLIT, STATUS, SUCCESS, type CodeColumn, type NumberColumn, type RolloutTable } from './rollout-table.ts';

export type Test = (row: number) => boolean;
export type FilterMistake = { problem: 'unexpected' | 'unknown' | 'value' | 'operator' | 'end' | 'close' | 'quote'; at: number; length: number; text: string };
export type Filter = { test: Test } | { mistake: FilterMistake };

const COLUMNS: Record<string, NumberColumn | 'tokens'> = {
  step: 'step', sample: 'sample', reward: 'reward', advantage: 'advantage', turns: 'calls', calls: 'calls', prompt: 'prompt', sampled: 'sampled',
  trained: 'trained', duration: 'duration', tokens: 'tokens',
};
const TEXTS = ['task', 'id', 'role', 'flags'] as const;
const CODES: Record<CodeColumn, readonly string[]> = { status: STATUS, split: SPLIT, success: SUCCESS };
const OPERATORS = ['<', '<=', '>', '>=', '=', '!=', '~'] as const;
type Operator = (typeof OPERATORS)[number];
const UNITS: Record<string, number> = { ms: 1, s: 1_000, min: 60_000, h: 3_600_000, k: 1_000, '%': 0.01 };

interface Piece {
  kind: 'word' | 'number' | 'operator' | 'text' | 'open' | 'close' | 'end';
  text: string;
  at: number;
  length: number;
}

class Mistake extends Error {
  readonly mistake: FilterMistake;

  constructor(problem: FilterMistake['problem'], { at, length, text }: Piece) {
    super(problem);
    this.mistake = { problem, at, length: Math.max(1, length), text };
  }
}

export function parseFilter(expression: string, table: RolloutTable): Filter {
  try {
    const pieces = piecesOf(expression);
    if (pieces.length === 1) return { test: () => true };
    const parser = new Parser(pieces, table);
    return { test: parser.whole() };
  } catch (error) {
    if (error instanceof Mistake) return { mistake: error.mistake };
    throw error;
  }
}

const PIECE = /\s*(?:(?<number>-?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?(?:ms|min|s|h|k|%)?(?![\w.:-]))|(?<operator><=|>=|!=|==|[<>=~])|(?<open>\()|(?<close>\))|"(?<text>(?:[^"\\]|\\.)*)"|(?<word>[\p{L}\p{N}_][\p{L}\p{N}_.:/-]*))/uy;

function piecesOf(expression: string): Piece[] {
  const pieces: Piece[] = [];
  PIECE.lastIndex = 0;
  let end = 0;
  for (let match = PIECE.exec(expression); match !== null; match = PIECE.exec(expression)) {
    const [kind, text] = Object.entries(match.groups!).find(([, value]) => value !== undefined) as [Piece['kind'], string];
    end = PIECE.lastIndex;
    const length = match[0].trimStart().length;
    pieces.push({ kind, text: kind === 'text' ? text.replace(/\\(.)/g, '$1') : text, at: end - length, length });
  }
  const rest = expression.slice(end);
  const at = end + rest.length - rest.trimStart().length;
  if (rest.trim() !== '') throw new Mistake(rest.trimStart().startsWith('"') ? 'quote' : 'unexpected', { kind: 'end', text: rest.trim(), at, length: rest.trim().length });
  pieces.push({ kind: 'end', text: '', at: expression.length, length: 0 });
  return pieces;
}

class Parser {
  readonly #pieces: Piece[];
  readonly #table: RolloutTable;
  #at = 0;

  constructor(pieces: Piece[], table: RolloutTable) {
    this.#pieces = pieces;
    this.#table = table;
  }

  whole(): Test {
    const test = this.#or();
    if (this.#next.kind !== 'end') throw new Mistake('unexpected', this.#next);
    return test;
  }

  get #next(): Piece {
    return this.#pieces[this.#at]!;
  }

  #take(): Piece {
    const piece = this.#next;
    if (piece.kind === 'end') throw new Mistake('end', piece);
    this.#at++;
    return piece;
  }

  #accept(word: string): boolean {
    if (this.#next.kind !== 'word' || this.#next.text.toLowerCase() !== word) return false;
    this.#at++;
    return true;
  }

  #or(): Test {
    let left = this.#and();
    while (this.#accept('or')) {
      const [one, other] = [left, this.#and()];
      left = (row) => one(row) || other(row);
    }
    return left;
  }

  #and(): Test {
    let left = this.#not();
    while (this.#accept('and')) {
      const [one, other] = [left, this.#not()];
      left = (row) => one(row) && other(row);
    }
    return left;
  }

  #not(): Test {
    if (!this.#accept('not')) return this.#one();
    const test = this.#not();
    return (row) => !test(row);
  }

  #one(): Test {
    const piece = this.#take();
    if (piece.kind === 'open') {
      const test = this.#or();
      if (this.#next.kind !== 'close') throw new Mistake('close', this.#next);
      this.#at++;
      return test;
    }
    if (piece.kind === 'number') return this.#between(piece);
    if (piece.kind !== 'word') throw new Mistake('unexpected', piece);
    if (this.#next.kind === 'operator') return this.#comparison(piece);
    return this.#word(piece);
  }

  /** `0.2 < reward <= 0.8` */
  #between(low: Piece): Test {
    const first = this.#operator();
    const column = this.#take();
    const key = COLUMNS[column.text];
    if (key === undefined) throw new Mistake('unknown', column);
    const left = this.#number(key, turned(first), value(low));
    if (this.#next.kind !== 'operator') return left;
    const right = this.#comparison(column);
    return (row) => left(row) && right(row);
  }

  #comparison(column: Piece): Test {
    const operator = this.#operator();
    const piece = this.#take();
    const key = COLUMNS[column.text];
    if (key !== undefined) {
      if (piece.kind === 'word' && piece.text === 'none' && (operator === '=' || operator === '!=')) {
        const values = this.#values(key);
        return operator === '=' ? (row) => Number.isNaN(values(row)) : (row) => !Number.isNaN(values(row));
      }
      if (piece.kind !== 'number' || operator === '~') throw new Mistake(operator === '~' ? 'operator' : 'value', piece);
      return this.#number(key, operator, value(piece));
    }
    if (Object.hasOwn(CODES, column.text)) return this.#code(column.text as CodeColumn, operator, piece);
    if ((TEXTS as readonly string[]).includes(column.text)) return this.#text(column.text as (typeof TEXTS)[number], operator, piece);
    throw new Mistake('unknown', column);
  }

  #operator(): Operator {
    const piece = this.#take();
    if (piece.kind !== 'operator') throw new Mistake('operator', piece);
    return piece.text === '==' ? '=' : (piece.text as Operator);
  }

  #values(key: NumberColumn | 'tokens'): (row: number) => number {
    const { numbers } = this.#table;
    if (key === 'tokens') return (row) => numbers.prompt[row]! + numbers.sampled[row]!;
    return (row) => numbers[key][row]!;
  }

  #number(key: NumberColumn | 'tokens', operator: Operator, bound: number): Test {
    const of = this.#values(key);
    if (operator === '<') return (row) => of(row) < bound;
    if (operator === '<=') return (row) => of(row) <= bound;
    if (operator === '>') return (row) => of(row) > bound;
    if (operator === '>=') return (row) => of(row) >= bound;
    if (operator === '=') return (row) => Math.abs(of(row) - bound) < 1e-9;
    return (row) => Math.abs(of(row) - bound) >= 1e-9;
  }

  #code(column: CodeColumn, operator: Operator, piece: Piece): Test {
    const code = CODES[column].indexOf(piece.text.toLowerCase());
    if (code === -1) throw new Mistake('value', piece);
    const { codes } = this.#table;
    if (operator === '=') return (row) => codes[column][row] === code;
    if (operator === '!=') return (row) => codes[column][row] !== code;
    throw new Mistake('operator', piece);
  }

  #text(column: (typeof TEXTS)[number], operator: Operator, piece: Piece): Test {
    const wanted = piece.text.toLowerCase();
    const matches = (text: string): boolean => (operator === '~' ? text.toLowerCase().includes(wanted) : text.toLowerCase() === wanted);
    if (!['=', '!=', '~'].includes(operator)) throw new Mistake('operator', piece);
    const table = this.#table;
    let test: Test;
    if (column === 'task') {
      // Each name once, however many rows it has.
      const known: boolean[] = [];
      test = (row) => (known[table.task[row]!] ??= matches(table.taskName(row)));
    } else if (column === 'role') {
      const known: boolean[] = [];
      test = (row) => (known[table.role[row]!] ??= table.rolesOf(row).some(matches));
    } else if (column === 'id') test = (row) => matches(table.ids[row]!);
    else test = (row) => table.flagsOf(row).some(matches);
    return operator === '!=' ? (row) => !test(row) : test;
  }

  /** A flag, or a status, split or success by its name alone. */
  #word(piece: Piece): Test {
    const name = piece.text.toLowerCase();
    const table = this.#table;
    for (const [column, names] of Object.entries(CODES) as [CodeColumn, readonly string[]][]) {
      const code = column === 'success' ? -1 : names.indexOf(name);
      if (code !== -1) return (row) => table.codes[column][row] === code;
    }
    if (name === 'success') return (row) => table.codes.success[row] === 1;
    if (name === 'trained') return (row) => table.numbers.trained[row]! > 0;
    const known = KNOWN_FLAGS.includes(name) || table.flagNames.some((flag) => flag === name || flag.startsWith(`${name}:`));
    if (!known) throw new Mistake(COLUMNS[name] === undefined && !(TEXTS as readonly string[]).includes(name) ? 'unknown' : 'operator', COLUMNS[name] === undefined ? piece : this.#next);
    let names = -1;
    let mask = 0;
    return (row) => {
      // Flags may come later than the filter.
      if (names !== table.flagNames.length) {
        names = table.flagNames.length;
        mask = table.flagNames.reduce((bits, flag, bit) => (flag === name || flag.startsWith(`${name}:`) ? bits | (1 << bit) : bits), 0);
      }
      return (table.flags[row]! & mask) !== 0;
    };
  }
}

const KNOWN_FLAGS = ['truncated', 'malformed', 'branched', 'untrainable', 'fork', 'error'];

function turned(operator: Operator): Operator {
  return ({ '<': '>', '<=': '>=', '>': '<', '>=': '<=' } as Record<string, Operator>)[operator] ?? operator;
}

function value({ text }: Piece): number {
  const unit = /[a-z%]+$/i.exec(text)?.[0] ?? '';
  return unit in UNITS ? Number(text.slice(0, -unit.length)) * UNITS[unit]! : Number(text);
}

export interface Completion {
  /** The part of the expression that it replaces. */
  from: number;
  to: number;
  options: string[];
}

/** What may stand at the caret, by what stands before it. */
export function complete(expression: string, caret: number, table: RolloutTable): Completion {
  const before = expression.slice(0, caret);
  const typed = /[\p{L}\p{N}_.:/-]*$/u.exec(before)![0];
  const from = caret - typed.length;
  const rest = /[\p{L}\p{N}_.:/-]*/u.exec(expression.slice(caret))![0];
  const words = before.slice(0, from).trim().split(/\s+|(?=[()<>=!~])|(?<=[()<>=!~])/).filter((word) => word !== '');
  const last = words.at(-1)?.toLowerCase() ?? '';
  const column = words.at(-2)?.toLowerCase() ?? '';
  const column2 = last === '=' && (column === '!' || column === '<' || column === '>') ? words.at(-3)?.toLowerCase() ?? '' : column;
  const all = ((): readonly string[] => {
    if (/^[<>=!~]$/.test(last)) return valuesOf(column2, table);
    if (['', 'and', 'or', 'not', '('].includes(last)) return namesOf(table);
    if (Object.hasOwn(COLUMNS, last)) return ['<', '<=', '>', '>=', '=', '!=', '= none'];
    if (Object.hasOwn(CODES, last)) return ['=', '!='];
    if ((TEXTS as readonly string[]).includes(last)) return ['~', '=', '!='];
    return ['and', 'or'];
  })();
  const wanted = typed.toLowerCase();
  const options = all.filter((name) => name.toLowerCase().startsWith(wanted) && name.toLowerCase() !== wanted).slice(0, 40);
  return { from, to: caret + rest.length, options };
}

function namesOf({ flagNames }: RolloutTable): string[] {
  return [...new Set([...Object.keys(COLUMNS).filter((name) => name !== 'calls'), ...TEXTS, ...Object.keys(CODES), ...flagNames, ...KNOWN_FLAGS, 'failed', 'validation', 'not'])];
}

function valuesOf(column: string, table: RolloutTable): readonly string[] {
  if (Object.hasOwn(CODES, column)) return CODES[column as CodeColumn];
  if (column === 'task') return table.tasks;
  if (column === 'role') return [...new Set(table.roles.flatMap((roles) => (roles === '' ? [] : roles.split('\n'))))];
  if (column === 'flags') return table.flagNames;
  return Object.hasOwn(COLUMNS, column) ? ['none'] : [];
}
