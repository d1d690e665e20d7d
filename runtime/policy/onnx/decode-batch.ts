import { SHUT, type DecoderGraph, type StepResult } from './graph.ts';
import { copyTokens, Slab, type Region } from './key-values.ts';

/** A sequence that has a token to feed. */
export interface Member {
  /** Tokens whose keys and values are in the cache. */
  length: number;
  /** The token that comes after them. */
  next: number;
}

/** Cache lengths are rounded up to this: growing means copying, and kernels sum whole blocks of it the same way whatever follows. */
const grain = 64;

/**
 * Sequences that take their steps together. Their keys and values lie in one slab, each in a slot of its own; the slots in use are
 * the first ones, so a slab is fed as it is and moves only when it grows or a sequence leaves.
 */
export class DecodeBatch<M extends Member> {
  readonly members: M[] = [];
  readonly #graph: DecoderGraph;
  #slab: Slab;
  #seen: Seen;

  constructor(graph: DecoderGraph, capacity: number) {
    this.#graph = graph;
    this.#slab = new Slab(graph.cache, 1, capacity);
    this.#seen = new Seen(graph, 1, capacity);
  }

  get capacity(): number {
    return this.#slab.capacity;
  }

  /** The cache length of the batch that can hold a sequence of this length and its next token. */
  static capacityFor(graph: DecoderGraph, length: number): number {
    const rounded = Math.ceil((length + 1) / grain) * grain;
    switch (graph.decodeLayout) {
      case 'equal': return length;
      case 'beside': return rounded;
      case 'ragged': case 'padded': return Math.min(graph.contextLength, rounded);
    }
  }

  /** Whether a batch of this graph holds sequences of any length. */
  static mixesLengths({ decodeLayout }: DecoderGraph): boolean {
    return decodeLayout === 'ragged' || decodeLayout === 'beside';
  }

  add(member: M, values: Region): void {
    const slot = this.members.length;
    const capacity = DecodeBatch.mixesLengths(this.#graph) ? Math.max(this.capacity, DecodeBatch.capacityFor(this.#graph, member.length)) : this.capacity;
    this.#resize(slot < this.#slab.slots ? this.#slab.slots : this.#slab.slots * 2, capacity);
    this.members.push(member);
    this.#fill(slot, values);
  }

  region(member: M): Region {
    return this.#slab.region(this.members.indexOf(member));
  }

  /** The last sequence moves into the gap. */
  remove(member: M): void {
    const slot = this.members.indexOf(member);
    const last = this.members.pop()!;
    if (last === member) return;
    this.members[slot] = last;
    this.#fill(slot, this.#slab.region(this.members.length));
  }

  /** Feeds each member's next token and keeps its keys and values. Gives back each member's logits by slot. */
  async step(): Promise<StepResult> {
    const { members } = this;
    const { decodeLayout: layout, cache } = this.#graph;
    const batch = members.length;
    if (DecodeBatch.mixesLengths(this.#graph)) this.#fit();
    const ids = new BigInt64Array(batch), positions = new BigInt64Array(batch), slots = new BigInt64Array(batch * cache.heads * 2);
    for (let slot = 0; slot < batch; slot++) {
      const { length, next } = members[slot]!;
      ids[slot] = BigInt(next);
      positions[slot] = BigInt(length);
      const place = BigInt(layout === 'ragged' ? length : this.capacity);
      for (let head = 0; head < cache.heads; head++) {
        slots[(slot * cache.heads + head) * 2] = BigInt(head);
        slots[(slot * cache.heads + head) * 2 + 1] = place;
      }
      if (layout === 'ragged') this.#seen.open(slot, length);
    }
    const result = await this.#graph.run({ batch, count: 1, ids, positions, slots, seen: this.#seen.rows(batch), past: this.#slab });
    if (layout === 'equal') this.#resize(this.#slab.slots, this.capacity + 1);
    for (let slot = 0; slot < batch; slot++) {
      const member = members[slot]!;
      copyTokens(cache, result.fresh(slot), 0, this.#slab.region(slot), member.length, 1);
      if (layout !== 'ragged') this.#seen.open(slot, member.length);
      member.length++;
    }
    return result;
  }

  #fill(slot: number, values: Region): void {
    const { length } = this.members[slot]!;
    copyTokens(this.#graph.cache, values, 0, this.#slab.region(slot), 0, length);
    // Where the cache is read to its end, at weight 0, what another sequence left there may be NaN, and would stay one.
    if (this.#graph.decodeLayout !== 'ragged') this.#slab.clear(slot, length);
    this.#seen.fill(slot, length);
  }

  /** Grows for the longest member, and gives room back once a long one has left. */
  #fit(): void {
    const needed = DecodeBatch.capacityFor(this.#graph, Math.max(...this.members.map((member) => member.length)));
    if (needed > this.capacity || needed * 2 <= this.capacity) this.#resize(this.#slab.slots, needed);
  }

  #resize(slots: number, capacity: number): void {
    if (slots === this.#slab.slots && capacity === this.capacity) return;
    const larger = new Slab(this.#graph.cache, slots, capacity);
    this.#seen = new Seen(this.#graph, slots, capacity);
    this.members.forEach(({ length }, slot) => {
      copyTokens(this.#graph.cache, this.#slab.region(slot), 0, larger.region(slot), 0, length);
      this.#seen.fill(slot, length);
    });
    this.#slab = larger;
  }
}

/** Where tokens stand in the slots, as the graph wants to be told. */
class Seen {
  readonly #columns: number;
  readonly #mask: BigInt64Array | undefined;
  readonly #bias: Float32Array | undefined;
  /** A mask has a column for the new token, which a padded cache gets at its end. */
  readonly #newAtEnd: boolean;

  constructor({ decodeLayout }: DecoderGraph, slots: number, capacity: number) {
    this.#newAtEnd = decodeLayout === 'padded' || decodeLayout === 'equal';
    this.#columns = this.#newAtEnd ? capacity + 1 : capacity;
    if (decodeLayout === 'beside') this.#bias = new Float32Array(slots * this.#columns);
    else this.#mask = new BigInt64Array(slots * this.#columns);
  }

  fill(slot: number, length: number): void {
    const start = slot * this.#columns, end = start + this.#columns;
    this.#bias?.fill(0, start, start + length).fill(SHUT, start + length, end);
    this.#mask?.fill(1n, start, start + length).fill(0n, start + length, end);
    if (this.#newAtEnd) this.#mask![end - 1] = 1n;
  }

  open(slot: number, token: number): void {
    const at = slot * this.#columns + token;
    if (this.#bias) this.#bias[at] = 0;
    else this.#mask![at] = 1n;
  }

  rows(count: number): BigInt64Array | Float32Array {
    return (this.#bias ?? this.#mask!).subarray(0, count * this.#columns);
  }
}
