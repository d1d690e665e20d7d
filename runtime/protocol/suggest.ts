/** The candidate a person most likely meant by `word`, or undefined when none is near. */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  const wanted = plain(word);
  const limit = Math.max(1, Math.floor(wanted.length / 3));
  let best: string | undefined;
  let bestCost = Infinity;
  for (const candidate of candidates) {
    const other = plain(candidate);
    const cost = Math.abs(other.length - wanted.length) <= limit ? distance(wanted, other) : Infinity;
    const rank = cost <= limit ? cost : contains(wanted, other) ? limit + Math.abs(other.length - wanted.length) : Infinity;
    if (rank < bestCost) {
      bestCost = rank;
      best = candidate;
    }
  }
  return best;
}

/** `did you mean …?`, or nothing. */
export function didYouMean(word: string, candidates: Iterable<string>): string | undefined {
  const found = nearest(word, candidates);
  return found === undefined ? undefined : `Did you mean \`${found}\`?`;
}

/** `numRepeat`, `num-repeat` and `num_repeat` are the same mistake. */
function plain(text: string): string {
  return text.slice(0, 200).toLowerCase().replace(/[-_\s.]/g, '');
}

function contains(a: string, b: string): boolean {
  const [short, long] = a.length < b.length ? [a, b] : [b, a];
  return short.length >= 4 && long.includes(short);
}

/** Edit distance in which two swapped neighbours count once. */
function distance(a: string, b: string): number {
  let beforePrevious: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let cost = Math.min(previous[j]! + 1, row[j - 1]! + 1, previous[j - 1]! + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) cost = Math.min(cost, beforePrevious[j - 2]! + 1);
      row.push(cost);
    }
    beforePrevious = previous;
    previous = row;
  }
  return previous[b.length]!;
}
