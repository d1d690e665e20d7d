/** How a token is drawn: pieces of text with their width in cells. Nothing is hidden, nothing acts: controls are shown as their numbers. */
import { TOKEN, type Timeline } from '../../../runtime/protocol/viewer.ts';

export type PieceKind = 'text' | 'wide' | 'space' | 'break' | 'control' | 'hex' | 'id' | 'special';

export interface Piece {
  kind: PieceKind;
  text: string;
  cells: number;
}

const SPACES: Record<number, string> = { 0x20: '·', 0x09: '⇥', 0x0d: '␍', 0xa0: '⍽', 0x3000: '　' };
const TAB_CELLS = 4;
/** A longer piece is told in several, so that rows can break it. */
const LONGEST = 20;

/** Nothing to see, or acting on what stands around: direction marks, joiners, fillers, private and unassigned characters. */
const HIDDEN = /[\p{Cc}\p{Cf}\p{Co}\p{Cn}\p{Zl}\p{Zp}\p{Cs}\u115f\u1160\u3164\uffa0\u2800]/u;
const ATTACHED = /[\p{Mn}\p{Me}]/u;
/** Marks that have no look of their own; bytes can be hidden in them. */
const LOOKLESS: readonly [from: number, to: number][] = [[0x34f, 0x34f], [0x17b4, 0x17b5], [0xfe00, 0xfe0f], [0xe0100, 0xe01ef]];
const OTHER_SPACE = /\p{Zs}/u;
const WIDE = /[\p{Emoji_Presentation}\u1100-\u115e\u2329\u232a\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe10-\ufe19\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{17000}-\u{18cff}\u{1b000}-\u{1b2ff}\u{1f004}\u{1f0cf}\u{1f200}-\u{1f320}\u{1f32d}-\u{1f335}\u{1f900}-\u{1f9ff}\u{20000}-\u{3fffd}]/u;
const PICTURE = /\p{Extended_Pictographic}/u;
const JOINER = 0x200d;

/** All of a token in order. */
export function piecesOf(timeline: Timeline, token: number): Piece[] {
  const text = timeline.text.slice(timeline.start[token], timeline.start[token + 1]);
  const flags = timeline.flags[token]!;
  if (text === '') return [chip(timeline, token)];
  const pieces = textPieces(text, (flags & TOKEN.special) !== 0);
  if ((flags & TOKEN.invalid) === 0) return pieces;
  // Some of its bytes are no characters: those are told beside what is.
  return [...pieces, chip(timeline, token)];
}

/** What has no text shows its bytes; without a vocabulary, its id. */
function chip({ id, bytes, byteStart }: Timeline, token: number): Piece {
  const own = bytes.subarray(byteStart[token], byteStart[token + 1]);
  if (own.length === 0) return { kind: 'id', text: `#${id[token]!}`, cells: String(id[token]!).length + 2 };
  const text = hex(own);
  return { kind: 'hex', text, cells: hexCells(own.length) };
}

export function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(' ');
}

/** Two digits and a space for each byte, half a cell on either side. */
const hexCells = (bytes: number): number => bytes * 3;

function textPieces(text: string, special: boolean): Piece[] {
  const pieces: Piece[] = [];
  let plain = '';
  let cells = 0;
  let wide = false;
  const flush = (): void => {
    if (plain !== '') pieces.push({ kind: special ? 'special' : wide ? 'wide' : 'text', text: plain, cells: special ? cells + 1 : cells });
    plain = '';
    cells = 0;
    wide = false;
  };
  const characters = [...text];
  for (const [place, character] of characters.entries()) {
    const code = character.codePointAt(0)!;
    if (cells >= LONGEST && !ATTACHED.test(character) && code !== JOINER) flush();
    if (code > 0x20 && code < 0x7f) {
      plain += character;
      cells++;
    } else if (code === 0x0a) {
      flush();
      pieces.push({ kind: 'break', text: '⏎', cells: 1 });
    } else if (SPACES[code] !== undefined || OTHER_SPACE.test(character)) {
      flush();
      const last = pieces.at(-1);
      const glyph = SPACES[code] ?? '␣';
      const width = code === 0x09 ? TAB_CELLS : code === 0x3000 ? 2 : 1;
      if (last?.kind === 'space' && last.text.startsWith(glyph) && last.cells < LONGEST) {
        last.text += glyph;
        last.cells += width;
      } else pieces.push({ kind: 'space', text: glyph, cells: width });
    } else if (code === JOINER && PICTURE.test(characters[place + 1] ?? '') && wide) {
      plain += character;
    } else if (HIDDEN.test(character) || (LOOKLESS.some(([from, to]) => code >= from && code <= to) && !(code >= 0xfe0e && PICTURE.test(characters[place - 1] ?? '')))) {
      flush();
      const name = `U+${code.toString(16).toUpperCase().padStart(4, '0')}`;
      pieces.push({ kind: 'control', text: name, cells: name.length + 1 });
    } else if (ATTACHED.test(character)) {
      // With nothing to stand on it stands on a circle.
      if (plain === '') {
        plain = '◌';
        cells++;
      }
      plain += character;
    } else {
      const joined = characters[place - 1]?.codePointAt(0) === JOINER && plain !== '';
      const width = joined ? 0 : WIDE.test(character) ? 2 : 1;
      plain += character;
      cells += width;
      // Beyond Latin another font may draw it, with a width of its own.
      wide ||= code > 0x24f;
    }
  }
  flush();
  return pieces;
}

export interface Measure {
  /** Width of a token of printable ASCII, or of one that shows its bytes alone; -1 for all others: most tokens need no pieces to be measured. */
  plain(token: number): number;
  pieces(token: number): readonly Piece[];
}

export function measureOf(timeline: Timeline): Measure {
  return { plain: perId(timeline, plainCells), pieces: perId(timeline, piecesOf) };
}

/** An id that stands for whole characters is the same wherever it comes. */
function perId<T>(timeline: Timeline, of: (timeline: Timeline, token: number) => T): (token: number) => T {
  const known = new Map<number, T>();
  return (token) => {
    if ((timeline.flags[token]! & (TOKEN.partial | TOKEN.invalid)) !== 0) return of(timeline, token);
    const id = timeline.id[token]!;
    let found = known.get(id);
    if (found === undefined) known.set(id, found = of(timeline, token));
    return found;
  };
}

function plainCells({ text, start, flags, byteStart }: Timeline, token: number): number {
  const from = start[token]!;
  const to = start[token + 1]!;
  const bytes = byteStart[token + 1]! - byteStart[token]!;
  if (from === to) return bytes === 0 ? -1 : hexCells(bytes);
  if ((flags[token]! & (TOKEN.special | TOKEN.invalid)) !== 0) return -1;
  for (let i = from; i < to; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x20 || code > 0x7e) return -1;
  }
  return to - from;
}
