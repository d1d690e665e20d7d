/** Computes + - * / and parentheses. Written out, because `eval` would run whatever a model writes. */
export function calculate(expression: string): number {
  const tokens = expression.match(/\d+(\.\d+)?|\S/g) ?? [];
  let at = 0;
  const value = sum();
  if (at < tokens.length) throw new Error(`unexpected "${tokens[at]}" in "${expression}"`);
  if (!Number.isFinite(value)) throw new Error(`"${expression}" divides by zero`);
  return Number(value.toPrecision(12));

  function sum(): number {
    let left = product();
    while (tokens[at] === '+' || tokens[at] === '-') left = tokens[at++] === '+' ? left + product() : left - product();
    return left;
  }

  function product(): number {
    let left = factor();
    while (tokens[at] === '*' || tokens[at] === '/') left = tokens[at++] === '*' ? left * factor() : left / factor();
    return left;
  }

  function factor(): number {
    const token = tokens[at++];
    if (token === '-') return -factor();
    if (token === '(') {
      const inner = sum();
      if (tokens[at++] !== ')') throw new Error(`a ")" is missing in "${expression}"`);
      return inner;
    }
    const number = Number(token);
    if (token === undefined || Number.isNaN(number)) throw new Error(`a number is missing in "${expression}"`);
    return number;
  }
}
