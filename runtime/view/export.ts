/** A run as a file, the way a person chose it: which rollouts, with the text of their tokens and what the training made of them. */
import type { Writable } from 'node:stream';
import { fromErrorInfo, TuningForkError, type ErrorInfo } from '../protocol/errors.ts';
import type { RunInfo } from '../protocol/trace.ts';
import type { ExportChoice } from '../protocol/viewer.ts';
import { exportRun, type Exported, type ExportOptions } from '../trace/export.ts';
import { safeName } from '../trace/layout.ts';
import type { RunReader } from '../trace/index.ts';
import { parseFilter, type FilterMistake } from './filter.ts';
import { advantagesOf } from './learned.ts';
import { RolloutTable } from './rollout-table.ts';
import { rolloutColumns, type Advantages } from './rollouts.ts';
import { vocabularyOfRun } from './vocabulary.ts';

export type { Exported };

/** What it is called where nobody said. A run that somebody else made may be named like a path. */
export function fileNameOf({ run }: RunInfo, { what, format }: Pick<ExportChoice, 'what' | 'format'>): string {
  return `${safeName(run)}${what === 'records' ? '' : `-${what}`}.${format}`;
}

export async function exportChosen(run: RunReader, out: string | Writable, { what, format, filter = '', rollouts }: ExportChoice, options: Pick<ExportOptions, 'overwrite' | 'signal' | 'progress'> = {}): Promise<Exported> {
  const problems: ErrorInfo[] = [];
  const advantages = await advantagesOf(run.dir);
  const vocabulary = what === 'tokens' ? await vocabularyOfRun(run, problems) : undefined;
  const named = rollouts === undefined ? undefined : new Set(rollouts);
  const chosen = filter === '' && named === undefined ? undefined : placesOf(tableOf(run, advantages), filter, named);
  const exported = await exportRun(run, out, { ...options, what, format, advantages, vocabulary, ...(chosen !== undefined && { rollouts: chosen }) });
  return { ...exported, problems: [...problems.map(fromErrorInfo), ...exported.problems] };
}

/** What is wrong with a filter, going by the columns and flags of this run. */
export function mistakeIn(filter: string, run: RunReader): FilterMistake | undefined {
  const parsed = parseFilter(filter, tableOf(run, new Map()));
  return 'mistake' in parsed ? parsed.mistake : undefined;
}

function tableOf(run: RunReader, advantages: Advantages): RolloutTable {
  const table = new RolloutTable();
  table.append(rolloutColumns(run, 0, advantages));
  return table;
}

function placesOf(table: RolloutTable, expression: string, named: ReadonlySet<string> | undefined): number[] {
  const filter = parseFilter(expression, table);
  if ('mistake' in filter) {
    const { problem, at, text } = filter.mistake;
    throw new TuningForkError('usage', `The filter "${expression}" can't be used, see its character ${at + 1}: ${WRONG[problem].replace('{0}', text)}.`, { next: 'For example: reward < 0.5 and step > 10 and truncated' });
  }
  return Array.from({ length: table.count }, (_, row) => row).filter((row) => filter.test(row) && (named === undefined || named.has(table.ids[row]!)));
}

const WRONG: Record<FilterMistake['problem'], string> = {
  unexpected: '"{0}" is not expected there', unknown: '"{0}" is no column and no flag', value: '"{0}" is no value for this column',
  operator: 'a comparison such as < or = belongs there', end: 'it ends too early', close: 'a ")" is missing', quote: 'a closing quote is missing',
};
