/** The GPU runtime as a process of this machine: started, listened to until it answers, watched. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { startedStamp } from '../../backbone/stamp.ts';
import { fromErrorInfo, TuningForkError } from '../../protocol/errors.ts';
import type { ProcessStamp } from '../../protocol/trace.ts';
import type { ServeLine, TrainerAddress } from '../../protocol/trainer.ts';
import { TrainerClient } from '../client.ts';
import type { RunningTrainer, TrainerListener } from '../running.ts';
import { serveArguments } from './arguments.ts';
import { pythonEnvironment } from './python.ts';
import type { GpuSettings } from './settings.ts';

const STOP_MS = 20_000;
const TOLD = 8_000;

export interface GpuProcess extends RunningTrainer {
  readonly exited: Promise<{ code: number | null; signal: NodeJS.Signals | null; told: string }>;
}

export async function startGpuProcess(python: string, settings: Omit<GpuSettings, 'place'>, { env = process.env, ...listening }: TrainerListener & { env?: NodeJS.ProcessEnv } = {}): Promise<GpuProcess> {
  const listener = { now: listening as TrainerListener };
  const folder = await mkdtemp(join(tmpdir(), 'tuning-fork-gpu-'));
  const tokenFile = join(folder, 'token');
  try {
    const child = spawn(python, serveArguments({ ...settings, host: '127.0.0.1', port: 0, tokenFile, withParent: true }), {
      env: pythonEnvironment(env), stdio: ['pipe', 'pipe', 'pipe'], windowsHide: true,
    });
    const stamp = startedStamp(child);
    // Who writes to one that is gone hears of it by its exit.
    child.stdin.on('error', () => {});
    const exited = watch(child, (text) => listener.now.log?.(text));
    const url = await listen(child, python, exited, listener);
    return new LocalGpu(child, stamp, { url, token: (await readFile(tokenFile, 'utf8')).trim() }, exited, listener);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function listen(child: ChildProcess, python: string, exited: GpuProcess['exited'], listener: { now: TrainerListener }): Promise<string> {
  return new Promise((resolve, reject) => {
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
  });
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

class LocalGpu implements GpuProcess {
  readonly address: TrainerAddress;
  readonly client: TrainerClient;
  readonly elsewhere = false;
  readonly stamps: readonly ProcessStamp[];
  readonly exited: GpuProcess['exited'];
  readonly #child: ChildProcess;
  readonly #listener: { now: TrainerListener };

  constructor(child: ChildProcess, stamp: ProcessStamp, address: TrainerAddress, exited: GpuProcess['exited'], listener: { now: TrainerListener }) {
    this.#child = child;
    this.#listener = listener;
    this.address = address;
    this.exited = exited;
    this.client = new TrainerClient(address);
    this.stamps = [stamp];
    void exited.then(() => this.client.close());
  }

  listen(listener: TrainerListener): void {
    this.#listener.now = listener;
  }

  async stop(): Promise<void> {
    const timer = setTimeout(() => this.kill(), STOP_MS);
    await this.client.shutdown().catch(() => undefined);
    await this.exited;
    clearTimeout(timer);
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }
}

function watch(child: ChildProcess, log: (text: string) => void): GpuProcess['exited'] {
  let told = '';
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    told = (told + text).slice(-TOLD);
    log(text);
  });
  return new Promise((resolve) => {
    child.once('error', () => resolve({ code: null, signal: null, told }));
    child.once('close', (code, signal) => resolve({ code, signal, told: told.trim() }));
  });
}

/** The end of a traceback says what it was. */
export function lastLine(told: string): string {
  const line = told.trim().split('\n').at(-1) ?? '';
  return line === '' ? '' : ` It said: ${line}`;
}
