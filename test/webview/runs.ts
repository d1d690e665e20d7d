/** Runs for the page, written by the store's own writer, with a vocabulary whose bytes are known. */
import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { CallRecord, RolloutRecord } from '../../runtime/protocol/trace.ts';
import { createRun, type NewRun, type RunWriter } from '../../runtime/trace/writer.ts';
import { newRun, place } from '../runtime/trace/samples.ts';

/** Ids 0 to 255 are bytes, then special tokens, then words. */
const SPECIAL = ['<|im_start|>', '<|im_end|>', '<|endoftext|>'];
const WORDS = ['system', 'user', 'assistant', 'tool', ' the', ' and', ' of', ' to', ' a', ' is', ' answer', ' number', 'Hello', ' world', '  ', '    ', '\n\n', ' ->', ' {"', '": ', '"}', ' return', ' value', ' because', ' however', 'tion', 'ing', ' step', ' 1', ' 2'];
export const IM_START = 256;
export const IM_END = 257;
const FIRST_WORD = 256 + SPECIAL.length;

const utf8 = new TextEncoder();

/** As the store's vocabulary has them: what a test compares with is worked out from these alone. */
export function bytesOf(id: number): Uint8Array {
  return id < 256 ? Uint8Array.of(id) : utf8.encode(SPECIAL[id - 256] ?? WORDS[id - FIRST_WORD]);
}

const BY_LENGTH = WORDS.map((word, place_) => ({ word, id: FIRST_WORD + place_ })).sort((a, b) => b.word.length - a.word.length);

export function encodeText(text: string): number[] {
  const ids: number[] = [];
  for (let at = 0; at < text.length;) {
    const special = SPECIAL.findIndex((one) => text.startsWith(one, at));
    const word = special === -1 ? BY_LENGTH.find((one) => text.startsWith(one.word, at)) : undefined;
    if (special !== -1) {
      ids.push(256 + special);
      at += SPECIAL[special]!.length;
    } else if (word !== undefined) {
      ids.push(word.id);
      at += word.word.length;
    } else {
      const character = String.fromCodePoint(text.codePointAt(at)!);
      ids.push(...utf8.encode(character));
      at += character.length;
    }
  }
  return ids;
}

export const message = (role: string, text: string): number[] => encodeText(`<|im_start|>${role}\n${text}<|im_end|>\n`);
const opening = encodeText('<|im_start|>assistant\n');

export interface Turn {
  /** What is sent before the answer; the first turn has the system's and the user's. */
  sent: number[];
  answer: number[];
  more?: Partial<CallRecord>;
}

/** One conversation, each turn going on from the one before it. */
export function conversation(rollout: string, turns: readonly Turn[], more: Partial<RolloutRecord> = {}): RolloutRecord {
  const calls = turns.map(({ sent, answer, more: changes }, index): CallRecord => ({
    index, id: `c${index}`, role: 'default', target: true, policy: 'embedded', version: 2, site: { file: '/project/workflow.ts', line: 10 + index },
    start: index * 10, duration: 5, sampling: { temperature: 1, topP: 1, topK: 0, maxTokens: 512 },
    history: { from: index === 0 ? null : index - 1, add: index === 0 ? [{ role: 'system', content: 'Be exact.' }, { role: 'user', content: 'Go.' }] : [{ role: 'user', content: 'Go on.' }] },
    reply: { role: 'assistant', content: new TextDecoder().decode(Uint8Array.from(answer.flatMap((id) => [...bytesOf(id)]))) },
    finish: 'stop', continuation: index === 0 ? 'start' : 'continued',
    tokens: { from: index === 0 ? null : index - 1, tail: [...sent, ...opening], sampled: answer, logprobs: answer.map((_, i) => Math.fround(-((i * 7919) % 613) / 100) + 0) },
    usage: { prompt: sent.length, completion: answer.length, cached: 0 },
    ...changes,
  }));
  return {
    v: 1, ...place(Number(/\d+$/.exec(rollout)?.[0] ?? 0)), rollout, attempt: 1, workflow: 'Test', task: { mainQuery: 'Go.' }, status: 'finished', reward: 1, success: true,
    judge: { name: 'exact', reward: 1, success: true, parts: { form: 0.5, correct: 0.5 } }, metadata: { finalAnswer: '42' }, started: '2026-11-20T09:05:12.000Z', duration: 123, calls, tools: [], ...more,
  };
}

/** Beside the run lies the vocabulary, as the runtime keeps it. */
export async function writeRun(root: string, records: readonly RolloutRecord[], info: Partial<NewRun> = {}): Promise<RunWriter> {
  const vocab = Object.fromEntries([...Array.from({ length: 256 }, (_, byte) => [printable(byte), byte] as const), ...WORDS.map((word, i) => [[...utf8.encode(word)].map(printable).join(''), FIRST_WORD + i] as const)]);
  const file = JSON.stringify({ model: { vocab }, decoder: { type: 'ByteLevel' }, added_tokens: SPECIAL.map((content, i) => ({ id: 256 + i, content, special: true })) });
  const sha256 = createHash('sha256').update(file).digest('hex');
  const folder = join(root, '.tokenizers', sha256.slice(0, 16));
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'tokenizer.json'), file);
  const writer = await createRun(root, newRun({ tokenizer: { sha256, template: 'chatml' }, planned: records.length, ...info }));
  // Few in their order, many at once.
  const together = records.length > 1_000 ? 200 : 1;
  for (let i = 0; i < records.length; i += together) await Promise.all(records.slice(i, i + together).map((record) => writer.seal(record)));
  return writer;
}

/** GPT-2's way to write bytes as characters. */
function printable(byte: number): string {
  const plain = (one: number): boolean => (one >= 0x21 && one <= 0x7e) || (one >= 0xa1 && one <= 0xac) || one >= 0xae;
  if (plain(byte)) return String.fromCodePoint(byte);
  let next = 256;
  for (let one = 0; one < byte; one++) if (!plain(one)) next++;
  return String.fromCodePoint(next);
}
