/** One measured figure: ours against a peer on the same work in the same run, and the bound it was promised to keep. */
export interface Figure {
  name: string;
  ours: number | null;
  peer: number | null;
  /** How ours stands to the peer; what better means is in the bound. */
  ratio: number | null;
  unit: string;
  bound: string;
  holds: boolean;
  /** What was measured, who the peer is, or why a bound is not reached. */
  note?: string;
}

/** A figure that could not be measured is printed all the same, with the cause. */
export function unmeasured(name: string, unit: string, bound: string, cause: unknown): Figure {
  return { name, ours: null, peer: null, ratio: null, unit, bound, holds: false, note: cause instanceof Error ? cause.message : String(cause) };
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
