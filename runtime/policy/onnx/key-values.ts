/** The cached keys and values of one token: for each layer's keys and values (`tensors`) and each head, `width` numbers. */
export interface CacheShape {
  tensors: number;
  heads: number;
  width: number;
  type: 'float32' | 'float16';
}

export type Numbers = Float32Array | Uint16Array;

export function bytesPerToken({ tensors, heads, width, type }: CacheShape): number {
  return tensors * heads * width * (type === 'float32' ? 4 : 2);
}

/** Where the keys and values of one sequence lie in an array: `data[base + tensor * stride + (head * capacity + token) * width]`. */
export interface Region {
  data: Numbers;
  base: number;
  stride: number;
  capacity: number;
}

export function copyTokens(shape: CacheShape, from: Region, fromToken: number, to: Region, toToken: number, count: number): void {
  const { tensors, heads, width } = shape;
  const length = count * width;
  for (let tensor = 0; tensor < tensors; tensor++) {
    for (let head = 0; head < heads; head++) {
      const source = from.base + tensor * from.stride + (head * from.capacity + fromToken) * width;
      const target = to.base + tensor * to.stride + (head * to.capacity + toToken) * width;
      if (length <= 128) for (let i = 0; i < length; i++) to.data[target + i] = from.data[source + i]!;
      else to.data.set(from.data.subarray(source, source + length), target);
    }
  }
}

/** Room for the keys and values of `slots` sequences of at most `capacity` tokens, as the graph takes it: [slots, heads, capacity, width] for each tensor. */
export class Slab {
  readonly shape: CacheShape;
  readonly slots: number;
  readonly capacity: number;
  readonly #data: Numbers;
  readonly #slotSize: number;

  constructor(shape: CacheShape, slots: number, capacity: number) {
    this.shape = shape;
    this.slots = slots;
    this.capacity = capacity;
    this.#slotSize = shape.heads * capacity * shape.width;
    const size = shape.tensors * slots * this.#slotSize;
    this.#data = shape.type === 'float32' ? new Float32Array(size) : new Uint16Array(size);
  }

  region(slot: number): Region {
    return { data: this.#data, base: slot * this.#slotSize, stride: this.slots * this.#slotSize, capacity: this.capacity };
  }

  /** Zeroes a slot from a token on. */
  clear(slot: number, from: number): void {
    const { tensors, heads, width } = this.shape;
    const { base, stride, capacity } = this.region(slot);
    for (let tensor = 0; tensor < tensors; tensor++) {
      for (let head = 0; head < heads; head++) {
        const start = base + tensor * stride + head * capacity * width;
        this.#data.fill(0, start + from * width, start + capacity * width);
      }
    }
  }

  /** The first `count` slots of one tensor. */
  tensor(index: number, count: number): Numbers {
    const start = index * this.slots * this.#slotSize;
    return this.#data.subarray(start, start + count * this.#slotSize);
  }
}
