import { out, paint, print } from './io.ts';
import { clip, padEnd, padStart, widthOf } from './terminal.ts';

export interface Column {
  head: string;
  cells: string[];
  /** Numbers stand at the right. */
  right?: boolean;
  /** The lower, the sooner it is left out on a narrow terminal; without it the column stays. */
  drop?: number;
}

const GAP = '  ';

/** Columns stay aligned whatever the width; what does not fit is left out column by column, and cut only at last. */
export function printTable(columns: Column[], width: number): void {
  let shown = columns;
  while (widthOfTable(shown) > width) {
    const next = shown.filter(({ drop }) => drop !== undefined).sort((a, b) => a.drop! - b.drop!)[0];
    if (next === undefined) break;
    shown = shown.filter((column) => column !== next);
  }
  const line = (cell: (column: Column) => string): string => shown.map((column) => (column.right ? padStart : padEnd)(cell(column), widthOfColumn(column))).join(GAP).trimEnd();
  const cut = (text: string): string => (out.interactive ? clip(text, width) : text);
  print(paint.dim(cut(line(({ head }) => head))));
  for (const index of columns[0]!.cells.keys()) print(cut(line(({ cells }) => cells[index]!)));
}

function widthOfColumn({ head, cells }: Column): number {
  return cells.reduce((most, cell) => Math.max(most, widthOf(cell)), widthOf(head));
}

function widthOfTable(columns: Column[]): number {
  return columns.reduce((sum, column) => sum + widthOfColumn(column), GAP.length * (columns.length - 1));
}
