import { Worker } from 'node:worker_threads';
import type { BlockedReport } from '../protocol/worker.ts';

/** A function under this name tells whose code is on the stack, for the watchdog to ask while the main thread is paused. */
export const WHAT_RUNS = Symbol.for('tuning-fork.worker.what-runs');

export type WhatRuns = Omit<BlockedReport, 'blockedFor'>;

const BEAT_MS = 50;
/** Places in the memory that both threads see. */
export const BEAT = 0;
export const LIMIT = 1;

/**
 * Watches the event loop from a thread of its own: a loop that never ends can't be seen from inside.
 * When the main thread has not beaten for `limit` milliseconds, the thread pauses it through the inspector, reads the stack and the rollout,
 * and reports over its own pipe; the backbone then ends this process.
 */
export function startWatchdog(limit: number): { setLimit(milliseconds: number): void } {
  const shared = new BigInt64Array(new SharedArrayBuffer(16));
  const setLimit = (milliseconds: number): void => void Atomics.store(shared, LIMIT, BigInt(Math.round(milliseconds)));
  setLimit(limit);
  const touch = (): void => void Atomics.store(shared, BEAT, BigInt(Date.now()));
  touch();
  setInterval(touch, BEAT_MS).unref();
  const thread = new Worker(new URL('./watchdog-thread.ts', import.meta.url), {
    workerData: { shared, parent: process.ppid },
    stdout: false, stderr: false,
  });
  thread.unref();
  return { setLimit };
}
