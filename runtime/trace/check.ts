/**
 * Small checks that say what is wrong in words: `calls[3].tokens.logprobs has 4 numbers for 5 sampled tokens`.
 * Used before writing and after reading, so nothing is written that could not be read.
 */
export interface Problem {
  path: string;
  what: string;
  code: 'trace' | 'non-finite';
}

export type Check = (value: unknown) => Problem | undefined;

export function problem(what: string, path = ''): Problem {
  return { path, what, code: 'trace' };
}

export function describe({ path, what }: Problem): string {
  const name = path.startsWith('.') ? path.slice(1) : path;
  return `${name === '' ? 'the record' : name} ${what}`;
}

function at(key: string, inner: Problem): Problem {
  inner.path = key + inner.path;
  return inner;
}

function show(value: unknown): string {
  if (value === undefined) return 'missing';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object' && value !== null) return 'an object';
  if (typeof value === 'string') return `the text ${JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value)}`;
  return Object.is(value, -0) ? '-0' : String(value);
}

function wrong(value: unknown, wanted: string): Problem {
  return problem(value === undefined ? `is missing (${wanted})` : `is ${show(value)}, not ${wanted}`);
}

export const text: Check = (value) => typeof value === 'string' ? undefined : wrong(value, 'a text');

export const flag: Check = (value) => typeof value === 'boolean' ? undefined : wrong(value, 'true or false');

export const number: Check = (value) => {
  if (typeof value !== 'number') return wrong(value, 'a number');
  return Number.isFinite(value) ? undefined : { path: '', what: `is ${value}, not a finite number`, code: 'non-finite' };
};

/** An index, a count or an offset. */
export const count: Check = (value) =>
  Number.isSafeInteger(value) && (value as number) >= 0 ? undefined : wrong(value, 'a count (0, 1, 2, …)');

export const integer: Check = (value) => Number.isSafeInteger(value) ? undefined : wrong(value, 'a whole number');

export function oneOf(...allowed: readonly (string | number)[]): Check {
  return (value) => allowed.includes(value as string) ? undefined : wrong(value, `one of ${allowed.join(', ')}`);
}

export function optional(check: Check): Check {
  return (value) => value === undefined ? undefined : check(value);
}

export function nullable(check: Check): Check {
  return (value) => value === null ? undefined : check(value);
}

export function either(first: Check, test: (value: unknown) => boolean, second: Check): Check {
  return (value) => test(value) ? first(value) : second(value);
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * Names every key of `T`, so that a field added to the protocol is checked or does not compile. Keys that are not named
 * are left alone: a newer minor version may write more.
 */
export function object<T>(fields: { [K in keyof Required<T>]: Check }, whole?: (value: T) => Problem | undefined): Check {
  const entries = Object.entries<Check>(fields);
  return (value) => {
    if (!isObject(value)) return wrong(value, 'an object');
    for (const [key, check] of entries) {
      const inner = check(value[key]);
      if (inner) return at(`.${key}`, inner);
    }
    return whole?.(value as T);
  };
}

export function list(check: Check): Check {
  return (value) => {
    if (!Array.isArray(value)) return wrong(value, 'a list');
    for (let i = 0; i < value.length; i++) {
      const inner = check(value[i]);
      if (inner) return at(`[${i}]`, inner);
    }
    return undefined;
  };
}

export function record(check: Check): Check {
  return (value) => {
    if (!isObject(value)) return wrong(value, 'an object');
    for (const key of Object.keys(value)) {
      const inner = check(value[key]);
      if (inner) return at(`.${key}`, inner);
    }
    return undefined;
  };
}

/** A list of numbers, the hot one: token ids and log-probabilities. */
export function numbers(test: (value: number) => boolean, each: Check): Check {
  return (value) => {
    if (!Array.isArray(value)) return wrong(value, 'a list of numbers');
    for (let i = 0; i < value.length; i++) {
      if (!test(value[i])) {
        const inner = each(value[i]);
        if (inner) return at(`[${i}]`, inner);
      }
    }
    return undefined;
  };
}

const DEEPEST = 200;

/** Anything JSON can hold. `undefined` in an object is left out when written, as JSON does. */
export const json: Check = (value) => jsonAt(value, 0);

export const jsonObject: Check = (value) => isObject(value) ? jsonAt(value, 0) : wrong(value, 'an object');

function jsonAt(value: unknown, depth: number): Problem | undefined {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return undefined;
  if (typeof value === 'number') return number(value);
  if (typeof value !== 'object') return problem(`is a ${typeof value}, which JSON cannot hold`);
  if (depth >= DEEPEST) return problem(`is nested deeper than ${DEEPEST}`);
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) {
      const inner = jsonAt(value[i], depth + 1);
      if (inner) return at(`[${i}]`, inner);
    }
    return undefined;
  }
  for (const [key, member] of Object.entries(value)) {
    if (member === undefined) continue;
    const inner = jsonAt(member, depth + 1);
    if (inner) return at(`.${key}`, inner);
  }
  return undefined;
}
