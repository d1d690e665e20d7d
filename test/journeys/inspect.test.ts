/** `rollout --inspect` as a debugger sees it: the worker waits, a breakpoint in TypeScript binds before the first line runs, and is hit. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, it } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { scaffold } from '../../runtime/cli/init/scaffold.ts';

const bin = fileURLToPath(new URL('../../runtime/cli/bin.mjs', import.meta.url));
let root: string;
let project: string;
let env: NodeJS.ProcessEnv;

before(async () => {
  root = await mkdtemp(join(tmpdir(), 'tuning-fork-inspect-'));
  project = join(root, 'project');
  env = { ...process.env, TUNING_FORK_RUNTIME_DIR: join(root, 'runtime'), TUNING_FORK_IDLE_MS: '1000' };
  await scaffold(project, 'blank');
});

after(async () => {
  await new Promise((resolve) => spawn(process.execPath, [bin, 'stop', '--force', '--project', project], { env, stdio: 'ignore' }).once('exit', resolve));
  await rm(root, { recursive: true, force: true });
});

interface Answer { id?: number; method?: string; params?: Record<string, unknown>; result?: Record<string, unknown> }

class Debugger {
  readonly #socket: WebSocket;
  #id = 0;
  readonly #seen: Answer[] = [];
  #heard: () => void = () => {};

  constructor(url: string) {
    this.#socket = new WebSocket(url);
    this.#socket.addEventListener('message', ({ data }) => {
      this.#seen.push(JSON.parse(String(data)) as Answer);
      this.#heard();
    });
  }

  async opened(): Promise<void> {
    await new Promise((resolve) => this.#socket.addEventListener('open', resolve, { once: true }));
  }

  async send(method: string, params: object = {}): Promise<Record<string, unknown>> {
    const id = ++this.#id;
    this.#socket.send(JSON.stringify({ id, method, params }));
    return (await this.message((answer) => answer.id === id)).result ?? {};
  }

  async message(fits: (answer: Answer) => boolean): Promise<Answer> {
    for (;;) {
      const found = this.#seen.find(fits);
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => void (this.#heard = resolve));
    }
  }

  close(): void {
    this.#socket.close();
  }
}

it('waits for a debugger, stops at a breakpoint in the workflow, and goes on', { timeout: 60_000 }, async () => {
  const child = spawn(process.execPath, [bin, 'rollout', '--conf', 'tuning-fork.yaml', '--tasks', '1', '-n', '1', '--inspect', '--json'], { cwd: project, env, stdio: ['ignore', 'pipe', 'inherit'] });
  const events: { type: string; url?: string; state?: string }[] = [];
  let tool: Debugger | undefined;
  let pausedAt: unknown;
  const debug = async (url: string): Promise<void> => {
    const file = join(project, 'workflow.ts');
    const line = (await readFile(file, 'utf8')).split('\n').findIndex((text) => text.includes('return new WorkflowOutput'));
    tool = new Debugger(url);
    await tool.opened();
    await tool.send('Debugger.enable');
    const { breakpointId } = await tool.send('Debugger.setBreakpointByUrl', { url: pathToFileURL(file).href, lineNumber: line });
    assert.ok(breakpointId);
    await tool.send('Runtime.enable');
    await tool.send('Runtime.runIfWaitingForDebugger');
    const { params } = await tool.message((answer) => answer.method === 'Debugger.paused');
    const frame = (params!.callFrames as { functionName: string; location: { lineNumber: number }; callFrameId: string }[])[0]!;
    const { result } = await tool.send('Debugger.evaluateOnCallFrame', { callFrameId: frame.callFrameId, expression: 'typeof reply.text' });
    pausedAt = { name: frame.functionName, line: frame.location.lineNumber - line, text: (result as { value: string }).value };
    await tool.send('Debugger.resume');
  };
  let debugging: Promise<void> | undefined;
  for await (const text of createInterface(child.stdout)) {
    const event = JSON.parse(text) as (typeof events)[number];
    events.push(event);
    if (event.type === 'inspector') debugging = debug(event.url!);
  }
  await debugging;
  tool?.close();
  assert.deepEqual(pausedAt, { name: 'execute', line: 0, text: 'string' });
  assert.equal(events.find((event) => event.type === 'finished')?.state, 'finished');
});
