/**
 * Keeps one rollout's misbehaviour from costing the others that share the process: exits, unhandled rejections and exceptions thrown
 * from timers are charged to the rollout whose asynchronous context they come from.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { TuningForkError } from '../protocol/errors.ts';
import type { FromWorker } from '../protocol/worker.ts';
import { userPlace, userStack } from './stack.ts';
import { WHAT_RUNS, type WhatRuns } from './watchdog.ts';

export interface Charge {
  rollout: string;
  attempt: number;
  /** Ends the rollout as failed; user code that goes on is ignored. */
  fail(error: unknown, tainted: boolean): void;
  over: boolean;
}

/** The real one: `process.exit` is replaced below. */
export const exitProcess = process.exit.bind(process);

export const charged = new AsyncLocalStorage<Charge>();

let importing = false;

/** What user code does while its files are imported belongs to no rollout. */
export async function whileImporting<T>(load: () => Promise<T>): Promise<T> {
  importing = true;
  try {
    return await load();
  } finally {
    importing = false;
  }
}

export function installContainment(send: (message: FromWorker) => void): void {
  Object.defineProperty(globalThis, WHAT_RUNS, { value: whatRuns });

  process.exit = ((code?: number) => {
    const charge = charged.getStore();
    if (charge === undefined && !importing) return exitProcess(code);
    const error = new Error(`process.exit(${code ?? ''}) was called`);
    Error.captureStackTrace(error, process.exit);
    const stack = userStack(error);
    const told = charge === undefined
      ? new TuningForkError('workflow', `Importing the workflow called process.exit(${code ?? ''}).`, { next: 'Export the class and do nothing else while the file is imported.', where: userPlace(stack), stack })
      : new TuningForkError('rollout-exited', `The workflow called process.exit(${code ?? ''}).`, { next: 'Return a WorkflowOutput or throw an error instead.', where: userPlace(stack), stack });
    if (charge?.over === false) charge.fail(told, false);
    // The code after the call must not run; this error stops it unless user code swallows it, and then nothing it does counts.
    throw told;
  }) as typeof process.exit;

  const onStray = (error: unknown, tainted: boolean): void => {
    const charge = charged.getStore();
    if (charge !== undefined && !charge.over) return charge.fail(error, tainted);
    const stack = userStack(error);
    send({
      type: 'late-error', rollout: charge?.rollout, tainted,
      error: { code: 'rollout-threw', message: `Code went on after its rollout had ended, and threw: ${(error as Error)?.message ?? String(error)}`, where: userPlace(stack), stack },
    });
  };
  process.on('unhandledRejection', (reason) => onStray(reason, false));
  // After an uncaught exception Node makes no promise about what state its own modules are in, so this process takes no new rollouts.
  process.on('uncaughtException', (error) => onStray(error, true));

  forwardOutput('stdout', 'out', send);
  forwardOutput('stderr', 'err', send);
}

/** Asked by the watchdog from a paused main thread: the frames below this one are those that block it, source maps applied. */
function whatRuns(): WhatRuns {
  const charge = charged.getStore();
  const holder = new Error('blocked');
  Error.captureStackTrace(holder, whatRuns);
  const lines = holder.stack!.split('\n');
  // The first frame is the watchdog's question.
  holder.stack = [lines[0], ...lines.slice(2)].join('\n');
  const frames = userStack(holder)?.split('\n').slice(1).join('\n');
  return { ...(charge && { rollout: charge.rollout, attempt: charge.attempt }), stack: frames, where: userPlace(frames) };
}

/** Output of user code reaches the backbone with the rollout it belongs to. */
function forwardOutput(name: 'stdout' | 'stderr', stream: 'out' | 'err', send: (message: FromWorker) => void): void {
  process[name].write = ((chunk: string | Uint8Array, ...rest: unknown[]) => {
    const charge = charged.getStore();
    const text = typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString();
    const holder = { stack: '' };
    Error.captureStackTrace(holder, process[name].write);
    send({ type: 'log', rollout: charge?.rollout, attempt: charge?.attempt, stream, text, site: userPlace(holder.stack), console: holder.stack.includes('(node:internal/console/') });
    const done = rest.at(-1);
    if (typeof done === 'function') queueMicrotask(() => done());
    return true;
  }) as typeof process.stdout.write;
}
