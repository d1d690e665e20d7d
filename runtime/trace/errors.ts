import { TuningForkError } from '../protocol/errors.ts';
import { describe } from './check.ts';
import type { Problem } from './check.ts';

const SYSTEM: Record<string, { sentence: string; next: string }> = {
  ENOSPC: { sentence: 'the disk is full (ENOSPC)', next: 'Free some space and start again; nothing that was acknowledged is lost.' },
  EDQUOT: { sentence: 'your disk quota is used up (EDQUOT)', next: 'Free some space and start again; nothing that was acknowledged is lost.' },
  EROFS: { sentence: 'the file system is read-only (EROFS)', next: 'Choose a folder that can be written; experiment_dir says where runs are kept.' },
  EACCES: { sentence: 'this user may not (EACCES)', next: 'Check the permissions of the folder, or choose another; experiment_dir says where runs are kept.' },
  EPERM: { sentence: 'this user may not (EPERM)', next: 'Check the permissions of the folder, or choose another; experiment_dir says where runs are kept.' },
  ENOTDIR: { sentence: 'a part of the path is a file, not a folder (ENOTDIR)', next: 'Choose another folder.' },
  EMFILE: { sentence: 'too many files are open (EMFILE)', next: 'Raise the limit of open files (ulimit -n).' },
  ENOENT: { sentence: 'it is not there (ENOENT)', next: 'Check the path; it may have been moved or deleted.' },
};

/** One clear sentence for what the system said. Anything of ours passes as it is. */
export function fileError(action: 'read' | 'write' | 'create' | 'delete', file: string, cause: unknown): TuningForkError {
  if (cause instanceof TuningForkError) return cause;
  return new TuningForkError('trace', `Cannot ${action} ${file}: ${reasonOf(cause)}.`, { next: SYSTEM[codeOf(cause)]?.next, where: { file }, cause });
}

/** What the system said, in words. */
export function reasonOf(cause: unknown): string {
  return SYSTEM[codeOf(cause)]?.sentence ?? (cause instanceof Error ? cause.message : String(cause));
}

/** Whether there are words for what the system said. */
export function hasWords(code: string | undefined): boolean {
  return code !== undefined && Object.hasOwn(SYSTEM, code);
}

function codeOf(cause: unknown): string {
  return (cause as NodeJS.ErrnoException).code ?? '';
}

export function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException | undefined)?.code === 'ENOENT';
}

/** What a damaged file says: which file, which record, why. The rest of the file stays readable. */
export function damaged(file: string, place: string, cause: string): TuningForkError {
  return new TuningForkError('trace', `${place} of ${file} cannot be read: ${cause}.`, {
    next: 'The other records are not affected.', where: { file },
  });
}

export function refused(what: string, found: Problem): TuningForkError {
  return new TuningForkError(found.code, `${what} is not written: ${describe(found)}.`, {
    next: found.code === 'non-finite' ? 'Find where the number is made; a missing log-probability is left out, never made up.' : undefined,
  });
}
