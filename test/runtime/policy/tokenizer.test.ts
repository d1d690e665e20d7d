import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Tokenizer as HuggingFaceTokenizer } from '@huggingface/tokenizers';
import { loadTokenizer } from '../../../runtime/policy/tokenizer.ts';
import { byteTokenizer } from './onnx/tiny-models.ts';

const directory = await mkdtemp(join(tmpdir(), 'tuning-fork-tokenizer-'));
after(() => rm(directory, { recursive: true }));

/** Words and characters that no test author would think of as harmless. */
const text = '<|im_start|>user\nGrüße, 世界! 👩‍👩‍👧\u00a0\t\r\n don\'t 1234 <|im_end|>\n<|im_start|>assistant\n<|im_end';

test('pieces between special tokens give the ids of the whole text', async () => {
  const file = byteTokenizer();
  await writeFile(join(directory, 'tokenizer.json'), JSON.stringify(file));
  const tokenizer = await loadTokenizer(directory);
  const whole = new HuggingFaceTokenizer(file, {}).encode(text, { add_special_tokens: false }).ids;
  assert.deepEqual(tokenizer.encode(text), whole);
  assert.deepEqual(tokenizer.encode(text), whole, 'again, from the pieces kept');
  assert.equal(tokenizer.decode(whole), text);
  assert.equal(tokenizer.size, 259);
  assert.match(tokenizer.sha256, /^[0-9a-f]{64}$/);
});

test('each token has its own bytes, whole characters or not', async () => {
  const tokenizer = await loadTokenizer(directory);
  for (let byte = 0; byte < 256; byte++) assert.deepEqual([...tokenizer.bytes(byte)], [byte]);
  assert.deepEqual(Buffer.concat(tokenizer.encode(text).map((id) => tokenizer.bytes(id))), Buffer.from(text));
  assert.equal(Buffer.from(tokenizer.bytes(257)).toString(), '<|im_start|>');
  assert.deepEqual([tokenizer.isSpecial(257), tokenizer.isSpecial(65)], [true, false]);
  assert.deepEqual([tokenizer.idOf('<|im_end|>'), tokenizer.idOf('nothing')], [258, undefined]);
  assert.equal(tokenizer.bytes(9999).length, 0);
});

test('a tokenizer of another kind: spaces and byte fallback', async () => {
  await writeFile(join(directory, 'tokenizer.json'), JSON.stringify({
    version: '1.0', truncation: null, padding: null, post_processor: null, pre_tokenizer: null,
    added_tokens: [{ id: 0, content: '</s>', special: true, single_word: false, lstrip: false, rstrip: false, normalized: false }],
    normalizer: { type: 'Replace', pattern: { String: ' ' }, content: '▁' },
    decoder: { type: 'Sequence', decoders: [{ type: 'Replace', pattern: { String: '▁' }, content: ' ' }, { type: 'ByteFallback' }, { type: 'Fuse' }] },
    model: { type: 'BPE', unk_token: null, fuse_unk: true, byte_fallback: true, vocab: { '</s>': 0, '<0xC3>': 1, '<0xA9>': 2, '▁': 3, a: 4, '▁a': 5 }, merges: [['▁', 'a']] },
  }));
  const tokenizer = await loadTokenizer(directory);
  assert.deepEqual(tokenizer.encode('a aé</s>'), [4, 5, 1, 2, 0]);
  assert.deepEqual(tokenizer.encode('a aé</s>').map((id) => Buffer.from(tokenizer.bytes(id)).toString('latin1')), ['a', ' a', '\xc3', '\xa9', '</s>']);
  assert.equal(tokenizer.decode([4, 5, 1, 2, 0]), 'a aé</s>');
});

test('a missing or broken file is named', async () => {
  await assert.rejects(loadTokenizer(join(directory, 'nowhere')), { code: 'policy', where: { file: join(directory, 'nowhere', 'tokenizer.json') } });
  await writeFile(join(directory, 'tokenizer.json'), '{');
  await assert.rejects(loadTokenizer(directory), /could not be read/);
});
