/** Options of a command: parsed, checked and explained from one table. */
import { parseArgs, type ParseArgsConfig } from 'node:util';
import { TuningForkError } from '../protocol/errors.ts';
import { nearest } from '../protocol/suggest.ts';
import { t } from './l10n.ts';
import { padEnd, type Paint } from './terminal.ts';

export interface Option {
  /** Placeholder of its value in the help; absent for a switch. */
  value?: string;
  short?: string;
  help: string;
  choices?: readonly string[];
  number?: 'integer' | 'real';
  many?: boolean;
  required?: boolean;
}

export type Options = Record<string, Option>;

export interface Command {
  name: string;
  summary: string;
  /** What follows the name, as in `runs show`. */
  usage: string;
  /** Sentences under the summary in `--help`. */
  about?: string[];
  examples?: string[];
  options: Options;
  /** How many words may stand without an option name. */
  words?: { least: number; most: number };
  run(args: Args): Promise<number>;
}

export class Args {
  readonly words: string[];
  private readonly values: Record<string, unknown>;

  constructor(words: string[], values: Record<string, unknown>) {
    this.words = words;
    this.values = values;
  }

  text(name: string): string | undefined {
    return this.values[name] as string | undefined;
  }

  list(name: string): string[] | undefined {
    const value = this.values[name] as string[] | undefined;
    return value?.flatMap((each) => each.split(',')).map((each) => each.trim()).filter((each) => each !== '');
  }

  number(name: string): number | undefined {
    const value = this.text(name);
    return value === undefined ? undefined : Number(value);
  }

  on(name: string): boolean {
    return this.values[name] === true;
  }
}

/** Every command has these. */
export const commonOptions: Options = {
  help: { short: 'h', help: 'Show this help' },
  json: { help: 'Print one JSON object per line, for machines' },
  project: { value: 'dir', help: 'Project folder (default: the nearest one upwards with a package.json)' },
};

export function parse(command: Command, argv: string[]): Args {
  const options: Options = { ...command.options, ...commonOptions };
  const config: NonNullable<ParseArgsConfig['options']> = {};
  for (const [name, option] of Object.entries(options)) {
    config[name] = { type: option.value === undefined ? 'boolean' : 'string', ...(option.short && { short: option.short }), ...(option.many && { multiple: true }) };
  }
  let parsed;
  try {
    parsed = parseArgs({ args: argv, options: config, allowPositionals: true, strict: true });
  } catch (error) {
    throw usageError(command, explain(error as Error & { code: string }, Object.keys(options)));
  }
  const args = new Args(parsed.positionals, parsed.values);
  if (args.on('help')) return args;
  for (const [name, option] of Object.entries(options)) check(command, name, option, parsed.values[name]);
  const { least, most } = command.words ?? { least: 0, most: 0 };
  if (args.words.length < least) throw usageError(command, t('{0} needs {1}.', command.name, command.usage));
  if (args.words.length > most) throw usageError(command, t('"{0}" is one word too many.', args.words[most]!));
  return args;
}

function check(command: Command, name: string, option: Option, value: unknown): void {
  if (value === undefined) {
    if (option.required) throw usageError(command, t('--{0} is missing.', name));
    return;
  }
  if (option.number !== undefined) {
    const number = Number(value);
    const fits = String(value).trim() !== '' && Number.isFinite(number) && number >= 0 && (option.number === 'real' || Number.isInteger(number));
    if (!fits) throw usageError(command, t('--{0} takes a number, not "{1}".', name, String(value)));
  }
  if (option.choices !== undefined && !option.choices.includes(String(value))) {
    throw usageError(command, t('--{0} is one of {1}, not "{2}".', name, option.choices.join(', '), String(value)));
  }
}

function explain(error: Error & { code: string }, names: string[]): string {
  const unknown = /'(-[^']*)'/.exec(error.message)?.[1];
  if (error.code === 'ERR_PARSE_ARGS_UNKNOWN_OPTION' && unknown !== undefined) {
    const meant = nearest(unknown.replace(/^-+/, ''), names);
    return meant === undefined ? t('There is no option {0}.', unknown) : t('There is no option {0}; did you mean --{1}?', unknown, meant);
  }
  return error.message.split('\n')[0]!;
}

function usageError(command: Command, message: string): TuningForkError {
  return new TuningForkError('usage', message, { next: t('Run "tuning-fork {0} --help".', command.name) });
}

export function helpOf(command: Command, paint: Paint): string {
  const row = ([name, option]: [string, Option]): [string, string] => [
    `${option.short === undefined ? '    ' : `-${option.short}, `}--${name}${option.value === undefined ? '' : ` <${option.choices?.join('|') ?? option.value}>`}`,
    t(option.help),
  ];
  const rows = [...Object.entries(command.options), ...Object.entries(commonOptions)].map(row);
  const width = Math.min(38, Math.max(...rows.map(([left]) => left.length)));
  return [
    t(command.summary),
    ...(command.about ?? []).map((line) => t(line)),
    '',
    `${paint.bold(t('Usage:'))} tuning-fork ${command.name} ${command.usage}`,
    '',
    paint.bold(t('Options:')),
    ...rows.map(([left, right]) => (left.length > width ? `  ${left}\n  ${' '.repeat(width)}  ${right}` : `  ${padEnd(left, width)}  ${right}`)),
    ...(command.examples === undefined ? [] : ['', paint.bold(t('Examples:')), ...command.examples.map((line) => `  ${line}`)]),
    '',
  ].join('\n');
}
