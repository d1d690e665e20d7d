/** The GPU runtime as a process of this machine: started, listened to until it answers, watched. */
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fromErrorInfo, TuningForkError } from '../../protocol/errors.ts';
import type { ServeLine, TrainerAddress } from '../../protocol/trainer.ts';
import { TrainerProcess, watchChild, type WatchedChild } from '../process.ts';
import type { TrainerListener } from '../running.ts';
import { serveArguments } from './arguments.ts';
import { pythonEnvironment } from './python.ts';
import type { GpuSettings } from './settings.ts';

const STOP_MS = 20_000;

export async function startGpuProcess(python: string, settings: Omit<GpuSettings, 'place'>, { env = process.env, signal, ...listening }: TrainerListener & { env?: NodeJS.ProcessEnv; signal?: AbortSignal | undefined } = {}): Promise<TrainerProcess> {
  const listener = { now: listening as TrainerListener };
  const folder = await mkdtemp(join(tmpdir(), 'tuning-fork-gpu-'));
  const tokenFile = join(folder, 'token');
  try {
    const child = spawn(python, serveArguments({ ...settings, host: '127.0.0.1', port: 0, tokenFile, withParent: true }), {
      env: pythonEnvironment(env), stdio: ['pipe', 'pipe', 'pipe'], windowsHide: true,
    });
    // Who writes to one that is gone hears of it by its exit.
    child.stdin.on('error', () => {});
    const watched = watchChild(child, ['stderr'], (text) => listener.now.log?.(text));
    const url = await listen(watched, python, listener, signal);
    return new LocalGpu(watched, { url, token: (await readFile(tokenFile, 'utf8')).trim() }, listener);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function listen({ child, exited }: WatchedChild, python: string, listener: { now: TrainerListener }, signal: AbortSignal | undefined): Promise<string> {
  const begun = new AbortController();
  return new Promise<string>((resolve, reject) => {
    // What it downloads can take an hour.
    const giveUp = (): void => {
      child.kill('SIGKILL');
      reject(signal!.reason);
    };
    if (signal?.aborted) return giveUp();
    signal?.addEventListener('abort', giveUp, { once: true, signal: begun.signal });
    child.once('error', (cause) => reject(new TuningForkError('trainer', `The GPU runtime could not be started: ${cause.message}.`, { where: { file: python }, cause, next: 'Make its environment again with: tuning-fork gpu setup' })));
    createInterface({ input: child.stdout! }).on('line', (text) => {
      const line = readLine(text);
      if (line === undefined) return;
      if ('progress' in line) listener.now.progress?.(line.progress);
      else if ('notice' in line) listener.now.notice?.(line.notice);
      else if ('address' in line) resolve(line.address.url);
      else reject(fromErrorInfo(line.error));
    });
    void exited.then(({ code, signal, told }) => reject(new TuningForkError('trainer', `The GPU runtime ended while it was starting (${signal ?? `exit code ${code}`}).${lastLine(told)}`, {
      next: '"tuning-fork gpu doctor" says what is missing.',
    })));
  }).finally(() => begun.abort());
}

/** Libraries may print there what they like. */
export function readLine(text: string): ServeLine | undefined {
  if (!text.startsWith('{')) return undefined;
  try {
    const line = JSON.parse(text) as ServeLine;
    return ['progress', 'notice', 'address', 'error'].some((name) => name in line) ? line : undefined;
  } catch {
    return undefined;
  }
}

class LocalGpu extends TrainerProcess {
  readonly #listener: { now: TrainerListener };

  constructor(watched: WatchedChild, address: TrainerAddress, listener: { now: TrainerListener }) {
    super(watched, address, STOP_MS);
    this.#listener = listener;
  }

  listen(listener: TrainerListener): void {
    this.#listener.now = listener;
  }
}

/** The end of a traceback says what it was. */
export function lastLine(told: string): string {
  const line = told.trim().split('\n').at(-1) ?? '';
  return line === '' ? '' : ` It said: ${line}`;
}
