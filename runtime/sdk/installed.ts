/** Packages of the user's project: found from its files, checked, and loaded without a promise. */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { TuningForkError, type Place } from '../protocol/errors.ts';

const { createRequire, registerHooks } = process.getBuiltinModule('node:module');

export interface Wanted {
  /** As people say it. */
  framework: string;
  /** What is imported: a package, or a path in one. */
  specifier: string;
  /** Which majors are known to work (below 1, a minor is one), newest last. */
  majors: readonly string[];
  /** What to type where something is missing. */
  install: string;
  /** What must be exported. */
  exports: string;
}

/** The export as the project's own `import` gets it: the same class. `from`: a file of the project. */
export function loadInstalled(wanted: Wanted, from: string, where: Place | undefined): unknown {
  const name = packageOf(wanted.specifier);
  let path: string;
  try {
    path = resolveFrom(wanted.specifier, from);
  } catch {
    throw new TuningForkError('workflow', `${wanted.framework} needs the package ${name}, which is not installed here.`, { where, next: `Run "${wanted.install}" in ${dirname(from)}.` });
  }
  const version = versionOf(name, path);
  if (!wanted.majors.some((major) => version.startsWith(`${major}.`))) {
    throw new TuningForkError('workflow', `${name} ${version} is installed here, and ${wanted.framework} is supported with ${wanted.majors.map((one) => `${one}.x`).join(', ')}.`, {
      where, next: `Run "${wanted.install}" in ${dirname(from)}, or use { baseURL, apiKey, model } of the tuner with it.`,
    });
  }
  const found = load(path, wanted, where, from)[wanted.exports];
  if (typeof found === 'function') return found;
  throw new TuningForkError('workflow', `${name} ${version} has no ${wanted.exports}.`, { where, next: `Run "${wanted.install}" in ${dirname(from)}.` });
}

/** The major of a package that the project has, if it has it. */
export function installedMajor(name: string, from: string): number | undefined {
  try {
    return Number.parseInt(versionOf(name, resolveFrom(name, from)), 10);
  } catch {
    return undefined;
  }
}

function load(path: string, wanted: Wanted, where: Place | undefined, from: string): Record<string, unknown> {
  try {
    return createRequire(import.meta.url)(path) as Record<string, unknown>;
  } catch (error) {
    const missing = /Cannot find (?:package|module) '([^']+)'/.exec((error as Error).message)?.[1];
    throw new TuningForkError('workflow', missing === undefined
      ? `${wanted.specifier} could not be loaded: ${(error as Error).message}`
      : `${wanted.specifier} needs the package ${packageOf(missing)}, which is not installed here.`, { where, cause: error, next: `Run "${wanted.install}" in ${dirname(from)}.` });
  }
}

const MARK = 'tuning-fork-installed:';

/** `import.meta.resolve` for another file than this one; Node has it only behind a flag. */
function resolveFrom(specifier: string, file: string): string {
  const parentURL = pathToFileURL(file).href;
  const hooks = registerHooks({
    resolve: (asked, context, next) => (asked === MARK + specifier ? next(specifier, { ...context, parentURL }) : next(asked, context)),
  });
  try {
    return fileURLToPath(import.meta.resolve(MARK + specifier));
  } finally {
    hooks.deregister();
  }
}

function packageOf(specifier: string): string {
  return specifier.split('/').slice(0, specifier.startsWith('@') ? 2 : 1).join('/');
}

/** Read beside the file that was found: many packages don't export their package.json. */
function versionOf(name: string, path: string): string {
  for (let dir = dirname(path); dir !== dirname(dir); dir = dirname(dir)) {
    try {
      const told = JSON.parse(readFileSync(join(dir, 'package.json'), 'utf8')) as { name?: string; version?: string };
      if (told.name === name && told.version !== undefined) return told.version;
    } catch {
      // Most folders have none.
    }
  }
  return 'of an unknown version';
}
