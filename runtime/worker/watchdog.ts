import { Worker } from 'node:worker_threads';

/** Names the rollout whose code is on the stack, for the watchdog to ask while the main thread is paused. */
export const CURRENT_ROLLOUT = Symbol.for('tuning-fork.worker.current');

const BEAT_MS = 50;

/**
 * Watches the event loop from a thread of its own: a loop that never ends can't be seen from inside.
 * When the main thread has not beaten for `blockLimit`, the thread pauses it through the inspector, reads the stack and the rollout,
 * and reports over its own pipe; the backbone then ends this process.
 */
export function startWatchdog(blockLimit: number): void {
  const beat = new BigInt64Array(new SharedArrayBuffer(8));
  const touch = (): void => void Atomics.store(beat, 0, BigInt(Date.now()));
  touch();
  setInterval(touch, BEAT_MS).unref();
  const thread = new Worker(new URL('./watchdog-thread.ts', import.meta.url), {
    workerData: { beat, blockLimit, parent: process.ppid },
    stdout: false, stderr: false,
  });
  thread.unref();
}
