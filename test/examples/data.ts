import { readFileSync } from 'node:fs';
import type { Row } from '../../examples/rows.ts';

export function committedRows(example: string, split: string): Row[] {
  const file = new URL(`../../examples/${example}/data/${split}.jsonl`, import.meta.url);
  return readFileSync(file, 'utf8').trimEnd().split('\n').map((line) => JSON.parse(line) as Row);
}
