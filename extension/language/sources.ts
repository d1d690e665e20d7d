/** Asks the thread that parses TypeScript; it begins with the first question. */
import { Worker } from 'node:worker_threads';
import type { Readings } from './thread.ts';

export interface Question {
  id: number;
  what: keyof Readings;
  args: unknown[];
}

export interface Answer {
  id: number;
  value?: unknown;
  error?: Error;
}

/** In the bundle the thread is a file beside this one. */
const THREAD = new URL(import.meta.url.endsWith('.ts') ? './thread.ts' : './language.js', import.meta.url);

export class Sources {
  readonly #translations: Record<string, string> | undefined;
  readonly #asked = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  #thread: Worker | undefined;
  #next = 0;

  constructor(translations?: Record<string, string>) {
    this.#translations = translations;
  }

  ask<K extends keyof Readings>(what: K, ...args: Parameters<Readings[K]>): Promise<ReturnType<Readings[K]>> {
    const thread = this.#thread ??= this.#begin();
    const id = this.#next++;
    return new Promise<ReturnType<Readings[K]>>((resolve, reject) => {
      this.#asked.set(id, { resolve: resolve as (value: unknown) => void, reject });
      thread.ref();
      thread.postMessage({ id, what, args } satisfies Question);
    });
  }

  dispose(): void {
    void this.#thread?.terminate();
  }

  #begin(): Worker {
    const thread = new Worker(THREAD, { workerData: this.#translations, name: 'tuning-fork language' });
    thread.on('message', ({ id, value, error }: Answer) => {
      const asked = this.#asked.get(id);
      this.#asked.delete(id);
      // While nothing is asked it keeps no process alive.
      if (this.#asked.size === 0) thread.unref();
      if (error === undefined) asked?.resolve(value);
      else asked?.reject(error);
    });
    const ended = (error: Error): void => {
      if (this.#thread !== thread) return;
      this.#thread = undefined;
      for (const { reject } of this.#asked.values()) reject(error);
      this.#asked.clear();
    };
    thread.on('error', ended);
    thread.on('exit', () => ended(new Error('The thread that parses TypeScript has ended.')));
    return thread;
  }
}
