/** `tuning-fork runs export`: a run, or some of its rollouts, as a file or on standard output. */
import { existsSync } from 'node:fs';
import { dirname, extname, resolve } from 'node:path';
import { Writable } from 'node:stream';
import { TuningForkError } from '../../protocol/errors.ts';
import type { ExportChoice } from '../../protocol/viewer.ts';
import { EXPORT_FORMATS, type ExportFormat } from '../../trace/export.ts';
import { openRunReader } from '../../trace/index.ts';
import { exportChosen, mistakeIn, type Exported } from '../../view/export.ts';
import type { FilterMistake } from '../../view/filter.ts';
import type { Args } from '../args.ts';
import { runNamed } from '../find-run.ts';
import { count } from '../format.ts';
import { isReaderGone, onInterrupt } from '../interrupt.ts';
import { err, errPaint, EXIT, note, paint, print, printJson } from '../io.ts';
import { plural, t } from '../l10n.ts';
import { LiveRegion } from '../live-region.ts';
import { nearby, warn } from '../report.ts';

const DRAWN_MS = 100;

export async function exportTo(args: Args, name = 'latest'): Promise<number> {
  const to = args.text('to') === undefined ? undefined : resolve(args.text('to')!);
  const format = formatOf(args, to);
  const choice: ExportChoice = { format, what: (args.text('what') ?? (format === 'jsonl' ? 'records' : 'rollouts')) as ExportChoice['what'], filter: args.text('filter') };
  if (choice.what === 'records' && format !== 'jsonl') throw new TuningForkError('usage', t('Whole records are no table, so they can\'t be {0}.', format), { next: t('Take --format jsonl, or --what rollouts or tokens.') });
  if (to === undefined && format !== 'jsonl' && args.on('json')) throw new TuningForkError('usage', t('--json and --format {0} contradict each other.', format), { next: t('Leave one of them out, or name a file: --to {0}', `rollouts.${format}`) });
  if (to === undefined && format === 'parquet' && process.stdout.isTTY) throw new TuningForkError('usage', t('Parquet is nothing for a terminal.'), { next: t('Name a file: --to {0}', 'rollouts.parquet') });
  if (to !== undefined && existsSync(to) && !args.on('force')) throw new TuningForkError('usage', t('{0} is there already.', nearby({ file: to }).file), { next: t('Choose another name, or replace it with --force.') });
  if (to !== undefined && !existsSync(dirname(to))) throw new TuningForkError('usage', t('There is no folder {0}.', nearby({ file: dirname(to) }).file), { next: t('Make it first, or name a file in another folder.') });
  const { dir } = await runNamed(args, name);
  const reader = await openRunReader(dir);
  if (choice.filter !== undefined) checkFilter(choice.filter, mistakeIn(choice.filter, reader));
  const ending = new AbortController();
  using _interrupt = onInterrupt(() => ending.abort());
  const region = to !== undefined && err.interactive ? new LiveRegion(err) : undefined;
  let drawn = 0;
  let exported: Exported;
  try {
    exported = await exportChosen(reader, to ?? throughStdout(), choice, {
      overwrite: args.on('force'), signal: ending.signal,
      progress: (done, total) => {
        if (performance.now() - drawn < DRAWN_MS) return;
        drawn = performance.now();
        region?.draw([`${t('{0} of {1} rollouts', count(done), count(total))}`]);
      },
    });
  } catch (error) {
    if (!ending.signal.aborted) throw error;
    region?.clear();
    if (to === undefined && isReaderGone()) return EXIT.ok;
    note(to === undefined ? t('Cancelled.') : t('Cancelled: nothing was written.'));
    return EXIT.cancelled;
  } finally {
    region?.clear();
  }
  return tell(args, to, choice, exported);
}

function formatOf(args: Args, to: string | undefined): ExportFormat {
  const asked = args.text('format') as ExportFormat | undefined;
  if (asked !== undefined || to === undefined) return asked ?? 'jsonl';
  const ending = extname(to).slice(1).toLowerCase();
  const known = EXPORT_FORMATS.find((format) => format === ending);
  if (known === undefined) throw new TuningForkError('usage', t('The end of "{0}" names no format.', to), { next: t('End it in {0}, or give --format.', EXPORT_FORMATS.map((format) => `.${format}`).join(', ')) });
  return known;
}

function checkFilter(filter: string, mistake: FilterMistake | undefined): void {
  if (mistake === undefined) return;
  const { at, length, problem, text } = mistake;
  const wrong: Record<FilterMistake['problem'], string> = {
    unexpected: t('"{0}" is not expected here.', text), unknown: t('"{0}" is no column and no flag.', text), value: t('"{0}" is no value for this column.', text),
    operator: t('A comparison such as < or = belongs here.'), end: t('The filter ends too early.'), close: t('A ")" is missing.'), quote: t('A closing quote is missing.'),
  };
  throw new TuningForkError('usage', `--filter: ${wrong[problem]}\n    ${filter}\n    ${' '.repeat(at)}${'^'.repeat(Math.max(1, Math.min(length, filter.length - at)))}`, { next: t('For example: {0}', '--filter "reward < 0.5 and step > 10 and truncated"') });
}

/** The export ends its stream, and ours must stay open. */
function throughStdout(): Writable {
  return new Writable({ write: (chunk: Buffer, _encoding, done) => void process.stdout.write(chunk, done) });
}

function tell(args: Args, to: string | undefined, { what, format }: ExportChoice, { rollouts, rows, problems }: Exported): number {
  warn(problems);
  if (to !== undefined && args.on('json')) printJson({ type: 'exported', file: to, what, format, rollouts, rows });
  else if (to !== undefined) print(`${paint.green('✓')} ${what === 'tokens' ? t('{0} of {1} written to {2}', plural(rows, '{0} token', '{0} tokens'), plural(rollouts, '{0} rollout', '{0} rollouts'), nearby({ file: to }).file) : t('{0} written to {1}', plural(rollouts, '{0} rollout', '{0} rollouts'), nearby({ file: to }).file)}`);
  if (problems.length === 0) return EXIT.ok;
  note(errPaint.yellow(t('{0} exported; {1} could not be read.', plural(rollouts, '{0} rollout', '{0} rollouts'), count(problems.length))));
  return EXIT.failed;
}
