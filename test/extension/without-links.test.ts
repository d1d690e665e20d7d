import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { withoutLinks } from '../../extension/without-links.ts';

/** What VS Code takes for a link in a notification. */
const LINK = /\[([^\]]+)\]\(((?:https?:\/\/|command:|file:)[^)\s]+)(?: (["'])(.+?)(\3))?\)/gi;

test('what a model says becomes no link of a notification', () => {
  const said = 'The model said [Show the Place](command:workbench.action.terminal.sendSequence?%5B%5D) and [more](HTTPS://example.org/ "here").';
  assert.equal(said.match(LINK)?.length, 2);
  assert.equal(withoutLinks(said).match(LINK), null);
  assert.equal(withoutLinks('[[a](command:x)](command:y)').match(LINK), null);
  assert.equal(withoutLinks('list[0](arguments) and [x](y)'), 'list[0](arguments) and [x](y)');
});

test('every notification is told so', () => {
  const folder = fileURLToPath(new URL('../../extension', import.meta.url));
  const bare = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts')).flatMap((name) => {
    const text = readFileSync(`${folder}/${name}`, 'utf8');
    // A sentence of ours with nothing put into it, or one without links.
    return [...text.matchAll(/window\.show(?:Information|Warning|Error)Message\((?!withoutLinks\(|vscode\.l10n\.t\('[^']*'\)|question, \{ modal|vscode\.l10n\.t\(.There is no trash)(.{0,60})/g)].map(([, call]) => `${name}: ${call}`);
  });
  assert.deepEqual(bare, []);
});
