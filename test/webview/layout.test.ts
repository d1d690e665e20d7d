import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CallRecord } from '../../runtime/protocol/trace.ts';
import { timelineOf } from '../../runtime/view/timeline.ts';
import { vocabularyOf } from '../../runtime/view/vocabulary.ts';
import { lanesOf } from '../../webview/viewer/tree/lanes.ts';
import { differenceOf } from '../../webview/viewer/compare/difference.ts';
import { blocksOf } from '../../webview/viewer/tokens/blocks.ts';
import { piecesOf } from '../../webview/viewer/tokens/cells.ts';
import { find, nextPlace } from '../../webview/viewer/tokens/find.ts';
import { endOf, layOut, ROW } from '../../webview/viewer/tokens/rows.ts';
import { dice } from '../runtime/trace/samples.ts';

const TEXTS = [' the', 'word', '\n', '\n\n', ' ', '    ', '\t', '界', ' 世界', '👩‍👩‍👧', 'é', 'e\u0301', '\u202e', '\u200b', '\r\n', 'x'.repeat(200), '界'.repeat(90), '<|im_end|>', '\u00a0', '', '\u{e0101}', '\ufe0f'];
const vocabulary = vocabularyOf({ model: { vocab: Object.fromEntries(TEXTS.map((text, id) => [text.replaceAll(' ', '▁'), id])) }, added_tokens: [{ id: 17, content: '<|im_end|>', special: true }] });

function timeline(calls: NonNullable<CallRecord['tokens']>[]) {
  return timelineOf('r', {
    calls: calls.map((tokens, index): CallRecord => ({
      index, id: '', role: 'default', target: true, policy: 'p', version: 0, start: 0, duration: 0, sampling: { temperature: 1, topP: 1, topK: 0, maxTokens: 9 }, history: { from: tokens.from, add: [] },
      reply: { role: 'assistant', content: '' }, finish: 'stop', continuation: 'start', tokens, usage: { prompt: 0, completion: 0, cached: 0 },
    })),
  }, vocabulary);
}

test('rows hold each piece of each token once, in order, and no row is wider than it may be', () => {
  const random = dice(11);
  for (let round = 0; round < 200; round++) {
    const some = (most: number): number[] => Array.from({ length: 1 + Math.floor(random() * most) }, () => Math.floor(random() * TEXTS.length));
    const calls = Array.from({ length: 1 + Math.floor(random() * 3) }, (_, index) => ({ from: index > 0 && random() < 0.7 ? index - 1 : null, tail: some(60), sampled: some(60) }));
    const seen = timeline(calls);
    const blocks = blocksOf(seen);
    assert.equal(blocks.reduce((sum, { from, to }) => sum + to - from, 0), seen.count, 'blocks cover all tokens');
    const columns = 24 + Math.floor(random() * 60);
    const rows = layOut(seen, blocks, columns);
    const drawn: string[] = [];
    for (let row = 0; row < rows.count; row++) {
      if (rows.kind[row] !== ROW.text) continue;
      const first = rows.token[row]!;
      const end = endOf(rows, row, blocks.find(({ from, to }) => first >= from && first < to)!);
      assert.ok(end > first, 'a row has something in it');
      let cells = 0;
      for (let token = first; token < end; token++) {
        const goesOn = token === end - 1 && rows.kind[row + 1] === ROW.text && rows.token[row + 1] === token && rows.piece[row + 1]! > 0;
        const pieces = piecesOf(seen, token).slice(token === first ? rows.piece[row] : 0, goesOn ? rows.piece[row + 1] : undefined);
        if (token !== first || rows.piece[row] === 0) assert.equal(rows.row[token], row, `round ${round}: token ${token} begins in its row`);
        for (const [place, piece] of pieces.entries()) {
          drawn.push(`${token} ${piece.text}`);
          if (piece.kind === 'break') assert.ok(place === pieces.length - 1, 'nothing stands behind a newline');
          else cells += piece.cells;
        }
      }
      assert.ok(cells <= columns + 1, `round ${round}: ${cells} cells in a row of ${columns}`);
    }
    assert.deepEqual(drawn, Array.from({ length: seen.count }, (_, token) => piecesOf(seen, token).map((piece) => `${token} ${piece.text}`)).flat());
  }
});

test('two answers to one prompt stand side by side, what follows one of them under it', () => {
  const seen = timeline([{ from: null, tail: [17, 1, 17], sampled: [4, 5] }, { from: null, tail: [17, 1, 17], sampled: [7] }, { from: 0, tail: [3, 17], sampled: [8] }]);
  const blocks = blocksOf(seen);
  const of = (call: number) => blocks.find((block) => block.call?.index === call)!;
  assert.equal(of(1).parent, of(0).parent);
  assert.equal(of(1).branch, true);
  assert.deepEqual([of(0), of(1), of(2)].map(({ from, to, sampled }) => [to - from >= sampled, sampled]), [[true, 2], [true, 1], [true, 1]]);
  let above: number | null = blocks.indexOf(of(2));
  while (above !== null && above !== blocks.indexOf(of(0))) above = blocks[above]!.parent;
  assert.equal(above, blocks.indexOf(of(0)));
});

test('nothing is invisible: controls by their numbers, marks on a circle, spaces as glyphs', () => {
  const of = (text: string): string => {
    const one = timelineOf('r', { calls: [{ ...({} as CallRecord), index: 0, tokens: { from: null, tail: [0], sampled: [] }, continuation: 'start', sampling: { temperature: 0, topP: 1, topK: 0, maxTokens: 1 }, usage: { prompt: 1, completion: 0, cached: 0 }, role: '', policy: '', id: '', target: false, version: 0, start: 0, duration: 0, history: { from: null, add: [] }, reply: { role: 'assistant', content: '' }, finish: 'stop' }] },
      { bytes: () => new TextEncoder().encode(text), isSpecial: () => false });
    return piecesOf(one, 0).map((piece) => `${piece.kind}:${piece.text}:${piece.cells}`).join(' ');
  };
  assert.equal(of(' a  b\t'), 'space:·:1 text:a:1 space:··:2 text:b:1 space:⇥:4');
  assert.equal(of('\u202eabc\u2066'), 'control:U+202E:7 text:abc:3 control:U+2066:7');
  assert.equal(of('a\u200bb'), 'text:a:1 control:U+200B:7 text:b:1');
  assert.equal(of('界a'), 'wide:界a:3');
  assert.equal(of('\u0301'), 'text:◌\u0301:1');
  assert.equal(of('e\u0301'), 'text:e\u0301:1');
  assert.equal(of('👩‍👩‍👧'), 'wide:👩‍👩‍👧:2');
  assert.equal(of('a\u200d'), 'text:a:1 control:U+200D:7');
  assert.equal(of('x\u{e0101}'), 'text:x:1 control:U+E0101:8', 'bytes hidden in variation selectors are seen');
  assert.equal(of('\u0000\u001b'), 'control:U+0000:7 control:U+001B:7');
  assert.equal(of('\ufeff'), 'control:U+FEFF:7');
});

test('find: text over the borders of tokens, ids, roles; a capital is meant', () => {
  const seen = timeline([{ from: null, tail: [1, 0, 1], sampled: [7, 8, 4] }]);
  assert.deepEqual([...find(seen, 'd thew').at], [0]);
  assert.deepEqual([...find(seen, 'd thew').marks], [1, 1, 1, 0, 0, 0]);
  assert.deepEqual([...find(seen, '界').at], [3, 4]);
  assert.deepEqual([...find(seen, '#1').at], [0, 2]);
  assert.deepEqual([...find(seen, '#999').at], []);
  assert.deepEqual([...find(seen, '@assistant').at], [3]);
  assert.deepEqual([...find(seen, 'Word').at], []);
  assert.deepEqual([1, 0, 5].map((token) => nextPlace(Uint32Array.of(0, 2, 4), token, 1)), [1, 1, 0]);
  assert.deepEqual([1, 0, 5].map((token) => nextPlace(Uint32Array.of(0, 2, 4), token, -1)), [0, 2, 2]);
});

test('differences: what is left unmarked is a longest common part of both', () => {
  const random = dice(2);
  const longest = (a: number[], b: number[]): number => {
    const row = Array.from({ length: b.length + 1 }, () => 0);
    for (const one of a) {
      let corner = 0;
      for (const [j, other] of b.entries()) [corner, row[j + 1]] = [row[j + 1]!, one === other ? corner + 1 : Math.max(row[j + 1]!, row[j]!)];
    }
    return row.at(-1)!;
  };
  for (let round = 0; round < 300; round++) {
    const [a, b] = [0, 0].map(() => Array.from({ length: Math.floor(random() * 14) }, () => Math.floor(random() * 4)));
    const { left, right } = differenceOf(Int32Array.from(a!), Int32Array.from(b!));
    const kept = a!.filter((_, i) => left[i] === 0);
    assert.deepEqual(kept, b!.filter((_, i) => right[i] === 0));
    assert.equal(kept.length, longest(a!, b!), `${a!.join(' ')} | ${b!.join(' ')}`);
  }
});

test('lanes: a row is in its own lane, lines of others never pass through it', () => {
  const random = dice(9);
  for (let round = 0; round < 300; round++) {
    // Depth first: a parent is the row before, or one above that row.
    const parents: (number | null)[] = [];
    for (let row = 0; row < 25; row++) {
      let parent: number | null = row === 0 ? null : row - 1;
      while (parent !== null && random() < 0.4) parent = parents[parent]!;
      parents.push(parent);
    }
    const { rows, width } = lanesOf(parents);
    for (const [row, { lane, passing, opens, parent }] of rows.entries()) {
      assert.ok(lane < width);
      assert.ok(!passing.includes(lane), `round ${round}: a line passes through row ${row}`);
      assert.equal(new Set(passing).size, passing.length, 'two lines in one lane');
      assert.ok(opens.every((other) => other !== lane && !passing.includes(other)));
      if (parent !== null && parent !== row - 1) assert.ok(rows[parent]!.opens.includes(lane));
    }
  }
});
