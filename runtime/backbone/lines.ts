import type { Socket } from 'node:net';

/** A megabyte-sized start request is normal; a client that never ends its line is not. */
const LONGEST_LINE = 64 * 1024 * 1024;

/** Reads one JSON value per line from a socket. */
export function onJsonLines(socket: Socket, onValue: (value: unknown) => void, onBad: (reason: string) => void): void {
  let parts: string[] = [];
  let length = 0;
  socket.setEncoding('utf8');
  socket.on('data', (chunk: string) => {
    let start = 0;
    for (let end = chunk.indexOf('\n'); end !== -1; end = chunk.indexOf('\n', start)) {
      parts.push(chunk.slice(start, end));
      const line = parts.join('');
      parts = [];
      length = 0;
      start = end + 1;
      if (line === '') continue;
      let value: unknown;
      try {
        value = JSON.parse(line);
      } catch {
        onBad('A line is not JSON.');
        continue;
      }
      onValue(value);
    }
    parts.push(chunk.slice(start));
    length += chunk.length - start;
    if (length > LONGEST_LINE) {
      onBad('A line is longer than 64 MB.');
      socket.destroy();
    }
  });
}

export function sendLine(socket: Socket, value: unknown): void {
  if (!socket.destroyed) socket.write(`${JSON.stringify(value)}\n`);
}
