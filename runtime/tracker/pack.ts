import type { Nodes } from './radix.ts';
import type { Piece } from './pieces.ts';
import type { Targets } from './targets.ts';

/** A rectangle of sequences: row r is `length` long from index `r * length` of each column of `nodes`. */
export interface Pack {
  rows: number;
  length: number;
  /** `parent` and `end` count within the row, so the one rule of what a token sees keeps trees, pieces and padding apart. */
  nodes: Nodes;
  targets: PackTargets;
}

/** `node`: index into the columns of `nodes`, over all rows. */
export interface PackTargets extends Omit<Targets, 'begin' | 'tokens'> {
  /** Where each comes from, so that scores find their way back: `pieces[piece].tree.targets` at `target`. */
  piece: Int32Array;
  target: Int32Array;
}

/** Puts pieces, in their order, into rows as long as the longest of them; several small ones share a row. */
export function pack(pieces: readonly Piece[]): Pack {
  const length = pieces.reduce((longest, piece) => Math.max(longest, piece.nodes.id.length), 0);
  const filled: number[] = [];
  const starts = pieces.map((piece) => {
    const size = piece.nodes.id.length;
    let row = filled.findIndex((used) => used + size <= length);
    if (row === -1) row = filled.push(0) - 1;
    const start = row * length + filled[row]!;
    filled[row]! += size;
    return start;
  });

  const nodes = padding(filled.length, length);
  const count = pieces.reduce((sum, piece) => sum + piece.node.length, 0);
  const targets: PackTargets = {
    node: new Int32Array(count), sampledLogprob: new Float32Array(count), oldLogprob: new Float32Array(count), refLogprob: new Float32Array(count),
    weight: new Float64Array(count), up: new Float64Array(count), down: new Float64Array(count), piece: new Int32Array(count), target: new Int32Array(count),
  };
  let row = 0;
  for (const [index, piece] of pieces.entries()) {
    const start = starts[index]!;
    const inRow = start % length;
    nodes.id.set(piece.nodes.id, start);
    nodes.position.set(piece.nodes.position, start);
    nodes.parent.set(piece.nodes.parent.map((parent) => (parent === -1 ? -1 : parent + inRow)), start);
    nodes.end.set(piece.nodes.end.map((end) => end + inRow), start);
    for (const [i, node] of piece.node.entries()) {
      const target = piece.firstTarget + i;
      targets.node[row] = start + node;
      for (const name of ['sampledLogprob', 'oldLogprob', 'refLogprob', 'weight', 'up', 'down'] as const) {
        targets[name][row] = piece.tree.targets[name][target]!;
      }
      targets.piece[row] = index;
      targets.target[row] = target;
      row++;
    }
  }
  return { rows: filled.length, length, nodes, targets };
}

/** Tokens that see only themselves and are seen by none. */
function padding(rows: number, length: number): Nodes {
  const size = rows * length;
  const end = new Int32Array(size);
  for (let i = 0; i < size; i++) end[i] = (i % length) + 1;
  return { id: new Int32Array(size), position: new Int32Array(size), parent: new Int32Array(size).fill(-1), end };
}
