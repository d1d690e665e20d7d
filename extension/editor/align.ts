/** Values of neighbouring lines stand in one column, a little behind the longest line. */

export interface Placed {
  line: number;
  /** Columns its code takes. */
  width: number;
}

/** Lines further apart than this are no neighbours. */
const NEAR = 4;
/** A line longer than this pushes no other's value out of sight. */
const WIDEST = 96;
const GAP = 3;

/** How many columns each value stands behind its code; `placed` in the order of lines. */
export function gaps(placed: readonly Placed[]): number[] {
  const columns: number[] = [];
  let from = 0;
  for (let at = 1; at <= placed.length; at++) {
    if (at < placed.length && placed[at]!.line - placed[at - 1]!.line <= NEAR) continue;
    const group = placed.slice(from, at);
    const column = Math.max(...group.map(({ width }) => (width > WIDEST ? 0 : width)));
    columns.push(...group.map(({ width }) => Math.max(0, column - width) + GAP));
    from = at;
  }
  return columns;
}

/** East Asian characters are two columns wide, tabs reach to the next stop. */
export function widthOf(text: string, tabSize: number): number {
  let width = 0;
  for (const character of text) width += character === '\t' ? tabSize - (width % tabSize) : WIDE.test(character) ? 2 : 1;
  return width;
}

const WIDE = /[\u1100-\u115F\u2E80-\u303E\u3041-\uA4CF\uAC00-\uD7A3\uF900-\uFAFF\uFE30-\uFE6F\uFF00-\uFF60\uFFE0-\uFFE6]|[\u{1F300}-\u{1FAFF}]/u;
