import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'node:test';
import { CHINESE, ENGLISH } from '../../webview/viewer/texts.ts';

const webview = fileURLToPath(new URL('../../webview/', import.meta.url));

test('each text is there in both languages, with the same places for values, and is used', async () => {
  const places = (text: string): string[] => [...text.matchAll(/\{\d\}/g)].map(([place]) => place).sort();
  assert.deepEqual(Object.keys(CHINESE).sort(), Object.keys(ENGLISH).sort());
  for (const [key, text] of Object.entries(ENGLISH)) assert.deepEqual(places(CHINESE[key as keyof typeof ENGLISH]), places(text), key);
  const code = [...await sources('viewer'), ...await sources('shared')].map(({ text }) => text).join('\n');
  const built = ['state_', 'mode_', 'role_', 'why_', 'mistake_', 'continuation_', 'keys_'];
  const unused = Object.keys(ENGLISH).filter((key) => !built.some((prefix) => key.startsWith(prefix)) && !new RegExp(`'${key}'|"${key}"`).test(code.replace(/^export const (?:ENGLISH|CHINESE)[\s\S]*?^\}/gm, '')));
  assert.deepEqual(unused, [], 'texts that nothing shows');
});

test('model output can reach the page as text only', async () => {
  for (const { name, text } of await sources('')) {
    assert.doesNotMatch(text, /innerHTML|outerHTML|insertAdjacentHTML|document\.write|createContextualFragment|DOMParser|setHTML|srcdoc|\beval\(|new Function/, name);
    assert.doesNotMatch(text, /setAttribute\('style'|\bstyle: /, `${name}: the page's policy refuses styles as attributes`);
    assert.doesNotMatch(text, /https?:\/\/(?!www\.w3\.org\/2000\/svg)/, `${name}: the page has no network`);
  }
});

async function sources(folder: string): Promise<{ name: string; text: string }[]> {
  const names = (await readdir(join(webview, folder), { recursive: true })).filter((name) => name.endsWith('.ts'));
  assert.ok(names.length > 5);
  return names.map((name) => ({ name, text: readFileSync(join(webview, folder, name), 'utf8') }));
}
