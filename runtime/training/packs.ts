/** Pieces of many trees into packs a trainer computes at once: similar lengths together, each pack bounded. */
import { pack, type EngineCost, type Pack, type Piece } from '../tracker/index.ts';

export interface PackLimits {
  /** Most tokens of a pack, padding included. */
  tokens: number;
  /** Most pairs of tokens: rows times squared length, what a dense mask takes in memory. A piece that alone is larger gets a pack of its own. */
  pairs: number;
}

/** For a model of a few million parameters on a laptop: some hundred megabytes at the peak. */
export const LAPTOP_LIMITS: PackLimits = { tokens: 4096, pairs: 2_000_000 };

/** What starting another pack costs, in tokens: calls into the engine are not free. */
const PACK_OVERHEAD = 64;

/** Longest first, ties in the order given, so that the same pieces always make the same packs. */
export function packsOf(pieces: readonly Piece[], engine: EngineCost, limits: PackLimits): Pack[] {
  const sizeOf = (piece: Piece): number => piece.nodes.id.length;
  const ordered = [...pieces].sort((a, b) => sizeOf(b) - sizeOf(a));
  const packs: Piece[][] = [];
  let length = 0;
  let free: number[] = [];
  for (const piece of ordered) {
    const size = sizeOf(piece);
    const row = free.findIndex((left) => left >= size);
    const rows = free.length + 1;
    const joins = packs.length > 0 && (row !== -1 || (
      rows * length <= limits.tokens && rows * length * length <= limits.pairs
      && sequence(engine, length) <= sequence(engine, size) + PACK_OVERHEAD * engine.token));
    if (!joins) {
      packs.push([piece]);
      length = size;
      free = [0];
    } else {
      packs.at(-1)!.push(piece);
      if (row === -1) free.push(length - size);
      else free[row]! -= size;
    }
  }
  return packs.map((pieces) => pack(pieces));
}

function sequence(engine: EngineCost, length: number): number {
  return length * engine.token + length * length * engine.treePair;
}
