/** Roles that are to be trained are checked against those the workflow asks models in, before anything of it runs. */
import { readFile } from 'node:fs/promises';
import { TuningForkError, type Place } from '../protocol/errors.ts';
import { didYouMean } from '../protocol/suggest.ts';
import type { WorkerLoad } from '../protocol/worker.ts';

/** `where`: the key that names them; absent for a command. */
export async function checkTrainedRoles({ workflow: { file, className }, trainableTargets }: Pick<WorkerLoad, 'workflow' | 'trainableTargets'>, where: Place | undefined): Promise<void> {
  if (trainableTargets === undefined) return;
  const { rolesAsked } = await import('../contracts/roles.ts');
  const roles = rolesAsked(await readFile(file, 'utf8'), file, className);
  if (roles === undefined || roles.length === 0) return;
  for (const role of trainableTargets) {
    if (!roles.includes(role)) throw noSuchRole(role, roles, className, where);
  }
}

function noSuchRole(role: string, roles: readonly string[], workflow: string, where: Place | undefined): TuningForkError {
  const message = `${workflow} asks no model in the role "${role}", so nothing of it could be trained.`;
  return new TuningForkError(where === undefined ? 'usage' : 'config', message, { where, next: didYouMean(role, roles) ?? `Its roles: ${roles.join(', ')}.` });
}
