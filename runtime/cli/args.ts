/** Options of a command: parsed and checked from one table. */
import { existsSync } from 'node:fs';
import { parseArgs, type ParseArgsConfig } from 'node:util';
import { TuningForkError } from '../protocol/errors.ts';
import { nearest } from '../protocol/suggest.ts';
import { t } from './l10n.ts';

export interface Option {
  /** Placeholder of its value in the help; absent for a switch. */
  value?: string;
  short?: string;
  help: string;
  choices?: readonly string[];
  number?: NumberOption;
  many?: boolean;
  required?: boolean;
}

export interface NumberOption {
  integer: boolean;
  least: number;
}

export type Options = Record<string, Option>;

export interface Command {
  /** Empty for the call without a command. */
  name: string;
  summary: string;
  /** What follows the name, as in `runs show`; empty where there is nothing. */
  usage: string;
  /** Sentences under the summary in `--help`. */
  about?: string[];
  examples?: string[];
  options: Options;
  /** How many words may stand without an option name. */
  words?: { least: number; most: number };
  run(args: Args): Promise<number>;
}

/** What `init` calls its configuration; where it is, it need not be named. */
export const DEFAULT_CONF = 'tuning-fork.yaml';

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

  /** Of an option that may be given more than once, each as it was written. */
  each(name: string): string[] {
    return (this.values[name] as string[] | undefined) ?? [];
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

export const wholeNumber = (least: number): NumberOption => ({ integer: true, least });

export function parse(command: Command, argv: string[]): Args {
  // Whoever asks for help has something wrong, or not all of it yet.
  if (argv.includes('--help') || argv.includes('-h')) return new Args([], { help: true });
  const options: Options = { ...command.options, ...commonOptions };
  const { values, positionals } = split(command, options, argv);
  const args = new Args(positionals, values);
  if (command.options.conf?.required && values.conf === undefined && positionals.length === 0 && existsSync(DEFAULT_CONF)) values.conf = DEFAULT_CONF;
  const yaml = positionals.find((word) => /\.ya?ml$/.test(word));
  if (options.conf !== undefined && values.conf === undefined && yaml !== undefined) throw usageError(command, t('The configuration follows --conf.'), t('Did you mean --conf {0}?', yaml));
  for (const [name, option] of Object.entries(options)) check(command, name, option, values[name]);
  const { least, most } = command.words ?? { least: 0, most: 0 };
  if (args.words.length < least) throw usageError(command, t('Something is missing: {0}', called(command)));
  const extra = args.words[most];
  const named = extra !== undefined && (values.resume === true || values.watch === true) && values.run === undefined;
  if (extra !== undefined) throw usageError(command, t('"{0}" is one word too many.', extra), named ? t('Did you mean --run {0}?', extra) : undefined);
  return args;
}

function split(command: Command, options: Options, argv: string[]): { values: Record<string, unknown>; positionals: string[] } {
  const config: NonNullable<ParseArgsConfig['options']> = {};
  for (const [name, option] of Object.entries(options)) {
    config[name] = { type: option.value === undefined ? 'boolean' : 'string', ...(option.short && { short: option.short }), ...(option.many && { multiple: true }) };
  }
  try {
    return parseArgs({ args: joinNegatives(options, argv), options: config, allowPositionals: true, strict: true });
  } catch (error) {
    throw usageError(command, explain(error as Error & { code: string }, options));
  }
}

/** `--temperature -1` is a number that is too small, not an unknown option. */
function joinNegatives(options: Options, argv: string[]): string[] {
  const joined: string[] = [];
  for (const word of argv) {
    const before = joined.at(-1);
    const option = before === undefined ? undefined : Object.entries(options).find(([name, { short }]) => before === `--${name}` || before === `-${short}`);
    if (option?.[1].number !== undefined && /^-[\d.]/.test(word)) joined.splice(-1, 1, `--${option[0]}=${word}`);
    else joined.push(word);
  }
  return joined;
}

function check(command: Command, name: string, option: Option, value: unknown): void {
  if (value === undefined) {
    if (option.required) throw usageError(command, t('--{0} <{1}> is missing.', name, option.value ?? ''));
    return;
  }
  if (option.number !== undefined) {
    const { integer, least } = option.number;
    const number = Number(value);
    const fits = String(value).trim() !== '' && Number.isFinite(number) && number >= least && (!integer || Number.isSafeInteger(number));
    if (!fits) throw usageError(command, integer ? t('--{0} takes a whole number from {1} on, not "{2}".', name, least, String(value)) : t('--{0} takes a number from {1} on, not "{2}".', name, least, String(value)));
  }
  if (option.value === 'file->name' && /\.[cm]?[jt]sx?-$/.test(String(value))) {
    throw usageError(command, t('--{0} ends at "{1}": the shell took the > after it and wrote to a file instead.', name, String(value)), process.platform === 'win32'
      // Of one in quotes without a blank, PowerShell hands on the word alone, and a .cmd behind it takes it apart.
      ? t('Put it in quotes: --{0} "{1}>name", and in PowerShell in these as well: --{0} \'"{1}>name"\'', name, String(value))
      : t('Put it in quotes: --{0} "{1}>name"', name, String(value)));
  }
  if (option.choices !== undefined && !option.choices.includes(String(value))) {
    const meant = nearest(String(value), option.choices);
    throw usageError(command, meant === undefined
      ? t('--{0} is one of {1}, not "{2}".', name, option.choices.join(', '), String(value))
      : t('--{0} is one of {1}; did you mean "{2}"?', name, option.choices.join(', '), meant));
  }
}

function explain({ code, message }: Error & { code: string }, options: Options): string {
  const word = /'(-[^']*)'/.exec(message)?.[1]?.replace(/ <value>$/, '') ?? '';
  if (code === 'ERR_PARSE_ARGS_UNKNOWN_OPTION') {
    const meant = nearest(word.replace(/^-+/, ''), Object.keys(options));
    return meant === undefined ? t('There is no option {0}.', word) : t('There is no option {0}; did you mean --{1}?', word, meant);
  }
  const name = /--([\w-]+)/.exec(word)?.[1] ?? '';
  const value = options[name]?.value;
  return value === undefined ? t('--{0} takes no value.', name) : t('--{0} needs a value: --{0} <{1}>', name, options[name]?.choices?.join('|') ?? value);
}

function usageError(command: Command, message: string, next = t('Run "{0}".', `${['tuning-fork', command.name].filter(Boolean).join(' ')} --help`)): TuningForkError {
  return new TuningForkError('usage', message, { next });
}

/** As it is typed: `tuning-fork runs list | show <run>`. */
export function called({ name, usage }: Command): string {
  return ['tuning-fork', name, usage.replace('[options]', `[${t('options')}]`)].filter(Boolean).join(' ');
}
