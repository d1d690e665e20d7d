/** How this command is called here, so that what we tell people to type works when they paste it. */
import { existsSync } from 'node:fs';
import { delimiter, isAbsolute, join, relative } from 'node:path';
import type { TuningForkConfig } from '../protocol/config.ts';
import type { RunInfo } from '../protocol/trace.ts';

const installed = process.env.npm_command === undefined
  && (process.env.PATH ?? '').split(delimiter).some((dir) => dir !== '' && existsSync(join(dir, process.platform === 'win32' ? 'tuning-fork.cmd' : 'tuning-fork')));

export const COMMAND = installed ? 'tuning-fork' : 'npx tuning-fork';

/** Sentences say `tuning-fork`; a person who has it through npx must type more. */
export function asTyped(text: string): string {
  return text.replace(/(?<!npx )\btuning-fork(?= (?:init|rollout|train|replay|rejudge|check|serve|eval|gpu|runs|view|test|migrate|export-policy|status|stop|-))/g, COMMAND);
}

/** A word to type: in quotes where a shell would take it apart. */
export function asWord(word: string, windows = process.platform === 'win32'): string {
  if (/^[\p{L}\p{N}_@%+=:,./\\-]+$/u.test(word) && (windows || !word.includes('\\'))) return word;
  return windows ? `"${word}"` : `'${word.replaceAll("'", "'\\''")}'`;
}

/** What names the configuration of a run; and its workflow where that came from the command line and not from there: its file is absolute then. */
export function confWords({ conf, config }: Pick<RunInfo, 'conf' | 'config'>): string {
  const [file = '', name] = (config as unknown as TuningForkConfig).rollout.user_workflow.split('->');
  return `--conf ${asWord(shown(conf))}${isAbsolute(file) ? ` --workflow ${asWord(`${shown(file)}->${name}`)}` : ''}`;
}

/** A path as it is typed here. */
export function shown(path: string): string {
  const near = relative(process.cwd(), path);
  return near.startsWith('..') ? path : near;
}
