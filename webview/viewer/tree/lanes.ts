/** Places for the lines of a tree whose rows stand depth first: the first child goes on in its parent's lane, others get one of their own. */
export interface Lane {
  lane: number;
  parent: number | null;
  /** Lanes with a line that passes this row by. */
  passing: number[];
  /** Lanes of branches that begin here, towards rows further down. */
  opens: number[];
}

export function lanesOf(parents: readonly (number | null)[]): { rows: Lane[]; width: number } {
  const children = parents.map((): number[] => []);
  const roots: number[] = [];
  parents.forEach((parent, row) => (parent === null ? roots : children[parent]!).push(row));
  /** First row after the subtree. */
  const end = parents.map((_, row) => row + 1);
  for (let row = parents.length - 1; row >= 0; row--) {
    const parent = parents[row];
    if (parent !== null && parent !== undefined) end[parent] = Math.max(end[parent]!, end[row]!);
  }
  const lane = parents.map(() => 0);
  /** Rows from which on a lane is free. */
  const free: number[] = [0];
  const take = (from: number, until: number): number => {
    let place = free.findIndex((row, at) => at > 0 && row <= from);
    if (place === -1) place = free.length === 1 ? 1 : free.length;
    free[place] = until;
    return place;
  };
  roots.forEach((root, place) => (lane[root] = place === 0 ? 0 : take(0, end[root]!)));
  const opens: number[][] = parents.map(() => []);
  for (let row = 0; row < parents.length; row++) {
    const [first, ...others] = children[row]!;
    if (first !== undefined) lane[first] = lane[row]!;
    for (const child of others) {
      lane[child] = take(row, end[child]!);
      opens[row]!.push(lane[child]);
    }
  }
  const passing: number[][] = parents.map(() => []);
  for (const [row, parent] of parents.entries()) {
    if (parent === null) continue;
    for (let between = parent + 1; between < row; between++) passing[between]!.push(lane[row]!);
  }
  return { rows: parents.map((parent, row) => ({ lane: lane[row]!, parent, passing: passing[row]!, opens: opens[row]! })), width: free.length };
}
