/** How this command is called here, so that what we tell people to type works when they paste it. */
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

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
