import { spawn, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { cleanEnvironment } from '../processes/environment.ts';
import { startedStamp } from '../processes/stamp.ts';
import { fromErrorInfo, TuningForkError } from '../protocol/errors.ts';
import type { ProcessStamp } from '../protocol/trace.ts';
import type { BlockedReport, FromWorker, LoadedWorkflow, ToWorker, WorkerLoad } from '../protocol/worker.ts';
import { waitsForDebugger } from './inspector.ts';

interface WorkerEvents {
  message(message: FromWorker): void;
  blocked(report: BlockedReport): void;
  exit(how: Exit): void;
}

export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
  /** The end of what the process itself wrote to stderr: V8's last words, say. */
  told: string;
}

/** What `rollout.worker_memory` is when nobody says otherwise: a worker is started before its run is known. */
const DEFAULT_MEMORY = 2048;

const entry = fileURLToPath(new URL('../worker/main.ts', import.meta.url));

/** One worker process: started empty and early, so that loading the user's files is all that is left when a run begins. */
export class WorkerProcess {
  readonly ready: Promise<void>;
  readonly child: ChildProcess;
  readonly stamp: ProcessStamp;
  /** Megabytes it may fill. */
  readonly memory: number;
  /** No new rollouts: it runs code that was given up, or its state is doubtful. */
  draining = false;
  /** The process is gone. */
  ended = false;
  #told = '';
  #loading: { resolve(workflow: LoadedWorkflow): void; reject(error: Error): void } | undefined;
  #events: WorkerEvents | undefined;

  constructor(memory = DEFAULT_MEMORY) {
    this.memory = memory;
    this.child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', '--stack-trace-limit=50', `--max-old-space-size=${memory}`, entry], {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc', 'pipe'], serialization: 'advanced', windowsHide: true, env: cleanEnvironment(),
    });
    this.stamp = startedStamp(this.child);
    this.ready = new Promise((resolve, reject) => {
      this.child.on('error', (error) => reject(new TuningForkError('worker', `A worker could not be started: ${error.message}`)));
      this.child.on('message', (message: FromWorker | null) => {
        if (message?.type === 'ready') resolve();
        else if (message?.type === 'inspector') void waitsForDebugger(message.url).then(() => { if (!this.ended) this.#receive(message); });
        else if (message !== null) this.#receive(message);
      });
      this.child.once('exit', (code, signal) => {
        this.ended = true;
        const gone = new TuningForkError('worker', `The worker ended while it was starting (${signal ?? `exit code ${code}`}).${this.#told === '' ? '' : ` It said: ${this.#told.trim()}`}`, {
          next: 'Its output above names the cause.',
        });
        reject(gone);
        this.#loading?.reject(gone);
        this.#events?.exit({ code, signal, told: this.#told.trim() });
      });
    });
    this.ready.catch(() => {});
    const keepTail = (chunk: Buffer): void => void (this.#told = (this.#told + chunk.toString()).slice(-4_000));
    this.child.stdout!.on('data', keepTail);
    this.child.stderr!.on('data', keepTail);
    let pipe = '';
    this.child.stdio[4]!.on('data', (chunk: Buffer) => {
      pipe += chunk.toString();
      const end = pipe.indexOf('\n');
      if (end !== -1) this.#events?.blocked(readReport(pipe.slice(0, end)));
    });
  }

  async load(load: WorkerLoad, events: WorkerEvents): Promise<LoadedWorkflow> {
    this.#events = events;
    await this.ready;
    if (this.ended) throw new TuningForkError('worker', 'The worker ended while it was waiting for work.');
    return new Promise((resolve, reject) => {
      this.#loading = { resolve, reject };
      this.send({ type: 'load', load });
    });
  }

  send(message: ToWorker): void {
    if (!this.ended && this.child.connected) this.child.send(message, () => {});
  }

  /** Lets it end by itself, then not any more. */
  stop(): void {
    if (this.ended) return;
    this.send({ type: 'stop' });
    setTimeout(() => this.kill(), 500).unref();
  }

  kill(): void {
    if (!this.ended) this.child.kill('SIGKILL');
  }

  #receive(message: FromWorker): void {
    if (message.type === 'loaded') this.#loading?.resolve(message.workflow);
    else if (message.type === 'load-failed') this.#loading?.reject(fromErrorInfo(message.error));
    else this.#events?.message(message);
  }
}

/** User code shares the process, and could write to that pipe too. */
function readReport(line: string): BlockedReport {
  try {
    return JSON.parse(line) as BlockedReport;
  } catch {
    return { blockedFor: 0 };
  }
}
