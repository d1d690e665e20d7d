import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ToolError } from './context.ts';
import { tool, type Tool } from './toolkit.ts';

export interface RunCodeOptions {
  /** Default: 5,000. */
  timeoutMs?: number;
  /** Heap of the child. Memory outside the heap (buffers) is watched on Linux only. Default: 128. */
  memoryMB?: number;
  /** Characters of output that the model gets to read. Default: 4,000. */
  maxOutput?: number;
}

/**
 * A tool that runs the JavaScript or TypeScript a model writes and tells it what was printed.
 *
 * Each call is a Node process of its own, with an empty environment and working directory, without permission to read or write files, to
 * start processes, threads or add-ons, with the network calls of Node's own modules taken out, and killed at its time and memory limits.
 * That keeps a model's mistakes away from this machine. It is a limit and not a sandbox for hostile code: it stands on Node's permission
 * model, which promises no more. Put a container around it for code you would not run yourself.
 */
export function runCode({ timeoutMs = 5_000, memoryMB = 128, maxOutput = 4_000 }: RunCodeOptions = {}): Tool {
  return tool({
    name: 'run_code',
    description: 'Runs JavaScript or TypeScript and returns what it prints with console.log.',
    parameters: { type: 'object', properties: { code: { type: 'string' } }, required: ['code'] },
    async run({ code }, { signal }) {
      const ended = await runLimited(String(code), { timeoutMs, memoryMB, maxOutput }, signal);
      if (ended.killed !== undefined) throw new ToolError([ended.output, `Error: the code ${ended.killed} and was stopped.`].filter(Boolean).join('\n'));
      if (ended.failed) throw new ToolError(ended.output || 'Error: the code failed without a word.');
      return ended.output || 'The code printed nothing. Use console.log to see a value.';
    },
  });
}

interface Ended {
  output: string;
  failed: boolean;
  killed: string | undefined;
}

async function runLimited(code: string, limits: Required<RunCodeOptions>, signal: AbortSignal): Promise<Ended> {
  const dir = await mkdtemp(join(tmpdir(), 'tuning-fork-code-'));
  try {
    return await runChild(code, dir, limits, signal);
  } finally {
    await rm(dir, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** Output is read past what the model sees, so that the process is not blocked; a flood ends it. */
const FLOOD_CHARACTERS = 1 << 20;
/** What Node itself takes beside the heap. */
const NODE_MB = 96;

function runChild(code: string, cwd: string, limits: Required<RunCodeOptions>, signal: AbortSignal): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(
      process.execPath,
      ['--permission', '--no-warnings', `--max-old-space-size=${limits.memoryMB}`, '--import', prelude, '-'],
      { cwd, env: {}, stdio: ['pipe', 'pipe', 'pipe'], windowsHide: true },
    );
    let killed: string | undefined;
    const kill = (because: string): void => {
      killed ??= because;
      child.kill('SIGKILL');
    };
    const abort = (): void => kill('was cancelled');
    signal.addEventListener('abort', abort, { once: true });
    const clock = setTimeout(kill, limits.timeoutMs, `ran longer than ${limits.timeoutMs / 1000} s`);
    const tooMuch = `used more than ${limits.memoryMB} MB of memory`;
    const stopWatching = watchMemory(child, limits.memoryMB + NODE_MB, () => kill(tooMuch));

    let output = '';
    const read = (text: string): void => {
      output += text;
      if (output.length > FLOOD_CHARACTERS) kill(`printed more than ${FLOOD_CHARACTERS} characters`);
    };
    child.stdout.setEncoding('utf8').on('data', read);
    child.stderr.setEncoding('utf8').on('data', read);
    child.stdin.on('error', () => {}).end(code);
    child.on('error', reject);
    child.on('close', (exitCode, by) => {
      clearTimeout(clock);
      stopWatching();
      signal.removeEventListener('abort', abort);
      if (signal.aborted) return reject(signal.reason as Error);
      if (killed === undefined && /heap out of memory|allocation failed/i.test(output)) {
        killed = tooMuch;
        output = '';
      }
      resolve({ output: truncate(tidy(output), limits.maxOutput), failed: exitCode !== 0 || by !== null, killed });
    });
  });
}

/** Buffers live outside the heap that V8 limits. Where the system tells a process's size, it is watched. */
function watchMemory(child: ChildProcess, limitMB: number, tooMuch: () => void): () => void {
  if (process.platform !== 'linux') return () => {};
  const timer = setInterval(async () => {
    const pages = await readFile(`/proc/${child.pid}/statm`, 'utf8').then((text) => Number(text.split(' ')[1]), () => 0);
    if (pages * 4096 > limitMB * 2 ** 20) tooMuch();
  }, 25);
  return () => clearInterval(timer);
}

/** Without the frames that say nothing to someone who wrote ten lines: Node's and the prelude's. */
function tidy(output: string): string {
  const lines = output.split('\n').filter((line) => !/^\s+at .*(node:|data:|-wrapper:)|^Node\.js v/.test(line));
  return lines.join('\n').replaceAll(/file:\S*\/\[eval1\]/g, '[code]').replaceAll('[stdin]', '[code]').trim();
}

function truncate(text: string, limit: number): string {
  if (text.length <= limit) return text;
  return `${text.slice(0, limit)}\n... (${text.length - limit} more characters)`;
}

/**
 * Runs in the child before the code. Every connection of Node's modules, fetch and WebSocket included, passes one of these functions.
 * An error is told by its own lines only, not by the lines of Node that it was thrown from.
 */
function takeNetworkAway(builtin: typeof process.getBuiltinModule): void {
  const tell = (error: unknown): string => {
    if (!(error instanceof Error) || error.stack === undefined) return `Error: ${String(error)}`;
    // Before its message a stack quotes the line that threw: worth reading only for a syntax error, which has no frame.
    return error instanceof SyntaxError ? error.stack : error.stack.slice(Math.max(0, error.stack.indexOf(`${error.name}: ${error.message}`)));
  };
  process.on('uncaughtException', (error) => {
    process.exitCode = 1;
    process.stderr.write(`${tell(error)}\n`, () => process.exit(1));
  });
  // Else what was printed before an exit may be lost, and an endless print is never read.
  for (const { _handle } of [process.stdout, process.stderr] as { _handle?: { setBlocking?(on: boolean): void } }[]) _handle?.setBlocking?.(true);
  const refuse = function refuse(): never {
    throw new Error('not allowed here: no network, no other processes');
  };
  const close = (owner: object, names: readonly string[]): void => {
    for (const name of names) if (name in owner) Object.defineProperty(owner, name, { value: refuse, writable: false, configurable: false });
  };
  const functionsOf = (owner: object): string[] => Object.entries(owner).filter(([, value]) => typeof value === 'function').map(([name]) => name);
  const net = builtin('net');
  const dgram = builtin('dgram');
  const dns = builtin('dns');
  close(net.Socket.prototype, ['connect']);
  close(net.Server.prototype, ['listen']);
  close(dgram.Socket.prototype, ['bind', 'connect', 'send']);
  close(dns, functionsOf(dns));
  close(dns.promises, functionsOf(dns.promises));
  close(process, ['kill', '_kill', '_debugProcess', '_debugEnd']);
  for (const name of ['fetch', 'WebSocket', 'EventSource']) Reflect.deleteProperty(globalThis, name);
  builtin('module').syncBuiltinESMExports();
}

const prelude = `data:text/javascript,${encodeURIComponent(`(${takeNetworkAway.toString()})(process.getBuiltinModule)`)}`;
