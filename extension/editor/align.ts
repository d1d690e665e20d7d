/** Values of neighbouring lines stand in one column where their code is about as long. */

export interface Placed {
  line: number;
  /** Columns its code takes. */
  width: number;
}

/** Lines further apart than this are no neighbours. */
const NEAR = 4;
/** No value goes further from its code than this to stand below another: it would leave the window. */
const FARTHEST = 12;
const GAP = 3;

/** How many columns each value stands behind its code; `placed` in the order of lines. */
export function gaps(placed: readonly Placed[]): number[] {
  const columns: number[] = [];
  let group: Placed[] = [];
  const close = (): void => {
    const column = Math.max(...group.map(({ width }) => width));
    columns.push(...group.map(({ width }) => column - width + GAP));
    group = [];
  };
  for (const one of placed) {
    const widths = [...group, one].map(({ width }) => width);
    const apart = group.length > 0 && (one.line - group.at(-1)!.line > NEAR || Math.max(...widths) - Math.min(...widths) > FARTHEST);
    if (apart) close();
    group.push(one);
  }
  if (group.length > 0) close();
  return columns;
}

/** East Asian characters are two columns wide, tabs reach to the next stop. */
export function widthOf(text: string, tabSize: number): number {
  let width = 0;
  for (const character of text) width += character === '\t' ? tabSize - (width % tabSize) : WIDE.test(character) ? 2 : 1;
  return width;
}

const WIDE = /[\u1100-\u115F\u2E80-\u303E\u3041-\uA4CF\uAC00-\uD7A3\uF900-\uFAFF\uFE30-\uFE6F\uFF00-\uFF60\uFFE0-\uFFE6]|[\u{1F300}-\u{1FAFF}]/u;
