import { formatError, TuningForkError, type ErrorInfo } from '../protocol/errors.ts';

/** Everything that is wrong with a configuration, told at once and in the order of the file. */
export class ConfigError extends TuningForkError {
  readonly errors: readonly ErrorInfo[];

  constructor(errors: readonly ErrorInfo[]) {
    const ordered = errors.toSorted((a, b) => (a.where?.line ?? 0) - (b.where?.line ?? 0) || (a.where?.column ?? 0) - (b.where?.column ?? 0));
    const only = ordered.length === 1 ? ordered[0] : undefined;
    super('config', only?.message ?? `The configuration has ${ordered.length} mistakes:\n${ordered.map(inList).join('\n')}`, { next: only?.next, where: only?.where });
    this.name = 'ConfigError';
    this.errors = ordered;
  }
}

function inList(error: ErrorInfo): string {
  // The sentence names the key already.
  const where = error.where && { ...error.where, key: undefined };
  return `  ${formatError({ ...error, where }).replaceAll('\n', '\n  ')}`;
}
