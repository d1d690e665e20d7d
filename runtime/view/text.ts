/** Ids -> text, true to the byte: characters in several tokens are put together, bytes that are no character are told. */
import { TOKEN } from '../protocol/viewer.ts';
import type { Vocabulary } from './vocabulary.ts';

export interface TokenText {
  text: string;
  start: Uint32Array;
  bytes: Uint8Array;
  byteStart: Uint32Array;
  /** `special`, `partial` and `invalid` of `TOKEN`. */
  flags: Uint8Array;
}

/** `breaks`: tokens that do not go on from the one before them; no character reaches over such a place. */
export function textOf(ids: Int32Array, vocabulary: Vocabulary | undefined, breaks: ReadonlySet<number>): TokenText {
  const count = ids.length;
  const flags = new Uint8Array(count);
  const byteStart = new Uint32Array(count + 1);
  const words: Word[] = [];
  const places = new Map<number, number>();
  const which = new Uint32Array(count);
  let length = 0;
  for (let i = 0; i < count; i++) {
    const id = ids[i]!;
    let place = places.get(id);
    if (place === undefined) {
      places.set(id, place = words.length);
      words.push(wordOf(id, vocabulary));
    }
    const word = words[place]!;
    which[i] = place;
    flags[i] = word.flags;
    byteStart[i] = length;
    length += word.bytes.length;
  }
  byteStart[count] = length;
  const bytes = new Uint8Array(length);
  for (let i = 0, at = 0; i < count; i++) {
    const own = words[which[i]!]!.bytes;
    // So short that a call to copy them takes longer.
    for (let k = 0; k < own.length; k++) bytes[at++] = own[k]!;
  }

  const start = new Uint32Array(count + 1);
  /** UTF-16: never more units than bytes. */
  const units = new Uint16Array(length);
  let written = 0;
  const write = (text: string): void => {
    for (let k = 0; k < text.length; k++) units[written++] = text.charCodeAt(k);
  };
  /** Where the character under way begins, and the tokens that have a part of it. */
  let open = -1;
  let pending: number[] = [];
  const abandon = (): void => {
    for (const token of pending) flags[token]! |= TOKEN.invalid;
    pending = [];
    open = -1;
  };
  for (let i = 0; i < count; i++) {
    if (open !== -1 && (breaks.has(i) || isSpecial(flags, i) || isSpecial(flags, i - 1))) abandon();
    start[i] = written;
    const { text } = words[which[i]!]!;
    if (open === -1 && text !== undefined) {
      write(text);
      continue;
    }
    const from = byteStart[i]!;
    const to = byteStart[i + 1]!;
    for (let at = open === -1 ? from : open; at < to;) {
      const size = characterSize(bytes, at, to);
      if (size === INCOMPLETE) {
        open = at;
        pending.push(i);
        break;
      }
      if (size === INVALID && open !== -1) {
        abandon();
        at = from;
      } else if (size === INVALID) {
        flags[i]! |= TOKEN.invalid;
        at++;
      } else {
        write(characterOf(bytes, at, size));
        at += size;
        if (open === -1) continue;
        for (const token of [...pending, i]) flags[token]! |= TOKEN.partial;
        pending = [];
        open = -1;
      }
    }
  }
  abandon();
  start[count] = written;
  return { text: wide.decode(units.subarray(0, written)), start, bytes, byteStart, flags };
}

/** What an id stands for wherever it comes. */
interface Word {
  bytes: Uint8Array;
  /** Undefined: its bytes are no whole characters, so its neighbours have a say. */
  text: string | undefined;
  flags: number;
}

const UNKNOWN: Word = { bytes: new Uint8Array(0), text: '', flags: TOKEN.invalid };

function wordOf(id: number, vocabulary: Vocabulary | undefined): Word {
  const bytes = vocabulary?.bytes(id);
  return bytes === undefined ? UNKNOWN : { bytes, text: wholeText(bytes), flags: vocabulary!.isSpecial(id) ? TOKEN.special : 0 };
}

function wholeText(bytes: Uint8Array): string | undefined {
  for (let at = 0; at < bytes.length;) {
    const size = characterSize(bytes, at, bytes.length);
    if (size <= 0) return undefined;
    at += size;
  }
  return decoder.decode(bytes);
}

function isSpecial(flags: Uint8Array, i: number): boolean {
  return i >= 0 && (flags[i]! & TOKEN.special) !== 0;
}

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
const wide = new TextDecoder('utf-16le', { ignoreBOM: true });
const INCOMPLETE = 0;
const INVALID = -1;

/** Bytes of the character at `at`; `INCOMPLETE`: more may follow; `INVALID`: no character begins so. */
function characterSize(bytes: Uint8Array, at: number, to: number): number {
  const first = bytes[at]!;
  if (first < 0x80) return 1;
  const size = first >= 0xc2 && first <= 0xdf ? 2 : first >= 0xe0 && first <= 0xef ? 3 : first >= 0xf0 && first <= 0xf4 ? 4 : 0;
  if (size === 0) return INVALID;
  for (let i = 1; i < size; i++) {
    if (at + i >= to) return INCOMPLETE;
    const byte = bytes[at + i]!;
    // No surrogates, nothing overlong, nothing beyond U+10FFFF: the second byte tells.
    const low = i === 1 ? (first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80) : 0x80;
    const high = i === 1 ? (first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf) : 0xbf;
    if (byte < low || byte > high) return INVALID;
  }
  return size;
}

/** Of bytes that were found to be one: a call of the decoder for each would take longer. */
function characterOf(bytes: Uint8Array, at: number, size: number): string {
  let code = size === 1 ? bytes[at]! : bytes[at]! & (0x7f >> size);
  for (let i = 1; i < size; i++) code = (code << 6) | (bytes[at + i]! & 0x3f);
  return String.fromCodePoint(code);
}
