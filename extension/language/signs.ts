/** Cheap looks at a file, before anything large is loaded to read it. */
import { basename } from 'node:path';

export const PROGRAMS = ['ts', 'tsx', 'mts', 'cts'];
export const CONFIGS = ['yaml', 'yml'];

const PROGRAM = new RegExp(`\\.(?:${PROGRAMS.join('|')})$`, 'i');
const CONFIG = new RegExp(`\\.(?:${CONFIGS.join('|')})$`, 'i');
const ROOT = /^\uFEFF?(?:tuning_fork|ajet|astuner)[ \t]*:/m;
const PACKAGE = 'tuning-fork';

export function isProgram(file: string): boolean {
  return PROGRAM.test(file) && !/\.d\.[cm]?ts$/i.test(file);
}

export function isYaml(file: string): boolean {
  return CONFIG.test(file);
}

export function mentionsUs(text: string | Buffer): boolean {
  return text.includes(PACKAGE);
}

/** One of ours by a root at the start of a line, or by its name while it is still empty. */
export function isConfig(file: string, text: string): boolean {
  return ROOT.test(text) || /^tuning-fork\.ya?ml$/i.test(basename(file));
}
