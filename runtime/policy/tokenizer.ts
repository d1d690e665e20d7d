import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Tokenizer as HuggingFaceTokenizer } from '@huggingface/tokenizers';
import { TuningForkError } from '../protocol/errors.ts';
import type { Tokenizer } from './policy.ts';

/** The tokenizer of a Hugging Face directory. */
export async function loadTokenizer(directory: string): Promise<Tokenizer> {
  const file = join(directory, 'tokenizer.json');
  const bytes = await readFile(file).catch((cause: unknown) => {
    throw new TuningForkError('policy', 'The tokenizer is missing.', {
      where: { file }, cause, next: 'Put the model\'s tokenizer.json next to its config.json.',
    });
  });
  try {
    return new DirectoryTokenizer(bytes);
  } catch (cause) {
    throw new TuningForkError('policy', `The tokenizer could not be read: ${cause instanceof Error ? cause.message : String(cause)}`, {
      where: { file }, cause, next: 'Copy tokenizer.json from the model again; it is written by Hugging Face tokenizers.',
    });
  }
}

/** The parts of tokenizer.json that are read here. */
interface TokenizerFile {
  normalizer: unknown;
  pre_tokenizer: unknown;
  decoder: unknown;
  added_tokens?: { id: number; content: string; special: boolean; lstrip?: boolean; rstrip?: boolean; normalized?: boolean; single_word?: boolean }[];
}

class DirectoryTokenizer implements Tokenizer {
  readonly size: number;
  readonly sha256: string;
  readonly #tokenizer: HuggingFaceTokenizer;
  readonly #byteLevel: boolean;
  readonly #special: ReadonlySet<number>;
  readonly #added: ReadonlyMap<string, number>;
  readonly #bytes = new Map<number, Uint8Array>();
  /** Splits at added tokens; undefined where a piece's ids depend on its neighbours. */
  readonly #splitter: RegExp | undefined;
  readonly #pieces = new PieceCache();

  constructor(bytes: Uint8Array) {
    const file = JSON.parse(new TextDecoder().decode(bytes)) as TokenizerFile;
    const added = file.added_tokens ?? [];
    this.sha256 = createHash('sha256').update(bytes).digest('hex');
    this.#tokenizer = new HuggingFaceTokenizer(file, {});
    this.#byteLevel = mentions(file.decoder, 'ByteLevel');
    this.#special = new Set(added.filter((token) => token.special).map((token) => token.id));
    this.#added = new Map(added.map((token) => [token.content, token.id]));
    let largest = -1;
    for (const id of this.#tokenizer.get_vocab(true).values()) largest = Math.max(largest, id);
    this.size = largest + 1;

    const plain = added.every((token) => !token.lstrip && !token.rstrip && !token.single_word && (!token.normalized || file.normalizer == null));
    const local = this.#byteLevel && mentions(file.pre_tokenizer, 'ByteLevel') && !JSON.stringify(file.pre_tokenizer).includes('"add_prefix_space":true');
    if (plain && local && added.length > 0) {
      const longestFirst = [...this.#added.keys()].sort((a, b) => b.length - a.length);
      this.#splitter = new RegExp(`(${longestFirst.map((token) => token.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&')).join('|')})`);
    }
  }

  encode(text: string): number[] {
    if (!this.#splitter) return this.#encodePiece(text).slice();
    const ids: number[] = [];
    for (const piece of text.split(this.#splitter)) {
      if (piece === '') continue;
      const special = this.#added.get(piece);
      if (special !== undefined) ids.push(special);
      else for (const id of this.#encodePiece(piece)) ids.push(id);
    }
    return ids;
  }

  #encodePiece(piece: string): readonly number[] {
    const known = this.#pieces.get(piece);
    if (known) return known;
    const { ids } = this.#tokenizer.encode(piece, { add_special_tokens: false });
    this.#pieces.set(piece, ids);
    return ids;
  }

  decode(ids: readonly number[]): string {
    if (!this.#byteLevel) return this.#tokenizer.decode([...ids], { skip_special_tokens: false, clean_up_tokenization_spaces: false });
    return new TextDecoder().decode(Buffer.concat(ids.map((id) => this.bytes(id))));
  }

  bytes(id: number): Uint8Array {
    let bytes = this.#bytes.get(id);
    if (!bytes) this.#bytes.set(id, bytes = this.#bytesOf(id));
    return bytes;
  }

  #bytesOf(id: number): Uint8Array {
    const token = this.#tokenizer.id_to_token(id);
    if (token === undefined) return new Uint8Array();
    if (this.#added.get(token) === id) return Buffer.from(token);
    if (this.#byteLevel) {
      const bytes = [...token].map((character) => byteOfCharacter.get(character));
      return bytes.every((byte) => byte !== undefined) ? Uint8Array.from(bytes) : Buffer.from(token);
    }
    const raw = /^<0x([0-9A-F]{2})>$/.exec(token);
    return raw ? Uint8Array.of(Number.parseInt(raw[1]!, 16)) : Buffer.from(token.replaceAll('\u2581', ' '));
  }

  isSpecial(id: number): boolean {
    return this.#special.has(id);
  }

  idOf(token: string): number | undefined {
    return this.#tokenizer.token_to_id(token);
  }
}

/** The ids of recently encoded pieces: an agent sends its earlier messages again at every turn. */
class PieceCache {
  static readonly #limit = 4_000_000;  // UTF-16 units, counted with as many ids
  readonly #entries = new Map<string, readonly number[]>();
  #size = 0;

  get(piece: string): readonly number[] | undefined {
    const ids = this.#entries.get(piece);
    if (ids) {
      this.#entries.delete(piece);
      this.#entries.set(piece, ids);
    }
    return ids;
  }

  set(piece: string, ids: readonly number[]): void {
    this.#entries.set(piece, ids);
    this.#size += piece.length + ids.length;
    for (const [oldest, oldestIds] of this.#entries) {
      if (this.#size <= PieceCache.#limit) break;
      this.#entries.delete(oldest);
      this.#size -= oldest.length + oldestIds.length;
    }
  }
}

function mentions(part: unknown, type: string): boolean {
  return part !== null && part !== undefined && JSON.stringify(part).includes(`"type":"${type}"`);
}

/** Byte-level BPE writes each byte as one printable character: printable bytes as they are, the others from U+0100 on. */
const byteOfCharacter: ReadonlyMap<string, number> = new Map(Array.from({ length: 256 }, (_, byte) => byte).map((byte) => {
  const printable = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
  if (printable) return [String.fromCharCode(byte), byte];
  const rank = byte <= 0x20 ? byte : byte <= 0xa0 ? byte - 0x7f + 0x21 : 0x43;
  return [String.fromCharCode(0x100 + rank), byte];
}));
