import assert from 'node:assert/strict';
import { test } from 'node:test';
import { terminalText } from '../../../extension/testing/terminal-text.ts';

test('lines and colours stay; what writes to the clipboard, links, clears or turns text around is shown instead', () => {
  assert.equal(terminalText('one\r\ntwo\n\u001b[31mred\u001b[0m\t你好 🎲'), 'one\r\ntwo\r\n\u001b[31mred\u001b[0m\t你好 🎲');
  for (const attack of ['\u001b]52;c;aGk=\u0007', '\u001b]8;;file:///etc\u001b\\x', '\u001b[2J', '\u009b2J', '\u202e', 'a\rb']) {
    assert.doesNotMatch(terminalText(attack), /[\p{Cc}\p{Cf}]/u, JSON.stringify(attack));
  }
});
