import { TuningForkError } from '../protocol/errors.ts';

/** Token tables of a forest, laid out depth-first: a node's subtree is `i` up to, not including, `end[i]`. */
export interface Nodes {
  id: Int32Array;
  /** Depth, and so the position the policy saw the token at. */
  position: Int32Array;
  /** -1 at a root. The logits that predict a node are its parent's. */
  parent: Int32Array;
  end: Int32Array;
}

/** Called with the index of a token that is no token id; must throw. */
export type Refuse = (index: number) => never;

export const ROOT = 0;

/** An edge and a token as one number, which must stay below 2^53. */
const TOKENS = 2 ** 31;
const EDGES = 2 ** 22;

/**
 * A trie whose edges are runs of tokens, so that a shared prompt is one comparison loop and a new answer is one copy.
 * An edge is named by where it ends: splitting gives the upper half a new name, and whoever kept an edge keeps a place in the text.
 */
export class Radix {
  /** Every distinct token once, in the order they came; edge e holds `start[e]` up to `stop[e]`. */
  #ids = new Int32Array(1024);
  #size = 0;
  readonly #start: number[] = [0];
  readonly #stop: number[] = [0];
  readonly #parent: number[] = [-1];
  /** The child that came first, -1 without; most edges have no other. */
  readonly #child: number[] = [-1];
  /** The others, by edge and token. */
  readonly #children = new Map<number, number>();

  /** Walks `tokens` down from the end of `edge`, adding what is not there yet. Returns the edge that ends with the last token. */
  extend(edge: number, tokens: ArrayLike<number>, refuse: Refuse): number {
    const count = tokens.length;
    let i = 0;
    while (i < count) {
      const child = this.#find(edge, checked(tokens, i, refuse));
      if (child === -1) return this.#append(edge, tokens, i, refuse);
      const ids = this.#ids;
      const stop = this.#stop[child]!;
      let at = this.#start[child]! + 1;
      i++;
      while (at < stop && i < count && ids[at] === tokens[i]) {
        at++;
        i++;
      }
      edge = at === stop ? child : this.#split(child, at);
    }
    return edge;
  }

  #find(edge: number, token: number): number {
    const child = this.#child[edge]!;
    return child === -1 || this.#ids[this.#start[child]!] === token ? child : this.#children.get(edge * TOKENS + token) ?? -1;
  }

  #append(edge: number, tokens: ArrayLike<number>, from: number, refuse: Refuse): number {
    const added = tokens.length - from;
    this.#reserve(added);
    const ids = this.#ids;
    let at = this.#size;
    for (let i = from; i < tokens.length; i++) ids[at++] = checked(tokens, i, refuse);
    const child = this.#name(edge, this.#size, at);
    if (this.#child[edge] === -1) this.#child[edge] = child;
    else this.#children.set(edge * TOKENS + ids[this.#size]!, child);
    this.#size = at;
    return child;
  }

  #split(edge: number, at: number): number {
    const start = this.#start[edge]!;
    const parent = this.#parent[edge]!;
    const upper = this.#name(parent, start, at);
    this.#start[edge] = at;
    this.#parent[edge] = upper;
    this.#child[upper] = edge;
    if (this.#child[parent] === edge) this.#child[parent] = upper;
    else this.#children.set(parent * TOKENS + this.#ids[start]!, upper);
    return upper;
  }

  #name(parent: number, start: number, stop: number): number {
    const edge = this.#start.length;
    if (edge === EDGES) throw new TuningForkError('usage', `A token tree holds at most ${EDGES} runs of tokens.`, { next: 'Track fewer tasks at once.' });
    this.#start.push(start);
    this.#stop.push(stop);
    this.#parent.push(parent);
    this.#child.push(-1);
    return edge;
  }

  #reserve(added: number): void {
    const needed = this.#size + added;
    if (needed <= this.#ids.length) return;
    const larger = new Int32Array(Math.max(needed, this.#ids.length * 2));
    larger.set(this.#ids.subarray(0, this.#size));
    this.#ids = larger;
  }

  /** Lays the forest out depth-first, children in the order they came. `last` tells the node each edge ends with. */
  flatten(): { nodes: Nodes; last: Int32Array } {
    const edges = this.#start.length;
    const nodes = { id: new Int32Array(this.#size), position: new Int32Array(this.#size), parent: new Int32Array(this.#size), end: new Int32Array(this.#size) };
    const first = new Int32Array(edges);
    const order = this.#depthFirst();
    const subtree = new Int32Array(edges);
    let at = 0;
    for (const edge of order) {
      first[edge] = at;
      const start = this.#start[edge]!;
      const stop = this.#stop[edge]!;
      nodes.id.set(this.#ids.subarray(start, stop), at);
      const parent = this.#parent[edge]!;
      const above = parent === ROOT ? -1 : first[parent]! + this.#length(parent) - 1;
      const depth = above === -1 ? 0 : nodes.position[above]! + 1;
      for (let k = 0; k < stop - start; k++) {
        nodes.position[at + k] = depth + k;
        nodes.parent[at + k] = at + k - 1;
      }
      nodes.parent[at] = above;
      at += stop - start;
      subtree[edge] = at;
    }
    for (let i = order.length - 1; i >= 0; i--) {
      const edge = order[i]!;
      const parent = this.#parent[edge]!;
      nodes.end.fill(subtree[edge]!, first[edge]!, first[edge]! + this.#length(edge));
      subtree[parent] = Math.max(subtree[parent]!, subtree[edge]!);
    }
    return { nodes, last: first.map((from, edge) => from + this.#length(edge) - 1) };
  }

  #length(edge: number): number {
    return this.#stop[edge]! - this.#start[edge]!;
  }

  /** Of two children the one that starts earlier among all tokens came earlier, through every split. */
  #depthFirst(): Int32Array {
    const edges = this.#start.length;
    const edgeAt = new Int32Array(this.#size).fill(-1);
    for (let edge = 1; edge < edges; edge++) edgeAt[this.#start[edge]!] = edge;
    const child = new Int32Array(edges).fill(-1);
    const sibling = new Int32Array(edges).fill(-1);
    for (let at = this.#size - 1; at >= 0; at--) {
      const edge = edgeAt[at]!;
      if (edge === -1) continue;
      const parent = this.#parent[edge]!;
      sibling[edge] = child[parent]!;
      child[parent] = edge;
    }
    const order = new Int32Array(edges - 1);
    const waiting: number[] = [];
    let edge = child[ROOT]!;
    for (let i = 0; i < order.length; i++) {
      order[i] = edge;
      if (sibling[edge] !== -1) waiting.push(sibling[edge]!);
      edge = child[edge] !== -1 ? child[edge]! : waiting.pop() ?? -1;
    }
    return order;
  }
}

function checked(tokens: ArrayLike<number>, index: number, refuse: Refuse): number {
  const id = tokens[index]!;
  return (id | 0) === id && id >= 0 ? id : refuse(index);
}
