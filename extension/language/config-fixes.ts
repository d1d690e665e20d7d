/** What would mend a mistake that the schema finds. */
import { relative, dirname } from 'node:path';
import { plainScalar } from '../../runtime/config/environment.ts';
import { KEPT_TREES, RENAMED, ROOTS } from '../../runtime/protocol/config.ts';
import { nearest } from '../../runtime/protocol/suggest.ts';
import { posix, type Named } from './named.ts';
import { allKeyPaths, isMapping, keysAt, schemaAt, wordsOf } from './config-schema.ts';
import type { ConfigText } from './config-text.ts';
import { indentAt, insert, replace, wholeLine, type Edit, type Fix, type L10n } from '../../runtime/contracts/problem.ts';

/** `key`: the path the mistake is at. */
export function fixesFor(key: string, config: ConfigText, workflows: readonly (Named & { from: string })[], l10n: L10n): Fix[] {
  const path = key.split('.');
  const schema = schemaAt(path);
  if (Object.hasOwn(RENAMED, key)) return renamed(config, key, RENAMED[key]!.split('.').at(-1)!, l10n);
  if (schema === undefined || key === '') return unknownKey(config, path, l10n);
  if (key === 'rollout.user_workflow' && config.key(key) === undefined) return workflows.slice(0, 5).flatMap((workflow) => missingWorkflow(config, workflow, l10n));
  const span = config.value(key);
  return span === undefined ? [] : valueFixes(config, path, span, l10n);
}

function unknownKey(config: ConfigText, path: readonly string[], l10n: L10n): Fix[] {
  const name = path.at(-1)!;
  const key = path.join('.');
  const home = allKeyPaths().find((known) => known.endsWith(`.${name}`));
  if (home !== undefined) return moved(config, key, home, l10n);
  const near = nearest(name, path.length > 1 ? keysAt(path.slice(0, -1)) : [...keysAt([]), ...ROOTS, ...KEPT_TREES]);
  return near === undefined ? [] : renamed(config, key, near, l10n);
}

/** Only a scalar goes: what is in a mapping may not fit there. */
function moved(config: ConfigText, key: string, home: string, l10n: L10n): Fix[] {
  const [from, value] = [config.key(key), config.value(key)];
  if (from === undefined || value === undefined || config.text.slice(from.end, value.start).includes('\n') || config.key(home) !== undefined) return [];
  const taken = wholeLine(config.text, { start: from.start, end: value.end });
  const edit = insertion(config, home.split('.'), config.written(value));
  return edit === undefined || taken.end - taken.start === value.end - from.start ? [] : [{ title: l10n.t('Move to {0}', home), edits: [replace(taken, ''), edit], preferred: true }];
}

function renamed(config: ConfigText, key: string, to: string, l10n: L10n): Fix[] {
  const span = config.key(key);
  return span === undefined ? [] : [{ title: l10n.t('Rename to {0}', to), edits: [replace(span, to)], preferred: true }];
}

function valueFixes(config: ConfigText, path: readonly string[], span: { start: number; end: number }, l10n: L10n): Fix[] {
  const schema = schemaAt(path)!;
  const written = config.written(span);
  const text = written.replace(/^(["'])(.*)\1$/, '$2');
  const write = (value: string, preferred = true): Fix => ({ title: l10n.t('Write {0}', value), edits: [replace(span, value)], preferred });
  const fits = (value: unknown): boolean => schema.safeParse(value).success;
  if (isMapping(schema)) return [];
  if (/^(?:yes|on|y)$/i.test(text) && fits(true)) return [write('true')];
  if (/^(?:no|off|n)$/i.test(text) && fits(false)) return [write('false')];
  if (text !== written && fits(plainScalar(text))) return [write(text)];
  if (text === written && !/^[[{]/.test(text) && fits([text])) return [write(`[${text}]`)];
  if (typeof plainScalar(text) !== 'string' && fits(text)) return [write(`"${text}"`)];
  const words = wordsOf(schema);
  const near = nearest(text, words);
  return near === undefined ? words.map((word) => write(word, false)) : [write(near)];
}

/** The one key that must be there. */
function missingWorkflow(config: ConfigText, { file, className, from }: Named & { from: string }, l10n: L10n): Fix[] {
  const target = `${posix(relative(dirname(from), file))}->${className}`;
  const edit = insertion(config, ['rollout', 'user_workflow'], target);
  return edit === undefined ? [] : [{ title: l10n.t('Run {0}', target), edits: [edit] }];
}

/** A key with its value as the first of the nearest mapping that is there, with those in between that are not. */
function insertion(config: ConfigText, path: readonly string[], value: string): Edit | undefined {
  const { text } = config;
  const depth = path.findLastIndex((_, i) => config.key(path.slice(0, i).join('.')) !== undefined);
  const above = config.key(path.slice(0, Math.max(0, depth)).join('.'));
  const lines = (indent: string, keys: readonly string[]): string => keys.map((key, i) => `\n${indent}${'  '.repeat(i)}${key}:`).join('');
  if (above === undefined) return insert(text.length, `${config.root}:${lines('  ', path)} ${value}\n`);
  const behind = text.slice(above.end).split(/\r?\n/, 1)[0]!;
  // What stands on the same line is no block to write into.
  if (!/^:\s*(?:#.*)?$/.test(behind)) return undefined;
  const end = above.end + behind.length;
  const own = indentAt(text, above.start);
  const next = /^(?:\r?\n[ \t]*(?:#.*)?)*\r?\n([ \t]+)(?=[^\s#])/.exec(text.slice(end))?.[1] ?? '';
  return insert(end, `${lines(next.length > own.length ? next : `${own}  `, path.slice(Math.max(0, depth)))} ${value}`);
}
