import { mkdirSync, writeFileSync } from 'node:fs';

/** One line of a `jsonl_dataset_file`. */
export interface Row {
  task_id: string;
  main_query: string;
  metadata: Record<string, unknown>;
}

export function writeRows(file: URL, rows: readonly Row[]): void {
  mkdirSync(new URL('.', file), { recursive: true });
  writeFileSync(file, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  console.log(`${rows.length} rows -> ${file.pathname}`);
}
