import { TuningForkError } from '../protocol/errors.ts';
import { fileError } from './errors.ts';

interface Waiting<T, R> {
  item: T;
  resolve: (result: R) => void;
  reject: (error: TuningForkError) => void;
}

/**
 * What is asked for in one turn of the event loop is committed at once, and what comes while that is under way next. After an
 * error nothing more is committed, and every later call gets that error.
 */
export class GroupCommit<T, R> {
  readonly #path: () => string;
  readonly #commit: (items: T[]) => Promise<readonly R[]>;
  #waiting: Waiting<T, R>[] = [];
  #between: (() => Promise<void>)[] = [];
  #draining: Promise<void> | undefined;
  #failure: TuningForkError | undefined;
  #closed = false;

  /** `path` names the file in errors. `commit` gives one result for each item. */
  constructor(path: () => string, commit: (items: T[]) => Promise<readonly R[]>) {
    this.#path = path;
    this.#commit = commit;
  }

  add(item: T): Promise<R> {
    const done = new Promise<R>((resolve, reject) => {
      if (this.#closed) throw new TuningForkError('internal', `${this.#path()} is closed; nothing more can be written to it.`);
      this.#waiting.push({ item, resolve, reject });
      this.#start();
    });
    // Who does not wait is told by the next call, and at the latest by `close`.
    done.catch(() => undefined);
    return done;
  }

  /** Runs `work` when nothing is being committed; what is added meanwhile waits. Its failure is everybody's. */
  between(work: () => Promise<void>): void {
    this.#between.push(work);
    this.#start();
  }

  /** Waits for what was asked for, then lets `finish` close the files. Throws the error there was. */
  async close(finish: (failed: boolean) => Promise<void>): Promise<void> {
    this.#closed = true;
    await this.#draining;
    await finish(this.#failure !== undefined);
    if (this.#failure) throw this.#failure;
  }

  #start(): void {
    this.#draining ??= new Promise((done) => setImmediate(() => void this.#drain().then(done)));
  }

  /** Never rejects: whoever asked for the failed write is told. */
  async #drain(): Promise<void> {
    while (this.#waiting.length > 0 || this.#between.length > 0) {
      const work = this.#between.shift();
      const batch = work ? [] : this.#waiting.splice(0);
      try {
        if (this.#failure) throw this.#failure;
        if (work) await work();
        else {
          const results = await this.#commit(batch.map(({ item }) => item));
          for (const [i, { resolve }] of batch.entries()) resolve(results[i]!);
        }
      } catch (error) {
        this.#failure = fileError('write', this.#path(), error);
        for (const { reject } of batch.concat(this.#waiting.splice(0))) reject(this.#failure);
      }
    }
    this.#draining = undefined;
  }
}
