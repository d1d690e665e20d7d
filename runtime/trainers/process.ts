/** A trainer as a process of this machine: asked to end, or killed, and watched whoever ends it. */
import type { ChildProcess } from 'node:child_process';
import { startedStamp } from '../processes/stamp.ts';
import type { ProcessStamp } from '../protocol/trace.ts';
import type { TrainerAddress } from '../protocol/trainer.ts';
import { TrainerClient } from './client.ts';
import type { RunningTrainer, TrainerExit } from './running.ts';

const TOLD = 8_000;

export interface WatchedChild {
  child: ChildProcess;
  stamp: ProcessStamp;
  /** Also where it never began. */
  exited: Promise<TrainerExit>;
}

/** `streams`: what it writes for those who look for a fault. */
export function watchChild(child: ChildProcess, streams: readonly ('stdout' | 'stderr')[], log: (text: string) => void): WatchedChild {
  let told = '';
  for (const stream of streams) {
    child[stream]!.setEncoding('utf8').on('data', (text: string) => {
      told = (told + text).slice(-TOLD);
      log(text);
    });
  }
  const exited = new Promise<TrainerExit>((resolve) => {
    child.once('error', () => resolve({ code: null, signal: null, told }));
    child.once('close', (code, signal) => resolve({ code, signal, told: told.trim() }));
  });
  return { child, stamp: startedStamp(child), exited };
}

export class TrainerProcess implements RunningTrainer {
  readonly address: TrainerAddress;
  readonly client: TrainerClient;
  readonly elsewhere = false;
  readonly stamp: ProcessStamp;
  readonly exited: Promise<TrainerExit>;
  readonly #child: ChildProcess;
  readonly #patienceMs: number;

  /** `patienceMs`: for what it has to finish when it is asked to end. */
  constructor({ child, stamp, exited }: WatchedChild, address: TrainerAddress, patienceMs: number) {
    this.#child = child;
    this.#patienceMs = patienceMs;
    this.stamp = stamp;
    this.exited = exited;
    this.address = address;
    this.client = new TrainerClient(address);
    void exited.then(() => this.client.close());
  }

  get stamps(): readonly ProcessStamp[] {
    return [this.stamp];
  }

  async stop(): Promise<void> {
    const timer = setTimeout(() => this.kill(), this.#patienceMs);
    // One that is gone, or going, has nothing to say.
    await this.client.shutdown().catch(() => undefined);
    await this.exited;
    clearTimeout(timer);
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }
}
