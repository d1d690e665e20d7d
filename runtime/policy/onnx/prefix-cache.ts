import { bytesPerToken, copyTokens, Slab, type CacheShape, type Region } from './key-values.ts';

/** What is known of a prompt: its first `length` tokens, and the logits after it if it was asked for as a whole before. */
export interface Match {
  length: number;
  logits?: Float32Array;
  /** Copies the first `count` tokens. */
  copyTo(region: Region, count: number): void;
}

/**
 * Keys and values of earlier sequences in a tree of token ids, so that a prefix is kept once for all that share it. Bounded in
 * bytes; the leaf not used for longest goes first.
 */
export class PrefixCache {
  readonly #shape: CacheShape;
  readonly #limit: number;
  readonly #root = new Node(new Int32Array(), undefined, undefined);
  /** Oldest use first. A node is always touched after its children, so the oldest is a leaf. */
  readonly #uses = new Set<Node>();
  #bytes = 0;

  constructor(shape: CacheShape, limitBytes: number) {
    this.#shape = shape;
    this.#limit = limitBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  find(ids: Int32Array): Match {
    const path = this.#walk(ids);
    this.#touch(path);
    const end = path.at(-1);
    const whole = end !== undefined && end.used === end.node.ids.length && end.from + end.used === ids.length;
    return {
      length: end ? end.from + end.used : 0,
      logits: whole ? end.node.logits : undefined,
      copyTo: (region, count) => {
        for (const { node, from, used } of path) {
          if (from < count) copyTokens(this.#shape, node.values!.region(0), 0, region, from, Math.min(used, count - from));
        }
      },
    };
  }

  /** Keeps the keys and values of `ids` that are not there yet, and with them the logits that follow. */
  insert(ids: Int32Array, region: Region, logits?: Float32Array): void {
    if (ids.length === 0 || ids.length * bytesPerToken(this.#shape) > this.#limit) return;
    const path = this.#walk(ids);
    const end = path.at(-1);
    let parent = this.#root;
    if (end) {
      if (end.used < end.node.ids.length) path[path.length - 1] = { ...end, node: this.#split(end.node, end.used) };
      parent = path.at(-1)!.node;
    }
    const known = end ? end.from + end.used : 0;
    if (known < ids.length) {
      const node = new Node(ids.slice(known), this.#copy(region, known, ids.length - known), parent);
      parent.children.set(ids[known]!, node);
      this.#bytes += this.#sizeOf(node);
      path.push({ node, from: known, used: node.ids.length });
    }
    const last = path.at(-1)!.node;
    if (logits && !last.logits) {
      last.logits = logits;
      this.#bytes += logits.byteLength;
    }
    this.#touch(path);
    for (const oldest of this.#uses) {
      if (this.#bytes <= this.#limit) break;
      this.#remove(oldest);
    }
  }

  #walk(ids: Int32Array): Step[] {
    const path: Step[] = [];
    let node = this.#root;
    for (let from = 0; from < ids.length;) {
      const child = node.children.get(ids[from]!);
      if (!child) break;
      const most = Math.min(child.ids.length, ids.length - from);
      let used = 1;
      while (used < most && child.ids[used] === ids[from + used]) used++;
      path.push({ node: child, from, used });
      if (used < child.ids.length) break;
      from += used;
      node = child;
    }
    return path;
  }

  #touch(path: readonly Step[]): void {
    for (const { node } of path.toReversed()) {
      this.#uses.delete(node);
      this.#uses.add(node);
    }
  }

  /** Cuts a node in two and gives back the upper part. */
  #split(node: Node, at: number): Node {
    const { ids, values, parent } = node;
    const upper = new Node(ids.slice(0, at), this.#copy(values!.region(0), 0, at), parent);
    parent!.children.set(ids[0]!, upper);
    upper.children.set(ids[at]!, node);
    node.ids = ids.slice(at);
    node.values = this.#copy(values!.region(0), at, ids.length - at);
    node.parent = upper;
    return upper;
  }

  #remove(leaf: Node): void {
    this.#uses.delete(leaf);
    leaf.parent!.children.delete(leaf.ids[0]!);
    this.#bytes -= this.#sizeOf(leaf);
  }

  #copy(region: Region, from: number, count: number): Slab {
    const slab = new Slab(this.#shape, 1, count);
    copyTokens(this.#shape, region, from, slab.region(0), 0, count);
    return slab;
  }

  #sizeOf({ ids, logits }: Node): number {
    return ids.length * (bytesPerToken(this.#shape) + ids.BYTES_PER_ELEMENT) + (logits?.byteLength ?? 0);
  }
}

/** A run of ids below a parent. */
class Node {
  ids: Int32Array;
  values: Slab | undefined;
  parent: Node | undefined;
  logits: Float32Array | undefined;
  readonly children = new Map<number, Node>();

  constructor(ids: Int32Array, values: Slab | undefined, parent: Node | undefined) {
    this.ids = ids;
    this.values = values;
    this.parent = parent;
  }
}

/** The first `used` ids of a node, which stand at `from` in the sequence. */
interface Step {
  node: Node;
  from: number;
  used: number;
}
