export interface Expression {
  text: string;
  value: number;
}

/**
 * All expressions over three numbers with + - * whose intermediate and final values are not negative, one of each pair that
 * only swaps the sides of + or *. Division is allowed in the game, but every puzzle here can do without.
 */
export function expressions(numbers: readonly [number, number, number]): Expression[] {
  const found = new Map<string, Expression>();
  const plain = numbers.map((value) => ({ text: String(value), value }));
  for (const [first, second, third] of [[0, 1, 2], [0, 2, 1], [1, 2, 0]] as const) {
    for (const { text, value } of combine(plain[first]!, plain[second]!)) {
      for (const whole of combine({ text: `(${text})`, value }, plain[third]!)) found.set(whole.text, whole);
    }
  }
  return [...found.values()];
}

function combine(left: Expression, right: Expression): Expression[] {
  const [large, small] = left.value >= right.value ? [left, right] : [right, left];
  return [
    { text: `${left.text}+${right.text}`, value: left.value + right.value },
    { text: `${left.text}*${right.text}`, value: left.value * right.value },
    { text: `${large.text}-${small.text}`, value: large.value - small.value },
  ];
}
