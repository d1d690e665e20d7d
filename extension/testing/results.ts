/** Results on their way to the Testing view, many at once: one by one it would stall. */
import type * as vscode from 'vscode';
import type { RunEvent } from '../../runtime/protocol/backbone.ts';
import { inOurWords } from '../errors.ts';
import { terminalText } from './terminal-text.ts';

const BATCH_MS = 100;

export class Results {
  readonly run: vscode.TestRun;
  readonly #waiting: ((run: vscode.TestRun) => void)[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(run: vscode.TestRun) {
    this.run = run;
  }

  push(tell: (run: vscode.TestRun) => void): void {
    this.#waiting.push(tell);
    this.#timer ??= setTimeout(() => this.#flush(), BATCH_MS);
  }

  end(): void {
    this.#flush();
    this.run.end();
  }

  #flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const tell of this.#waiting.splice(0)) tell(this.run);
  }
}

/** What user code prints, and what the run has to say. */
export function print(run: vscode.TestRun, event: RunEvent, item?: vscode.TestItem): void {
  if (event.type === 'log') run.appendOutput(terminalText(event.text), undefined, item);
  if (event.type === 'notice') run.appendOutput(terminalText(`${inOurWords(event.notice).message}\n`));
}
