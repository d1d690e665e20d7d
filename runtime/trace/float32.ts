const TEN = Float64Array.from({ length: 23 }, (_, power) => Number(`1e${power}`));

/**
 * The double with the fewest decimal digits that rounds to the same float32, so that JSON writes `-0.31725305` and not
 * `-0.3172530531883240`. Reading it back takes `Math.fround`. Division of two exact doubles is correctly rounded, so the
 * quotient prints as those digits; this is ten times faster than trying `toPrecision`.
 */
export function shortestDouble(float: number): number {
  const size = Math.abs(float);
  if (size >= 1e-9 && size < 1e6) {
    const six = decimalsForSixDigits(size);
    const eight = roundTo(size, six + 2);
    if (Math.fround(eight) !== size) {
      const nine = roundTo(size, six + 3);
      if (Math.fround(nine) === size) return float < 0 ? -nine : nine;
    } else {
      const seven = roundTo(size, six + 1);
      if (Math.fround(seven) !== size) return float < 0 ? -eight : eight;
      // Six digits find every shorter form too: it ends in zeros.
      const short = roundTo(size, six);
      const best = Math.fround(short) === size ? short : seven;
      return float < 0 ? -best : best;
    }
  }
  return byPrecision(float);
}

function roundTo(size: number, decimals: number): number {
  const scale = TEN[decimals]!;
  return Math.round(size * scale) / scale;
}

function decimalsForSixDigits(size: number): number {
  let decimals = 5;
  let bound = 10;
  while (decimals > 0 && size >= bound) {
    decimals--;
    bound *= 10;
  }
  if (size >= 1) return decimals;
  let scaled = size;
  while (scaled < 1) {
    scaled *= 10;
    decimals++;
  }
  return decimals;
}

/** Numbers outside the range of log-probabilities: rare, so slow is fine. Nine digits always suffice. */
function byPrecision(float: number): number {
  for (let digits = 1; digits < 9; digits++) {
    const short = Number(float.toPrecision(digits));
    if (Math.fround(short) === float) return short;
  }
  return Number(float.toPrecision(9));
}
