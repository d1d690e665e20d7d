import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clip, fit, padEnd, padStart, painter, visible, widthOf, wrap } from '../../../runtime/cli/terminal.ts';

const colors = painter(true);

test('a text is as wide as the columns it takes', () => {
  const widths: [string, number][] = [
    ['', 0], ['abc', 3], ['倒计时', 6], ['한국어', 6], ['ｆｕｌｌ', 8], ['ﾊﾝ', 2], ['🎲🎲', 4], ['é', 1], ['e\u0301', 1], ['✓ ✗ ━ ░', 7], [colors.bold(colors.red('ab')), 2],
  ];
  for (const [text, width] of widths) assert.equal(widthOf(text), width, JSON.stringify(text));
});

test('padding counts columns, not characters', () => {
  assert.equal(padEnd('倒计', 6), '倒计  ');
  assert.equal(padStart(colors.red('7'), 3), `  ${colors.red('7')}`);
  assert.equal(padEnd('too long', 3), 'too long');
});

test('foreign text is fitted into one line, a wide character never cut in half', () => {
  assert.equal(fit('a\n  b\tc', 20), 'a b c');
  assert.equal(fit('工作流工作流', 5), '工作…');
  for (let width = 1; width < 16; width++) assert.ok(widthOf(fit('a工b作c流🎲e\u0301 and more of it', width)) <= width);
});

test('a line of ours is cut where it is, with its columns and colours', () => {
  assert.equal(clip('run    state', 20), 'run    state');
  assert.equal(clip('run    state', 9), 'run    s…');
  assert.equal(clip(`ab${colors.red('cdefgh')}`, 5), 'ab\u001b[31mcd…\u001b[0m');
  assert.equal(clip(colors.red('ab'), 5), colors.red('ab'));
});

test('prose wraps between words, Chinese anywhere but before its punctuation, and nothing is lost', () => {
  assert.deepEqual(wrap('one two three', 7), ['one two', 'three']);
  assert.deepEqual(wrap('supercalifragilistic', 5), ['supercalifragilistic']);
  assert.deepEqual(wrap('运行前检查，配置', 6), ['运行前', '检查，', '配置']);
  const text = 'Runs 任务 as rollouts, live, and stores them under runs/ 的每一个 token。';
  for (let width = 24; width < 80; width += 7) {
    const lines = wrap(text, width);
    assert.equal(lines.join('').replace(/\s/g, ''), text.replace(/\s/g, ''));
    for (const line of lines) assert.ok(widthOf(line) <= width, line);
  }
});

test('nothing hostile reaches the terminal: escapes, bidi overrides, invisible characters', () => {
  const attacks = [
    '\u001b[2J', '\u001b]0;title\u0007', '\u001bc', '\u009b31m', '\u009d52;c;aGk=\u009c', '\r', '\b\b\b', '\u007f',
    '\u202e', '\u2066', '\u061c', '\u200b', '\ufeff', '\u00ad', '\u2028', '\u{e0041}', '\ud800', '\u180e', '\u0000',
  ];
  for (const attack of attacks) {
    const shown = visible(`a${attack}b`);
    assert.ok(!/(?![\t\n])[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/u.test(shown), JSON.stringify(attack));
    assert.match(shown, /^a⟨[0-9a-f]+⟩.*b$/u, JSON.stringify(attack));
    assert.ok(!fit(attack, 20).includes('\u001b'));
  }
  assert.equal(visible('工作流 naïve 🎲\n\tx'), '工作流 naïve 🎲\n\tx');
});
