import type { RunEvent } from '../protocol/backbone.ts';
import type { Watcher } from './follow.ts';
import { printJson } from './io.ts';

/** Every event of a run as it is, one line each; nothing else. */
export class JsonView implements Watcher {
  phase(): void {}
  begin(): void {}
  say(): void {}
  end(): void {}

  receive(event: RunEvent): void {
    printJson(event);
  }
}
