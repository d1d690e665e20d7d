import * as z from 'zod';
import type { ErrorInfo, Place } from '../protocol/errors.ts';
import { didYouMean, nearest } from '../protocol/suggest.ts';
import { allKeyPaths, isWhole, keysAt, schemaAt, unwrap } from './schema.ts';

type Issue = z.core.$ZodIssue;

/** What a schema has to say against a configuration, in a person's words and with the place. */
export function explain(issues: readonly Issue[], data: unknown, place: (path: string, at: 'key' | 'value') => Place): ErrorInfo[] {
  return issues.flatMap((issue): ErrorInfo[] => {
    if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => unknownKey(key, issue.path, place));
    const path = issue.path.join('.');
    const value = valueAt(data, issue.path);
    const text = value === undefined
      ? { message: `\`${path}\` is missing.`, next: schemaAt(issue.path)?.description }
      : { message: `\`${path}\` ${complaintOf(issue, value)}.`, next: hint(issue, value) };
    return [{ code: 'config', ...text, where: place(path, value === undefined ? 'key' : 'value') }];
  });
}

function unknownKey(key: string, path: readonly PropertyKey[], place: (path: string, at: 'key') => Place): ErrorInfo {
  const full = [...path, key].join('.');
  const home = path.length === 0 ? 'at the top of the configuration' : `in \`${path.join('.')}\``;
  const elsewhere = allKeyPaths().filter((known) => known.endsWith(`.${key}`) || known === key);
  const here = nearest(key, keysAt(path));
  const near = here ?? nearest(key, allKeyPaths().map((known) => known.slice(known.lastIndexOf('.') + 1)));
  const next = elsewhere.length > 0
    ? `It belongs at \`${elsewhere[0]}\`.`
    : near === undefined ? `Known here: ${keysAt(path, 'with effect').join(', ')}.`
    : here !== undefined ? `Did you mean \`${here}\`?`
    : `Did you mean \`${allKeyPaths().find((known) => known === near || known.endsWith(`.${near}`))}\`?`;
  return { code: 'config', message: `There is no key \`${key}\` ${home}.`, next, where: place(full, 'key') };
}

export function complaintOf(issue: Issue, value: unknown): string {
  const is = describe(value);
  switch (issue.code) {
    case 'custom': return issue.message;
    case 'invalid_type': return `must be ${kind(issue)}, but ${is}`;
    case 'invalid_value': return issue.values.length === 1 ? `must be ${String(issue.values[0])}, but ${is}` : `must be one of ${issue.values.join(', ')}, but ${is}`;
    case 'too_small': return issue.origin === 'string' ? 'must not be empty'
      : issue.origin === 'array' ? `must have ${issue.exact ? 'exactly' : 'at least'} ${issue.minimum} entries`
      : issue.inclusive ? `must be at least ${issue.minimum}, but ${is}` : `must be more than ${issue.minimum}, but ${is}`;
    case 'too_big': return issue.origin === 'array' ? `must have ${issue.exact ? 'exactly' : 'at most'} ${issue.maximum} entries`
      : issue.inclusive ? `must be at most ${issue.maximum}, but ${is}` : `must be less than ${issue.maximum}, but ${is}`;
    case 'invalid_format': return issue.format === 'url' ? `must be an http or https address, but ${is}` : `has the wrong form: ${is}`;
    default: return `isn’t right: ${issue.message}`;
  }
}

function hint(issue: Issue, value: unknown): string | undefined {
  if (issue.code === 'invalid_value' && typeof value === 'string') return didYouMean(value, issue.values.map(String));
  if (issue.code !== 'invalid_type') return undefined;
  if (value === null) return 'Give it a value or leave the key out.';
  if (issue.expected === 'boolean' && typeof value === 'string' && /^(yes|no|on|off|y|n)$/i.test(value)) {
    return `Write ${/^(yes|on|y)$/i.test(value) ? 'true' : 'false'}: in YAML 1.2 \`${value}\` is text.`;
  }
  if (issue.expected === 'number' && typeof value === 'string' && value.trim() !== '' && Number.isFinite(Number(value))) return 'Take the quotes away.';
  if (issue.expected === 'array' && typeof value === 'string') return `Write [${value}].`;
  if (issue.expected === 'string' && (typeof value === 'number' || typeof value === 'boolean')) return `Put it in quotes: "${value}".`;
  const schema = schemaAt(issue.path);
  return schema && unwrap(schema) instanceof z.ZodObject ? `Known in it: ${keysAt(issue.path, 'with effect').join(', ')}.` : undefined;
}

function kind({ expected, path }: { expected: string; path: PropertyKey[] }): string {
  switch (expected) {
    case 'int': return 'a whole number';
    case 'number': return isWhole(schemaAt(path)) ? 'a whole number' : 'a number';
    case 'string': return 'text';
    case 'boolean': return 'true or false';
    case 'array': case 'tuple': return 'a list';
    case 'object': return 'a mapping of keys';
    default: return expected;
  }
}

function describe(value: unknown): string {
  if (value === null) return 'is empty';
  if (Array.isArray(value)) return 'is a list';
  if (typeof value === 'object') return 'is a mapping';
  if (typeof value === 'string') return `is the text "${value.length > 60 ? `${value.slice(0, 60)}…` : value}"`;
  return `is ${String(value)}`;
}

export function valueAt(data: unknown, path: readonly PropertyKey[]): unknown {
  let value = data;
  for (const key of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as Record<PropertyKey, unknown>)[key];
  }
  return value;
}
