/** Bytes of each token id. A trace stores ids; what they stand for is looked up here, one way for all kinds of tokenizers. */
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { errorInfo, TuningForkError, type ErrorInfo } from '../protocol/errors.ts';
import type { RunReader } from '../trace/index.ts';

export interface Vocabulary {
  /** Undefined for an id it does not have. */
  bytes(id: number): Uint8Array | undefined;
  isSpecial(id: number): boolean;
}

interface TokenizerFile {
  added_tokens?: { id: number; content: string; special?: boolean }[];
  model?: { vocab?: Record<string, number> | [string, number][] };
  pre_tokenizer?: unknown;
  decoder?: unknown;
}

const utf8 = new TextEncoder();

/** Kept beside the runs, under the hash that the run names. What is wrong with it is told, and the run shown without it. */
export async function vocabularyOfRun({ dir, info: { tokenizer } }: RunReader, problems: ErrorInfo[]): Promise<Vocabulary | undefined> {
  if (tokenizer === undefined) return undefined;
  const root = dirname(dirname(dirname(dir)));
  try {
    return await openVocabulary(join(root, '.tokenizers', tokenizer.sha256.slice(0, 16), 'tokenizer.json'));
  } catch (error) {
    problems.push(errorInfo(error));
    return undefined;
  }
}

export async function openVocabulary(file: string): Promise<Vocabulary> {
  let parsed: TokenizerFile;
  try {
    parsed = JSON.parse(await readFile(file, 'utf8')) as TokenizerFile;
  } catch (error) {
    throw new TuningForkError('trace', `The vocabulary of this run can't be read: ${(error as Error).message}`, { where: { file }, cause: error, next: 'Tokens are shown by their ids.' });
  }
  return vocabularyOf(parsed);
}

export function vocabularyOf({ added_tokens: added = [], model, pre_tokenizer, decoder }: TokenizerFile): Vocabulary {
  const byteLevel = names(pre_tokenizer, decoder).has('ByteLevel');
  const words = new Map<number, string>();
  const { vocab = {} } = model ?? {};
  if (Array.isArray(vocab)) vocab.forEach(([word], id) => words.set(id, word));
  else for (const [word, id] of Object.entries(vocab)) words.set(id, word);
  const extra = new Map(added.map((token) => [token.id, token]));
  const known = new Map<number, Uint8Array>();
  const read = (id: number): Uint8Array | undefined => {
    const token = extra.get(id);
    if (token !== undefined) return utf8.encode(token.content);
    const word = words.get(id);
    if (word === undefined) return undefined;
    return byteLevel ? fromByteLevel(word) : fromPiece(word);
  };
  return {
    isSpecial: (id) => extra.get(id)?.special ?? false,
    bytes(id) {
      const bytes = known.get(id) ?? read(id);
      if (bytes !== undefined) known.set(id, bytes);
      return bytes;
    },
  };
}

function names(...parts: unknown[]): Set<string> {
  const found = new Set<string>();
  const visit = (part: unknown): void => {
    if (typeof part !== 'object' || part === null) return;
    if ('type' in part && typeof part.type === 'string') found.add(part.type);
    for (const value of Object.values(part)) visit(value);
  };
  parts.forEach(visit);
  return found;
}

/** GPT-2's table: bytes that can be printed stand for themselves, the others for characters from U+0100 on. */
const byteOf = new Map<string, number>();
for (let byte = 0, next = 256; byte < 256; byte++) {
  const printable = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
  byteOf.set(String.fromCodePoint(printable ? byte : next++), byte);
}

function fromByteLevel(word: string): Uint8Array {
  const bytes: number[] = [];
  for (const character of word) {
    const byte = byteOf.get(character);
    if (byte === undefined) bytes.push(...utf8.encode(character));
    else bytes.push(byte);
  }
  return Uint8Array.from(bytes);
}

/** SentencePiece: `<0xE4>` is a byte, `▁` a space. */
function fromPiece(word: string): Uint8Array {
  const byte = /^<0x([0-9A-Fa-f]{2})>$/.exec(word);
  return byte === null ? utf8.encode(word.replaceAll('▁', ' ')) : Uint8Array.of(Number.parseInt(byte[1]!, 16));
}
