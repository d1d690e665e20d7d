import { add, divide, multiply, negate, rational, type Rational } from './rational.ts';

/** Arithmetic as a Countdown player writes it: whole numbers, + - * /, parentheses. Read, never evaluated as code. */
export type Expression =
  | { kind: 'number'; value: bigint }
  | { kind: 'negative'; of: Expression }
  | { kind: 'operation'; operator: '+' | '-' | '*' | '/'; left: Expression; right: Expression };

/** Why a text is no expression, in a few words. */
export class ExpressionError extends Error {}

const LONGEST = 1000;
const DEEPEST = 100;
const TOKEN = /\s*(?:(\d+)|([-+*/()])|(\S))/uy;

export function parseExpression(source: string): Expression {
  if (source.length > LONGEST) throw new ExpressionError(`it is longer than ${LONGEST} characters`);
  return new Parser(tokens(asAscii(source))).parse();
}

/** Every number in it, in the order they are written. */
export function numbersIn(expression: Expression): bigint[] {
  switch (expression.kind) {
    case 'number': return [expression.value];
    case 'negative': return numbersIn(expression.of);
    case 'operation': return [...numbersIn(expression.left), ...numbersIn(expression.right)];
  }
}

/** Exactly; undefined where it divides by zero. */
export function valueOf(expression: Expression): Rational | undefined {
  if (expression.kind === 'number') return rational(expression.value);
  if (expression.kind === 'negative') {
    const value = valueOf(expression.of);
    return value && negate(value);
  }
  const left = valueOf(expression.left);
  const right = left && valueOf(expression.right);
  if (left === undefined || right === undefined) return undefined;
  switch (expression.operator) {
    case '+': return add(left, right);
    case '-': return add(left, negate(right));
    case '*': return multiply(left, right);
    case '/': return divide(left, right);
  }
}

function asAscii(text: string): string {
  return text
    .replace(/\\times|\\cdot|[×·⋅]/g, '*')
    .replace(/\\div|÷/g, '/')
    .replace(/[\u2212\u2013]/g, '-')
    .replace(/\\left|\\right/g, '');
}

function tokens(text: string): string[] {
  const found: string[] = [];
  TOKEN.lastIndex = 0;
  for (let match = TOKEN.exec(text); match !== null; match = TOKEN.exec(text)) {
    const [, digits, sign, stranger] = match;
    if (stranger !== undefined) throw new ExpressionError(`\`${stranger}\` has no place in it`);
    found.push((digits ?? sign)!);
  }
  return found;
}

class Parser {
  readonly #tokens: readonly string[];
  #next = 0;
  #depth = 0;

  constructor(list: readonly string[]) {
    this.#tokens = list;
  }

  parse(): Expression {
    const expression = this.#sum();
    const left = this.#tokens[this.#next];
    if (left !== undefined) throw new ExpressionError(`\`${left}\` comes where it should end`);
    return expression;
  }

  #sum(): Expression {
    let left = this.#product();
    for (let operator = this.#take('+', '-'); operator !== undefined; operator = this.#take('+', '-')) {
      left = { kind: 'operation', operator, left, right: this.#product() };
    }
    return left;
  }

  #product(): Expression {
    let left = this.#factor();
    for (let operator = this.#take('*', '/'); operator !== undefined; operator = this.#take('*', '/')) {
      left = { kind: 'operation', operator, left, right: this.#factor() };
    }
    return left;
  }

  #factor(): Expression {
    if (++this.#depth > DEEPEST) throw new ExpressionError(`it is nested deeper than ${DEEPEST}`);
    try {
      const sign = this.#take('+', '-');
      if (sign !== undefined) return sign === '-' ? { kind: 'negative', of: this.#factor() } : this.#factor();
      if (this.#take('(') !== undefined) {
        const inner = this.#sum();
        if (this.#take(')') === undefined) throw new ExpressionError('a parenthesis isn’t closed');
        return inner;
      }
      const token = this.#tokens[this.#next++];
      if (token === undefined) throw new ExpressionError('it ends too early');
      if (!/^\d+$/.test(token)) throw new ExpressionError(`a number is wanted where \`${token}\` stands`);
      return { kind: 'number', value: BigInt(token) };
    } finally {
      this.#depth--;
    }
  }

  #take<T extends string>(...wanted: T[]): T | undefined {
    const found = wanted.find((token) => token === this.#tokens[this.#next]);
    if (found !== undefined) this.#next++;
    return found;
  }
}
