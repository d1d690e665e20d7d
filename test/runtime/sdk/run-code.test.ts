import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { runCode, Toolkit, type RunCodeOptions } from '../../../runtime/sdk/index.ts';

const scratch = mkdtempSync(join(tmpdir(), 'tuning-fork-test-'));
process.env[process.platform === 'win32' ? 'TEMP' : 'TMPDIR'] = scratch;
after(() => rmSync(scratch, { recursive: true, force: true }));

async function run(code: string, options: RunCodeOptions = {}): Promise<{ text: string; error: boolean }> {
  return new Toolkit([runCode(options)]).call({ id: 'c', type: 'function', function: { name: 'run_code', arguments: JSON.stringify({ code }) } });
}

test('tells what the code prints, JavaScript or TypeScript, module or script', async () => {
  assert.deepEqual(await run('console.log(1 + 1)'), { text: '2', error: false });
  assert.deepEqual(await run('const n: number = await Promise.resolve(4);\nconsole.log(n)'), { text: '4', error: false });
  assert.deepEqual(await run('console.log(require("node:path").basename("/a/b"))'), { text: 'b', error: false });
  assert.match((await run('1 + 1')).text, /printed nothing\. Use console\.log/);
});

test('an error is told in the words of the code', async () => {
  assert.deepEqual(await run('console.log("before")\nthrow new Error("boom")'), { text: 'before\nError: boom\n    at [code]:2:7', error: true });
  assert.deepEqual(await run('await Promise.reject("no")'), { text: 'Error: no', error: true });
  const syntax = await run('const = 3');
  assert.match(syntax.text, /SyntaxError: .*\S/);
  assert.doesNotMatch(syntax.text, /node:internal|Node\.js v/);
  assert.deepEqual(await run('process.exit(3)'), { text: 'Error: the code failed without a word.', error: true });
});

test('an endless loop is stopped', async () => {
  const started = performance.now();
  const { text, error } = await run('console.log("start"); for (;;);', { timeoutMs: 1_000 });
  assert.equal(text, 'start\nError: the code ran longer than 1 s and was stopped.');
  assert.equal(error, true);
  assert.ok(performance.now() - started < 4_000);
});

test('a memory hog is stopped, on the heap', async () => {
  const { text } = await run('const all = []; for (;;) all.push(new Array(1e5).fill(Math.random()));', { memoryMB: 32 });
  assert.equal(text, 'Error: the code used more than 32 MB of memory and was stopped.');
});

test('a memory hog is stopped, beside the heap', { skip: process.platform !== 'linux' && 'only Linux tells how large a process is' }, async () => {
  const { text } = await run('const all = []; for (;;) all.push(Buffer.alloc(1e6, 1));', { memoryMB: 32 });
  assert.equal(text, 'Error: the code used more than 32 MB of memory and was stopped.');
});

test('a flood of output is stopped, and long output is cut', async () => {
  const flood = await run('for (;;) console.log("x".repeat(1000));', { maxOutput: 100 });
  assert.match(flood.text, /^x{100}\n\.\.\. \(\d+ more characters\)\nError: the code printed more than 1048576 characters and was stopped\.$/);
  assert.deepEqual(await run('console.log("y".repeat(50))', { maxOutput: 20 }), { text: `${'y'.repeat(20)}\n... (30 more characters)`, error: false });
});

test('files, processes, threads and the environment are out of reach', async () => {
  process.env.TUNING_FORK_TEST_SECRET = 'secret';
  const forbidden = [
    `console.log(require("fs").readFileSync(${JSON.stringify(import.meta.filename)}, "utf8"))`,
    'console.log(require("fs").readdirSync("."))',
    'require("fs").writeFileSync("x", "1")',
    'require("child_process").execSync("true")',
    'new (require("worker_threads").Worker)("1", { eval: true })',
    'process.binding("fs")',
    'process.dlopen({ exports: {} }, "/x.node")',
    `await import(${JSON.stringify(import.meta.url)})`,
  ];
  for (const code of forbidden) {
    const { text, error } = await run(code);
    assert.equal(error, true, code);
    assert.match(text, /restricted|denied|disabled/i, code);
  }
  assert.deepEqual(await run('console.log(JSON.stringify(process.env))'), { text: '{}', error: false });
  for (const code of ['process.kill(process.ppid)', 'process._debugProcess(process.ppid)']) assert.match((await run(code)).text, /not allowed here/);
});

test('the network is out of reach, whichever way it is asked for', async (t) => {
  let connections = 0;
  const server = createServer((socket) => {
    connections++;
    socket.destroy();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const { port } = server.address() as { port: number };
  const forbidden = [
    `await fetch("http://127.0.0.1:${port}")`,
    `new WebSocket("ws://127.0.0.1:${port}")`,
    `import http from "node:http"; http.get("http://127.0.0.1:${port}")`,
    `require("https").get("https://127.0.0.1:${port}")`,
    `require("http2").connect("http://127.0.0.1:${port}")`,
    `require("net").connect(${port}, "127.0.0.1")`,
    `process.getBuiltinModule("net").connect(${port}, "127.0.0.1")`,
    `require("module").createRequire("/x.js")("net").createConnection(${port})`,
    `const { Socket } = require("net"); const s = new Socket(); delete Socket.prototype.connect; s.connect(${port})`,
    `require("tls").connect(${port}, "127.0.0.1")`,
    'require("net").createServer().listen(0)',
    'require("dgram").createSocket("udp4").send("x", 53, "127.0.0.1")',
    'import { lookup } from "node:dns/promises"; await lookup("localhost")',
    'require("dns").resolve4("localhost", () => {})',
    'new (require("dns").Resolver)().resolve4("localhost", () => {})',
    'import { Resolver } from "node:dns/promises"; await new Resolver().resolve4("localhost")',
  ];
  for (const code of forbidden) {
    const { text, error } = await run(code, { timeoutMs: 3_000 });
    assert.equal(error, true, `${code}: ${text}`);
    assert.match(text, /not allowed here|is not defined/, code);
  }
  assert.equal(connections, 0);
});

test('a cancelled rollout ends the code with it, and nothing is left behind', async () => {
  const cancel = new AbortController();
  const running = runCode().run(JSON.stringify({ code: 'setInterval(() => {}, 1000)' }), { signal: cancel.signal });
  setTimeout(() => cancel.abort(new Error('cancelled')), 100);
  await assert.rejects(running, /cancelled/);
  assert.equal(tmpdir(), scratch);
  assert.deepEqual(readdirSync(scratch), []);
});
