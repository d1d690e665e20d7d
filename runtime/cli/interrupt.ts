/** What Ctrl-C means: the end of this process, unless a command has something to bring to an end first. */
import { EXIT } from './io.ts';

/** One Ctrl-C can arrive twice, from the terminal and from a parent that passes it on; a person's second one comes later. */
const SAME_MS = 150;

let handler: (() => void) | undefined;
let last = -Infinity;

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    const now = performance.now();
    if (now - last < SAME_MS) return;
    last = now;
    if (handler === undefined || signal === 'SIGHUP') process.exit(EXIT.cancelled);
    handler();
  });
}

let gone = false;

/** `tuning-fork … | head`: whoever stays with a run ends it, as with Ctrl-C; for all others it is no error. */
export function onReaderGone(streams: NodeJS.WriteStream[]): void {
  for (const stream of streams) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE' || gone) return;
      gone = true;
      if (handler === undefined) process.exit(EXIT.ok);
      handler();
    });
  }
}

/** What has been read was enough, and the end of it no cancelling. */
export function isReaderGone(): boolean {
  return gone;
}

/** From now on `next` decides; the answer puts things back. */
export function onInterrupt(next: () => void): Disposable {
  const before = handler;
  handler = next;
  return { [Symbol.dispose]: () => void (handler = before) };
}
