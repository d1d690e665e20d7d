/** Where things lie that belong to a person and not to a project: the Python of the GPU runtime, its token, tokenizers of trainers elsewhere. */
import { homedir } from 'node:os';
import { join } from 'node:path';

export type Environment = Readonly<Record<string, string | undefined>>;

export function homeOf(env: Environment = process.env): string {
  return env.TUNING_FORK_HOME || join(homedir(), '.tuning-fork');
}

export function pythonFolder(env?: Environment): string {
  return join(homeOf(env), 'gpu');
}

export function tokenFile(env?: Environment): string {
  return join(homeOf(env), 'gpu-token');
}

export function modelCache(env?: Environment): string {
  return join(homeOf(env), 'models');
}

/** Where `gpu serve` listens unless told otherwise. */
export const GPU_PORT = 8750;
