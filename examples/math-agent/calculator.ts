/** A fraction in lowest terms, so that 1/3*3 is 1. The denominator is positive. */
interface Fraction {
  over: bigint;
  under: bigint;
}

/**
 * Computes an arithmetic expression exactly: + - * / and parentheses over whole and decimal numbers.
 * Answers a whole or decimal number where there is one, else a fraction such as `7/3`. Throws an Error that says what is wrong.
 */
export function calculate(expression: string): string {
  const tokens = expression.match(/\d+(?:\.\d+)?|[-+*/()]|\S/g) ?? [];
  let at = 0;
  const value = sum();
  if (at < tokens.length) throw new Error(`unexpected "${tokens[at]}" in "${expression}"`);
  return show(value);

  function sum(): Fraction {
    let left = product();
    for (;;) {
      if (accept('+')) left = add(left, product());
      else if (accept('-')) left = add(left, negate(product()));
      else return left;
    }
  }

  function product(): Fraction {
    let left = factor();
    for (;;) {
      if (accept('*')) left = multiply(left, factor());
      else if (accept('/')) left = multiply(left, inverse(factor()));
      else return left;
    }
  }

  function factor(): Fraction {
    if (accept('-')) return negate(factor());
    if (accept('(')) {
      const inner = sum();
      if (!accept(')')) throw new Error(`a ")" is missing in "${expression}"`);
      return inner;
    }
    const token = tokens[at++];
    if (token === undefined) throw new Error(`"${expression}" ends too early`);
    if (!/^\d/.test(token)) throw new Error(`unexpected "${token}" in "${expression}"`);
    const [whole = '', decimals = ''] = token.split('.');
    return reduced(BigInt(whole + decimals), 10n ** BigInt(decimals.length));
  }

  function accept(symbol: string): boolean {
    if (tokens[at] !== symbol) return false;
    at++;
    return true;
  }

  function inverse(value: Fraction): Fraction {
    if (value.over === 0n) throw new Error(`division by zero in "${expression}"`);
    return reduced(value.under, value.over);
  }
}

function add(left: Fraction, right: Fraction): Fraction {
  return reduced(left.over * right.under + right.over * left.under, left.under * right.under);
}

function multiply(left: Fraction, right: Fraction): Fraction {
  return reduced(left.over * right.over, left.under * right.under);
}

function negate(value: Fraction): Fraction {
  return { over: -value.over, under: value.under };
}

function reduced(over: bigint, under: bigint): Fraction {
  const sign = under < 0n ? -1n : 1n;
  let [divisor, rest] = [over < 0n ? -over : over, under < 0n ? -under : under];
  while (rest > 0n) [divisor, rest] = [rest, divisor % rest];
  return { over: (sign * over) / divisor, under: (sign * under) / divisor };
}

function show({ over, under }: Fraction): string {
  if (under === 1n) return String(over);
  for (let decimals = 1, scale = 10n; decimals <= 12; decimals++, scale *= 10n) {
    if (scale % under !== 0n) continue;
    const digits = String((over < 0n ? -over : over) * (scale / under)).padStart(decimals + 1, '0');
    return `${over < 0n ? '-' : ''}${digits.slice(0, -decimals)}.${digits.slice(-decimals)}`;
  }
  return `${over}/${under}`;
}
