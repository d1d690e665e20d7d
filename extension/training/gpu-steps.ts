/** What `tuning-fork gpu setup --json` tells, as the progress of a notification. No editor here. */

export interface SetupProgress {
  message: string;
  /** Percent since the last one. */
  increment: number;
}

export interface SetupFailure {
  message: string;
  next?: string;
}

type Line =
  | { type: 'step'; index: number; of: number; title: string; done?: string }
  | { type: 'detail'; text: string }
  | { type: 'notice'; notice: SetupFailure }
  | { type: 'gpu' | 'cancelled' }
  | { type: 'error'; error: SetupFailure };

export class SetupSteps {
  readonly #report: (progress: SetupProgress) => void;
  #title = '';
  failure: SetupFailure | undefined;
  done = false;

  constructor(report: (progress: SetupProgress) => void) {
    this.#report = report;
  }

  /** One line of its stdout. */
  take(text: string): void {
    if (!text.startsWith('{')) return;
    const line = JSON.parse(text) as Line;
    switch (line.type) {
      case 'step':
        this.#title = line.title;
        return this.#report({ message: line.title, increment: line.done === undefined ? 0 : 100 / line.of });
      case 'detail':
        return this.#report({ message: `${this.#title}: ${line.text}`, increment: 0 });
      case 'notice':
        return this.#report({ message: `${this.#title}: ${line.notice.message}`, increment: 0 });
      case 'gpu':
        this.done = true;
        return;
      case 'error':
        this.failure = line.error;
    }
  }
}
