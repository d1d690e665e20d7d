import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const read = (file: string): Record<string, string> => JSON.parse(readFileSync(join(root, file), 'utf8')) as Record<string, string>;
const placeholders = (text: string): string[] => [...text.matchAll(/\{\w+\}/g)].map(([found]) => found).sort();

/** The texts of `l10n.t('…')` as they are written; a text put together at run time could not be translated. */
function texts(): Map<string, string> {
  const found = new Map<string, string>();
  const files = ['extension', 'runtime/contracts'].flatMap((dir) => readdirSync(join(root, dir), { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts')).map((name) => join(dir, name)));
  for (const file of files) {
    const source = readFileSync(join(root, file), 'utf8');
    for (const [call, quote, text] of source.matchAll(/\bl10n\.t\(\s*(?:(['"`])((?:\\.|(?!\1)[^\\])*)\1)?/g)) {
      assert.ok(quote === "'" || quote === '"', `${file}: ${call} must begin with a plain text in quotes`);
      found.set(text!.replace(/\\(.)/g, '$1'), file);
    }
  }
  return found;
}

test('every text of the extension has its Chinese, with the same placeholders', () => {
  const bundle = read('extension/l10n/bundle.l10n.zh-cn.json');
  const used = texts();
  assert.ok(used.size > 5);
  for (const [text, file] of used) {
    assert.ok(Object.hasOwn(bundle, text), `${file}: "${text}" is missing in extension/l10n/bundle.l10n.zh-cn.json`);
    assert.deepEqual(placeholders(bundle[text]!), placeholders(text), text);
  }
  assert.deepEqual(Object.keys(bundle).filter((text) => !used.has(text)), [], 'texts that nothing uses any more');
});

test('every key of package.json is in both package.nls files, and the other way round', () => {
  const asked = new Set([...readFileSync(join(root, 'package.json'), 'utf8').matchAll(/"%([\w.-]+)%"/g)].map(([, key]) => key!));
  for (const file of ['package.nls.json', 'package.nls.zh-cn.json']) assert.deepEqual(Object.keys(read(file)).sort(), [...asked].sort(), file);
});
