import type { DecoderGraph, StepResult } from './graph.ts';
import { copyTokens, Slab, type Region } from './key-values.ts';

/** A sequence that has a token to feed. */
export interface Member {
  /** Tokens whose keys and values are in the cache. */
  length: number;
  /** The token that comes after them. */
  next: number;
}

/** Cache lengths are rounded up to this: growing means copying. */
const grain = 64;

/**
 * Sequences that take their steps together. Their keys and values lie in one slab, each in a slot of its own; the slots in use are
 * the first ones, so a slab is fed as it is and moves only when it grows or a sequence leaves.
 */
export class DecodeBatch<M extends Member> {
  readonly members: M[] = [];
  readonly #graph: DecoderGraph;
  #slab: Slab;
  #mask = new BigInt64Array();

  constructor(graph: DecoderGraph, capacity: number) {
    this.#graph = graph;
    this.#slab = new Slab(graph.cache, 1, capacity);
  }

  get capacity(): number {
    return this.#slab.capacity;
  }

  /** The cache length of the batch that can hold a sequence of this length and its next token. */
  static capacityFor(graph: DecoderGraph, length: number): number {
    return graph.layout === 'equal' ? length : Math.min(graph.contextLength, Math.ceil((length + 1) / grain) * grain);
  }

  add(member: M, values: Region): void {
    const slot = this.members.length;
    const capacity = this.#graph.layout === 'ragged' ? Math.max(this.capacity, DecodeBatch.capacityFor(this.#graph, member.length)) : this.capacity;
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

  #fill(slot: number, values: Region): void {
    const { length } = this.members[slot]!;
    copyTokens(this.#graph.cache, values, 0, this.#slab.region(slot), 0, length);
    // A padded cache is read to its end, at weight 0: what another sequence left there may be NaN, and would stay one.
    if (this.#graph.layout === 'padded') this.#slab.clear(slot, length);
    this.#maskRow(slot);
  }

  /** Feeds each member's next token and keeps its keys and values. Gives back each member's logits by slot. */
  async step(): Promise<StepResult> {
    const { members } = this;
    const { layout, cache } = this.#graph;
    const batch = members.length;
    if (layout === 'ragged') this.#fit();
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
      if (layout === 'ragged') this.#mask[slot * this.#columns + length] = 1n;
    }
    const mask = this.#mask.subarray(0, batch * this.#columns);
    const result = await this.#graph.run({ batch, count: 1, ids, positions, slots, mask, past: this.#slab });
    if (layout === 'equal') this.#resize(this.#slab.slots, this.capacity + 1);
    for (let slot = 0; slot < batch; slot++) {
      const member = members[slot]!;
      copyTokens(cache, result.fresh(slot), 0, this.#slab.region(slot), member.length, 1);
      if (layout !== 'ragged') this.#mask[slot * this.#columns + member.length] = 1n;
      member.length++;
    }
    return result;
  }

  get #columns(): number {
    return this.#graph.layout === 'ragged' ? this.capacity : this.capacity + 1;
  }

  /** A row of the mask: ones for the tokens that stand, and for the one that comes at the end of a padded cache. */
  #maskRow(slot: number): void {
    const start = slot * this.#columns;
    this.#mask.fill(1n, start, start + this.members[slot]!.length);
    this.#mask.fill(0n, start + this.members[slot]!.length, start + this.#columns);
    if (this.#graph.layout !== 'ragged') this.#mask[start + this.#columns - 1] = 1n;
  }

  /** Grows for the longest member, and gives room back once a long one has left. */
  #fit(): void {
    const needed = DecodeBatch.capacityFor(this.#graph, Math.max(...this.members.map((member) => member.length)));
    if (needed > this.capacity || needed * 2 <= this.capacity) this.#resize(this.#slab.slots, needed);
  }

  #resize(slots: number, capacity: number): void {
    if (slots !== this.#slab.slots || capacity !== this.capacity) {
      const larger = new Slab(this.#graph.cache, slots, capacity);
      this.members.forEach((member, slot) => copyTokens(this.#graph.cache, this.#slab.region(slot), 0, larger.region(slot), 0, member.length));
      this.#slab = larger;
    }
    if (this.#mask.length !== slots * this.#columns) {
      this.#mask = new BigInt64Array(slots * this.#columns);
      this.members.forEach((_, slot) => this.#maskRow(slot));
    }
  }
}
