/** An exact fraction in lowest terms; the sign is the numerator's. */
export interface Rational {
  readonly top: bigint;
  readonly bottom: bigint;
}

/** undefined for a bottom of zero. */
export function rational(top: bigint, bottom = 1n): Rational | undefined {
  if (bottom === 0n) return undefined;
  const sign = bottom < 0n ? -1n : 1n;
  const divisor = gcd(top < 0n ? -top : top, bottom < 0n ? -bottom : bottom) * sign;
  return { top: top / divisor, bottom: bottom / divisor };
}

export function add(a: Rational, b: Rational): Rational {
  return rational(a.top * b.bottom + b.top * a.bottom, a.bottom * b.bottom)!;
}

export function multiply(a: Rational, b: Rational): Rational {
  return rational(a.top * b.top, a.bottom * b.bottom)!;
}

/** undefined where `b` is zero. */
export function divide(a: Rational, b: Rational): Rational | undefined {
  return rational(a.top * b.bottom, a.bottom * b.top);
}

export function negate(a: Rational): Rational {
  return { top: -a.top, bottom: a.bottom };
}

export function equal(a: Rational, b: Rational): boolean {
  return a.top === b.top && a.bottom === b.bottom;
}

export function showRational(a: Rational): string {
  return a.bottom === 1n ? String(a.top) : `${a.top}/${a.bottom}`;
}

/** A decimal such as `-1.50` or `2e3`, exactly; undefined for anything else and for exponents beyond reason. */
export function decimal(text: string): Rational | undefined {
  const match = /^([-+]?)(\d*)(?:\.(\d*))?(?:[eE]([-+]?\d{1,3}))?$/.exec(text);
  if (match === null || text.length > 400) return undefined;
  const [, sign, whole = '', part = '', exponent = '0'] = match;
  if (whole === '' && part === '') return undefined;
  const digits = BigInt(whole + part) * (sign === '-' ? -1n : 1n);
  const shift = Number(exponent) - part.length;
  return shift >= 0 ? rational(digits * 10n ** BigInt(shift)) : rational(digits, 10n ** BigInt(-shift));
}

function gcd(a: bigint, b: bigint): bigint {
  while (b !== 0n) [a, b] = [b, a % b];
  return a;
}
