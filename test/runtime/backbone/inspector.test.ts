import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { waitsForDebugger } from '../../../runtime/backbone/inspector.ts';
import { Debugger } from './debugger.ts';

/** Tells its address, takes its time, and only then waits, as a worker does on a machine that has no core free for it. */
const SLOW = `
  const inspector = require('node:inspector');
  inspector.open(0, '127.0.0.1');
  process.send({ url: inspector.url() });
  for (const end = Date.now() + 400; Date.now() < end;);
  process.send({ waits: Date.now() });
  inspector.waitForDebugger();
  process.exit(7);
`;

describe('a process that is about to wait for a debugger', { timeout: 20_000 }, () => {
  it('is told of when it hears one that lets it go at once', async (t) => {
    const child = fork('-', { execArgv: ['-e', SLOW], silent: true });
    t.after(() => child.kill('SIGKILL'));
    const waits = new Promise<number>((resolve) => child.on('message', (message: { waits?: number }) => message.waits !== undefined && resolve(message.waits)));
    const [{ url }] = await once(child, 'message') as [{ url: string }];
    await waitsForDebugger(url);
    assert.ok(Date.now() >= await waits);
    const [exited, attached] = [once(child, 'exit'), await Debugger.attach(url)];
    await attached.send('Runtime.runIfWaitingForDebugger');
    attached.socket.close();
    assert.deepEqual(await exited, [7, null]);
  });

  it('is waited for no longer once it is gone', async () => {
    const child = fork('-', { execArgv: ['-e', SLOW], silent: true });
    const [{ url }] = await once(child, 'message') as [{ url: string }];
    const told = waitsForDebugger(url);
    child.kill('SIGKILL');
    await told;
    await waitsForDebugger(url);
  });
});
