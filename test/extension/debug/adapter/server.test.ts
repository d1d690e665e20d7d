import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { DebugProtocol } from '@vscode/debugprotocol';
import { build } from 'esbuild';
import { Client } from './client.ts';
import { World } from './world.ts';

const root = fileURLToPath(new URL('../../../../', import.meta.url));
const dir = await mkdtemp(join(tmpdir(), 'tf-adapter-'));
after(() => rm(dir, { recursive: true, force: true }));

/** DAP's framing: a header with the length, then that many bytes. */
function overStreams({ stdin, stdout }: { stdin: NodeJS.WritableStream; stdout: NodeJS.ReadableStream }): ConstructorParameters<typeof Client>[0] {
  let bytes = Buffer.alloc(0);
  let listen: (message: DebugProtocol.ProtocolMessage) => void = () => {};
  stdout.on('data', (chunk: Buffer) => {
    bytes = Buffer.concat([bytes, chunk]);
    for (;;) {
      const head = bytes.indexOf('\r\n\r\n');
      const length = head < 0 ? NaN : Number(/Content-Length: (\d+)/.exec(bytes.subarray(0, head).toString())?.[1]);
      if (!(bytes.length >= head + 4 + length)) return;
      const text = bytes.subarray(head + 4, head + 4 + length).toString();
      bytes = bytes.subarray(head + 4 + length);
      listen(JSON.parse(text) as DebugProtocol.ProtocolMessage);
    }
  });
  return {
    send: (message) => {
      const text = JSON.stringify(message);
      stdin.write(`Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`);
    },
    onMessage: (told) => void (listen = told),
  };
}

test('the bundled adapter serves a client on its standard input and output, and starts the backbone itself', { timeout: 60_000 }, async () => {
  const world = await World.make();
  const conf = await world.conf(['2 + 3 = 5']);
  // Beside the runtime, which is not bundled.
  const bundle = join(root, 'dist', `adapter-${process.pid}.mjs`);
  await build({
    entryPoints: [join(root, 'extension/debug/adapter/server.ts')], outfile: bundle, bundle: true, platform: 'node', target: 'node20', format: 'esm', logLevel: 'silent',
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
    plugins: [{
      name: 'keep-places',
      setup: ({ onLoad }) => onLoad({ filter: /[\\/]runtime[\\/].*\.ts$/ }, async ({ path }) => {
        const { readFile } = await import('node:fs/promises');
        return { contents: (await readFile(path, 'utf8')).replaceAll('import.meta.url', JSON.stringify(new URL(`file://${path}`).href)), loader: 'ts' };
      }),
    }],
  });
  const child = spawn(process.execPath, [bundle], { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = new Promise((resolve) => void child.once('exit', resolve));
  try {
    const client = new Client(overStreams(child));
    await client.launch(world.launch(conf), { breakpoints: [{ name: 'judge' }] });
    const { threadId } = await client.event('stopped');
    const { stackFrames } = await client.request('stackTrace', { threadId });
    assert.equal(stackFrames[0].source.name, 'adder.ts');
    await client.request('continue', { threadId });
    assert.match((await client.event('output')).output, /reward 1/);
    await client.event('terminated');
    await client.request('disconnect');
    assert.equal(await ended, 0, 'it ends when its client goes');
  } finally {
    child.kill();
    await rm(bundle, { force: true });
  }
});
