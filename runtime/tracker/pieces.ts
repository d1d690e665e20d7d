import { allPaths, cheapestCut, oneTree } from './cost.ts';
import type { EngineCost, Paths } from './cost.ts';
import type { Nodes } from './radix.ts';
import type { TokenTree } from './tree.ts';

/** A tree in the shape a trainer computes it: one or more smaller trees, each a sequence. Every target is in exactly one. */
export interface Layout {
  pieces: Piece[];
  /** Of this layout, and of the two it was chosen over, in the engine's unit. */
  cost: { chosen: number; oneTree: number; rows: number };
}

export interface Piece {
  tree: TokenTree;
  nodes: Nodes;
  /** Node of the piece that each of its targets is at. They are targets `firstTarget`, `firstTarget + 1`, ... of `tree`. */
  node: Int32Array;
  firstTarget: number;
}

export interface LayoutOptions {
  engine: EngineCost;
  /** The longest sequence the trainer takes. */
  maxTokens?: number;
  /** False for models whose attention is not plain causal: every sequence is then one path. */
  trees?: boolean;
}

/** Lays out what is trained, and the context it needs; calls that lead to no target are left out. */
export function layOut(tree: TokenTree, { engine, maxTokens, trees = true }: LayoutOptions): Layout {
  const tips = tipsOf(tree);
  const paths = pathsTo(tips, tree.nodes);
  const rows = allPaths(paths, engine);
  const cut = cheapestCut(paths, trees ? engine : { token: engine.token, pathPair: engine.pathPair, treePair: Infinity }, maxTokens);
  let firstTarget = 0;
  const pieces = cut.begin.map((begin, k) => {
    const piece = pieceOf(tree, tips.subarray(begin, cut.begin[k + 1]), firstTarget);
    firstTarget += piece.node.length;
    return piece;
  });
  return { pieces, cost: { chosen: cut.cost, oneTree: oneTree(paths, engine).cost, rows: rows.cost } };
}

/** Nodes of targets with no target below them: what is on no path to one of them is context of nothing. */
function tipsOf({ nodes, targets }: TokenTree): Int32Array {
  return targets.node.filter((node, i) => {
    const next = targets.node[i + 1];
    return next === undefined || next >= nodes.end[node]!;
  });
}

function pathsTo(tips: Int32Array, { position, parent, end }: Nodes): Paths {
  const length = tips.map((tip) => position[tip]! + 1);
  const shared = tips.map((tip, i) => {
    if (i === 0) return 0;
    // climb from the tip before until what is reached holds this one too
    let above = tips[i - 1]!;
    while (above !== -1 && end[above]! <= tip) above = parent[above]!;
    return above === -1 ? 0 : position[above]! + 1;
  });
  return { length, shared };
}

/** The union of the paths to `tips`, and all targets up to the last of them that no piece before has. */
function pieceOf(tree: TokenTree, tips: Int32Array, firstTarget: number): Piece {
  const { id, position, parent } = tree.nodes;
  const kept: number[] = [];
  const above: number[] = [];
  /** The path laid last, by depth: its nodes in the tree, and in the piece. */
  const path: number[] = [];
  const at: number[] = [];
  for (const tip of tips) {
    let depth = position[tip]!;
    for (let node = tip; node !== -1 && path[depth] !== node; node = parent[node]!) path[depth--] = node;
    for (depth++; depth <= position[tip]!; depth++) {
      above.push(depth === 0 ? -1 : at[depth - 1]!);
      at[depth] = kept.push(path[depth]!) - 1;
    }
  }
  const end = new Int32Array(kept.length);
  for (let i = kept.length - 1; i >= 0; i--) {
    end[i] = Math.max(end[i]!, i + 1);
    if (above[i] !== -1) end[above[i]!] = Math.max(end[above[i]!]!, end[i]!);
  }

  const node: number[] = [];
  const all = tree.targets.node;
  for (let i = 0; i < kept.length; i++) while (all[firstTarget + node.length] === kept[i]) node.push(i);
  return {
    tree, firstTarget, node: Int32Array.from(node),
    nodes: { id: Int32Array.from(kept, (node) => id[node]!), position: Int32Array.from(kept, (node) => position[node]!), parent: Int32Array.from(above), end },
  };
}
