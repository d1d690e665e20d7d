import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { errorInfo, TuningForkError } from '../../protocol/errors.ts';
import type { Command } from '../args.ts';
import { asWord, COMMAND } from '../invocation.ts';
import { EXIT, out, paint, print, printJson } from '../io.ts';
import { plural, t } from '../l10n.ts';
import { inOurWords } from '../report.ts';
import { reasonOf } from '../../trace/errors.ts';
import type { Migration, Verdict } from '../migrate/migrate.ts';
import { padEnd, widthOf, wrap } from '../terminal.ts';

const SIGNS: Readonly<Record<Verdict, string>> = { same: paint.green('✓'), renamed: paint.green('→'), 'by-hand': paint.yellow('!'), 'no-effect': paint.dim('–'), unknown: paint.red('?') };

export const migrate: Command = {
  name: 'migrate',
  summary: 'Take over a configuration of AgentJet, ASTuner or Trinity-RFT, and say what becomes of every key',
  usage: '<yaml> [--to <yaml>] [--workflow <file->name>]',
  about: [
    'AgentJet’s key names are ours, so most of a file stays as it is. Nothing is written without --to; comments of the file are kept.',
    'The workflow itself has to be written in TypeScript; MIGRATION.md has both side by side.',
  ],
  examples: ['tuning-fork migrate tutorial/math_agent.yaml', 'tuning-fork migrate math_agent.yaml --to math-agent.yaml --workflow "workflow.ts->MathAgent"'],
  options: {
    to: { value: 'yaml', help: 'Write the configuration to this file, which must not be there yet' },
    workflow: { value: 'file->name', help: 'The class or function that takes the place of the Python workflow' },
  },
  words: { least: 1, most: 1 },
  run: async (args) => {
    const { migrate: read } = await import('../migrate/migrate.ts');
    const file = args.words[0]!;
    const to = args.text('to');
    const move = to === undefined ? undefined : { from: resolve(dirname(file)), to: resolve(dirname(to)), cwd: process.cwd() };
    const migration = read(await text(file), file, { workflow: args.text('workflow'), move });
    if (to !== undefined) await write(to, migration.yaml);
    if (args.on('json')) printJson({ type: 'migration', ...migration, ...(to !== undefined && { to }) });
    else tell(migration, file, to);
    return EXIT.ok;
  },
};

function tell({ from, keys, yaml }: Migration, file: string, to: string | undefined): void {
  const column = Math.min(56, Math.max(0, ...keys.map(({ key }) => widthOf(key))));
  print(`${paint.bold(file)} ${paint.dim(`(${from})`)}`);
  for (const { key, verdict, to: name, why } of keys) {
    const what = [name !== undefined && `→ ${name}`, why, verdict === 'no-effect' && t('no effect here'), verdict === 'unknown' && t('not a key of it')].filter((part) => typeof part === 'string').join('  ');
    const [first = '', ...rest] = why === undefined ? [what] : wrap(what, Math.max(40, out.width - column - 6));
    print(`  ${SIGNS[verdict]} ${padEnd(key, column)}  ${verdict === 'no-effect' ? paint.dim(first) : first}`.trimEnd());
    for (const line of rest) print(`${' '.repeat(column + 6)}${line}`);
  }
  const count = (...verdicts: Verdict[]): number => keys.filter(({ verdict }) => verdicts.includes(verdict)).length;
  print();
  print(t('{0}: {1} that count, {2} to decide, {3} without effect here, {4} unknown.', plural(keys.length, '{0} key', '{0} keys'), count('same', 'renamed'), count('by-hand'), count('no-effect'), count('unknown')));
  if (to !== undefined) print(t('Written to {0}. Next: {1}', to, `${COMMAND} check --conf ${asWord(to)}`));
  else print(paint.dim(t('Write it ({0} lines) with --to <yaml>.', yaml.split('\n').length - 1)));
}

async function text(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new TuningForkError('usage', t('{0} can’t be read: {1}', file, (error as NodeJS.ErrnoException).code === 'ENOENT' ? t('there is no such file') : (error as Error).message));
  }
}

async function write(to: string, yaml: string): Promise<void> {
  try {
    await writeFile(to, yaml, { flag: 'wx' });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' && !existsSync(dirname(to))) throw new TuningForkError('usage', t('There is no folder {0}.', dirname(to)));
    if (code !== 'EEXIST') throw new TuningForkError('usage', t('{0} can’t be written: {1}.', to, inOurWords(errorInfo(reasonOf(error))).message), { cause: error });
    throw new TuningForkError('usage', t('{0} is there already.', to), { next: t('Name another file, or delete it first.') });
  }
}
