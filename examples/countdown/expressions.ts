/** `(a+b)*c` written out, with the two steps that compute it. */
export interface Expression {
  text: string;
  /** The second step with the first one's value in its place: `10*2`. */
  step: string;
  value: number;
}

interface Term {
  text: string;
  value: number;
}

/**
 * All expressions over three numbers with + - * whose intermediate and final values are not negative, one of each pair that
 * only swaps the sides of + or *. Division is allowed in the game, but every puzzle here can do without.
 */
export function expressions(numbers: readonly [number, number, number]): Expression[] {
  const found = new Map<string, Expression>();
  for (const [first, second, third] of [[0, 1, 2], [0, 2, 1], [1, 2, 0]] as const) {
    for (const inner of combine(plain(numbers[first]), plain(numbers[second]))) {
      const group = { text: `(${inner.text})`, value: inner.value };
      const steps = combine(plain(inner.value), plain(numbers[third]));
      for (const [index, outer] of combine(group, plain(numbers[third])).entries()) {
        found.set(outer.text, { text: outer.text, step: steps[index]!.text, value: outer.value });
      }
    }
  }
  return [...found.values()];
}

function plain(value: number): Term {
  return { text: String(value), value };
}

function combine(left: Term, right: Term): Term[] {
  const [large, small] = left.value >= right.value ? [left, right] : [right, left];
  return [
    { text: `${left.text}+${right.text}`, value: left.value + right.value },
    { text: `${left.text}*${right.text}`, value: left.value * right.value },
    { text: `${large.text}-${small.text}`, value: large.value - small.value },
  ];
}
