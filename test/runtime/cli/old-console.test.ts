import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { inOldLetters, isOldConsole } from '../../../runtime/cli/old-console.ts';
import { widthOf } from '../../../runtime/cli/terminal.ts';

const room = fileURLToPath(new URL('../../../runtime/cli', import.meta.url));
/** Of WGL4, which every font of that console has; what isn't Latin-1 and we write. */
const KNOWN = '…–→─│’‹›√═●▲▼░▒▓█“”';

test('what we draw has a sign in the old console, as wide', () => {
  const drawn = new Set(globSync('**/*.ts', { cwd: room }).flatMap((file) => (file === 'old-console.ts' ? [] : readFileSync(`${room}/${file}`, 'utf8').match(/[^\p{ASCII}\xa0-\xff]/gu) ?? [])));
  const shown = [...drawn].filter((sign) => !/\p{Script=Han}|[\u3000-\u303f\uff00-\uffef]/u.test(sign));
  assert.ok(shown.length > 20);
  assert.deepEqual(shown.filter((sign) => !/[\p{ASCII}\xa0-\xff]/u.test(inOldLetters(sign)) && !KNOWN.includes(inOldLetters(sign))), []);
  for (const sign of shown) assert.equal(widthOf(inOldLetters(sign)), widthOf(sign), sign);
  assert.equal(inOldLetters('⠋ reward 0.5 ▁▃█ ✓'), '| reward 0.5 .-@ √');
});

test('the old console is known by saying nothing of itself', () => {
  assert.equal(isOldConsole({}, 'win32'), true);
  for (const name of ['WT_SESSION', 'TERM_PROGRAM', 'TERM']) assert.equal(isOldConsole({ [name]: 'x' }, 'win32'), false);
  assert.equal(isOldConsole({}, 'linux'), false);
});
