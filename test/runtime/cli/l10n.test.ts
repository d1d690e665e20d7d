import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { commonOptions } from '../../../runtime/cli/args.ts';
import { commands } from './commands.ts';

const room = fileURLToPath(new URL('../../../runtime/cli', import.meta.url));
const chinese = JSON.parse(readFileSync(join(room, 'l10n.zh-cn.json'), 'utf8')) as Record<string, string>;
const sources = globSync('{*,*/*}.ts', { cwd: room }).map((file) => [file, readFileSync(join(room, file), 'utf8')] as const);

const literal = String.raw`'((?:[^'\\]|\\.)*)'`;
const unquote = (text: string): string => text.replace(/\\(.)/g, '$1');

function textsOf(source: string): string[] {
  const single = [...source.matchAll(new RegExp(String.raw`\bt\(${literal}`, 'g'))].map((match) => match[1]!);
  const pairs = [...source.matchAll(new RegExp(String.raw`\bplural\([^']*?, ${literal}, ${literal}\)`, 'g'))].flatMap((match) => [match[1]!, match[2]!]);
  return [...single, ...pairs].map(unquote);
}

const told = new Set([
  ...sources.flatMap(([, source]) => textsOf(source)),
  ...commands.flatMap(({ summary, about = [], options }) => [summary, ...about, ...Object.values(options).map(({ help }) => help)]),
  ...Object.values(commonOptions).map(({ help }) => help),
]);

test('every text a person reads has its Chinese, and the bundle has no other', () => {
  assert.ok(told.size > 150, `only ${told.size} texts were found`);
  assert.deepEqual([...told].filter((text) => !(text in chinese)), [], 'without a translation');
  assert.deepEqual(Object.keys(chinese).filter((text) => !told.has(text)), [], 'translated for nothing');
});

test('translations keep the places of what is filled in, and the names of options and files', () => {
  for (const [english, text] of Object.entries(chinese)) {
    const places = (each: string): string[] => [...new Set(each.match(/\{\d\}/g))].sort();
    assert.deepEqual(places(text), places(english), english);
    for (const [name] of english.matchAll(/--[a-z][\w-]+|[a-z_]+\.[a-z_.]{3,}[a-z_]|"tuning-fork [a-z]+/g)) assert.ok(text.includes(name), `${name} is missing in: ${text}`);
    assert.doesNotMatch(text, /\p{Script=Han}[,;:?!]|\p{Script=Han}\.$/u, `Western punctuation in: ${text}`);
  }
});

test('texts are written where they are used, so that this test sees them', () => {
  const computed = sources.flatMap(([file, source]) => [...source.matchAll(/\b(?:t|plural)\((?!['\n])[^()]*/g)].map(([call]) => `${file}: ${call}`));
  const known = /^(help\.ts: t\((command\.summary|line|option\.help)|main\.ts: t\(summary|l10n\.ts: (t\((text|number)|plural\(number)|[\w/-]+\.ts: plural\([\w.() -]+, ')/;
  assert.deepEqual(computed.filter((call) => !known.test(call)), []);
});
