/** Which tokens of two sequences have no partner in the other: the longest they have in common is kept. */
export interface Difference {
  left: Uint8Array;
  right: Uint8Array;
}

/** Larger than this, what is between a common beginning and end counts as different: exact would be slow, and nothing to read. */
const MOST_CELLS = 9_000_000;

export function differenceOf(left: Int32Array, right: Int32Array): Difference {
  const marks = { left: new Uint8Array(left.length), right: new Uint8Array(right.length) };
  let begin = 0;
  while (begin < left.length && begin < right.length && left[begin] === right[begin]) begin++;
  let end = 0;
  while (end < left.length - begin && end < right.length - begin && left[left.length - 1 - end] === right[right.length - 1 - end]) end++;
  const rows = left.length - begin - end;
  const columns = right.length - begin - end;
  marks.left.fill(1, begin, begin + rows);
  marks.right.fill(1, begin, begin + columns);
  if (rows === 0 || columns === 0 || rows * columns > MOST_CELLS) return marks;
  // lengths[i][j]: the longest common part of what follows i and j.
  const width = columns + 1;
  const lengths = new Uint16Array((rows + 1) * width);
  for (let i = rows - 1; i >= 0; i--) {
    for (let j = columns - 1; j >= 0; j--) {
      lengths[i * width + j] = left[begin + i] === right[begin + j] ? lengths[(i + 1) * width + j + 1]! + 1 : Math.max(lengths[(i + 1) * width + j]!, lengths[i * width + j + 1]!);
    }
  }
  for (let i = 0, j = 0; i < rows && j < columns;) {
    if (left[begin + i] === right[begin + j]) {
      marks.left[begin + i++] = 0;
      marks.right[begin + j++] = 0;
    } else if (lengths[(i + 1) * width + j]! >= lengths[i * width + j + 1]!) i++;
    else j++;
  }
  return marks;
}
