import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TOKEN } from '../../../runtime/protocol/viewer.ts';
import { textOf } from '../../../runtime/view/text.ts';
import { vocabularyOf, type Vocabulary } from '../../../runtime/view/vocabulary.ts';

/** Each id is one byte; 256 is special. */
const bytewise: Vocabulary = { bytes: (id) => (id < 256 ? Uint8Array.of(id) : id === 256 ? new TextEncoder().encode('<|end|>') : undefined), isSpecial: (id) => id === 256 };
const of = (...bytes: number[]) => textOf(Int32Array.from(bytes), bytewise, new Set());
const each = ({ text, start }: ReturnType<typeof of>) => Array.from(start.subarray(0, -1), (from, i) => text.slice(from, start[i + 1]));

test('a character in several tokens stands at the last of them, and all are told to be parts', () => {
  const seen = of(...new TextEncoder().encode('a界!👋'));
  assert.equal(seen.text, 'a界!👋');
  assert.deepEqual(each(seen), ['a', '', '', '界', '!', '', '', '', '👋']);
  assert.deepEqual([...seen.flags], [0, ...Array<number>(3).fill(TOKEN.partial), 0, ...Array<number>(4).fill(TOKEN.partial)]);
});

test('bytes that make no character are told, and what comes after them is read as it is', () => {
  const cut = of(0xe7, 0x95, 0x41, 0xff, 0x42, 0xe7);
  assert.deepEqual(each(cut), ['', '', 'A', '', 'B', '']);
  assert.deepEqual([...cut.flags], [TOKEN.invalid, TOKEN.invalid, 0, TOKEN.invalid, 0, TOKEN.invalid]);
});

test('no character reaches over a special token or a place where another branch begins', () => {
  const [first, second] = [0xc3, 0xa9];
  assert.deepEqual([...of(first, 256, second).flags], [TOKEN.invalid, TOKEN.special, TOKEN.invalid]);
  assert.equal(of(first, 256, second).text, '<|end|>');
  assert.deepEqual([...textOf(Int32Array.of(first, second), bytewise, new Set([1])).flags], [TOKEN.invalid, TOKEN.invalid]);
});

test('an id the vocabulary does not have has no text', () => {
  assert.deepEqual([...of(999).flags], [TOKEN.invalid]);
});

test('random bytes: the text is what a decoder makes of them without its replacement characters', () => {
  let state = 7;
  const next = () => (state = (state * 1103515245 + 12345) % 2 ** 31);
  const alphabet = [...new TextEncoder().encode('añ界👋\u{10FFFF} \n')];
  for (let round = 0; round < 500; round++) {
    const bytes = Array.from({ length: 12 }, () => (next() % 4 === 0 ? next() % 256 : alphabet[next() % alphabet.length]!));
    const expected = new TextDecoder('utf-8', { ignoreBOM: true }).decode(Uint8Array.from(bytes)).replaceAll('\ufffd', '');
    assert.equal(of(...bytes).text, expected, bytes.join(' '));
  }
});

test('vocabularies of both kinds give bytes', () => {
  const byteLevel = vocabularyOf({ model: { vocab: { 'Ġhi': 0, 'ä¸': 1 } }, decoder: { type: 'ByteLevel' }, added_tokens: [{ id: 2, content: '<|im_end|>', special: true }] });
  assert.deepEqual([0, 1, 2].map((id) => Buffer.from(byteLevel.bytes(id)!).toString('latin1')), [' hi', '\u00e4\u00b8', '<|im_end|>']);
  assert.equal(byteLevel.isSpecial(2), true);
  assert.equal(byteLevel.bytes(3), undefined);
  const pieces = vocabularyOf({ model: { vocab: [['▁hi', 0], ['<0xE4>', 0]] } });
  assert.deepEqual([0, 1].map((id) => [...pieces.bytes(id)!]), [[32, 104, 105], [0xe4]]);
});
