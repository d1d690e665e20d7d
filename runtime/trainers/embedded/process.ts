/** Starts the embedded trainer as a process of its own, and watches it. */
import { spawn, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { resolve as absolute } from 'node:path';
import { startedStamp } from '../../backbone/stamp.ts';
import { fromErrorInfo, TuningForkError } from '../../protocol/errors.ts';
import type { ProcessStamp } from '../../protocol/trace.ts';
import type { TrainerAddress } from '../../protocol/trainer.ts';
import { TrainerClient } from '../client.ts';
import type { TrainerNews, TrainerStart } from './main.ts';

export interface StartOptions {
  /** A model directory with `model.safetensors`, `onnx/model.onnx` and the train graphs. */
  model: string;
  /** The Node that runs it; this one. */
  node?: string;
  /** Threads of ONNX Runtime in training; all cores. The same number gives the same bits. */
  threads?: number;
  heartbeatMs?: number;
  /** Most bytes of packs in a request. */
  bodyLimit?: number;
  /** Where checkpoints with a relative folder go. */
  keep?: string;
  /** What it writes to stdout and stderr. */
  onLog?(text: string): void;
}

export interface TrainerExit {
  code: number | null;
  signal: NodeJS.Signals | null;
  /** The end of what it wrote. */
  told: string;
}

export interface TrainerProcess {
  readonly address: TrainerAddress;
  readonly stamp: ProcessStamp;
  readonly client: TrainerClient;
  /** Whoever ended it. */
  readonly exited: Promise<TrainerExit>;
  /** Lets it finish what it does, then ends it. */
  stop(): Promise<void>;
  kill(): void;
}

const entry = fileURLToPath(new URL('./main.ts', import.meta.url));
const STOP_MS = 10_000;

export async function startEmbeddedTrainer({ model, node = process.execPath, onLog, ...more }: StartOptions): Promise<TrainerProcess> {
  const start: TrainerStart = { directory: absolute(model), ...more };
  // What editors put into the environment of their children would reach Node here too.
  const { NODE_OPTIONS: _options, VSCODE_INSPECTOR_OPTIONS: _inspector, ...env } = process.env;
  const child = spawn(node, ['--disable-warning=ExperimentalWarning', entry, JSON.stringify(start)], { stdio: ['ignore', 'pipe', 'pipe', 'ipc'], windowsHide: true, env });
  const stamp = startedStamp(child);
  const exited = watch(child, onLog);
  const address = await new Promise<TrainerAddress>((resolve, reject) => {
    child.once('error', (error) => reject(new TuningForkError('trainer', `The trainer could not be started: ${error.message}.`, { where: { file: node }, cause: error })));
    child.once('message', (news: TrainerNews) => 'address' in news ? resolve(news.address) : reject(fromErrorInfo(news.error)));
    void exited.then(({ code, signal, told }) => reject(new TuningForkError('trainer-gone', `The trainer ended while it was starting (${signal ?? `exit code ${code}`}).${told && ` It said: ${told}`}`)));
  });
  return new RunningTrainer(child, stamp, address, exited);
}

class RunningTrainer implements TrainerProcess {
  readonly address: TrainerAddress;
  readonly stamp: ProcessStamp;
  readonly client: TrainerClient;
  readonly exited: Promise<TrainerExit>;
  readonly #child: ChildProcess;

  constructor(child: ChildProcess, stamp: ProcessStamp, address: TrainerAddress, exited: Promise<TrainerExit>) {
    this.#child = child;
    this.address = address;
    this.exited = exited;
    this.stamp = stamp;
    this.client = new TrainerClient(address);
    void exited.then(() => this.client.close());
  }

  async stop(): Promise<void> {
    const timer = setTimeout(() => this.kill(), STOP_MS);
    // One that is gone, or going, has nothing to say.
    await this.client.shutdown().catch(() => undefined);
    await this.exited;
    clearTimeout(timer);
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }
}

function watch(child: ChildProcess, onLog: ((text: string) => void) | undefined): Promise<TrainerExit> {
  let told = '';
  for (const stream of [child.stdout!, child.stderr!]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      told = (told + text).slice(-4_000);
      onLog?.(text);
    });
  }
  return new Promise((resolve) => child.once('close', (code, signal) => resolve({ code, signal, told: told.trim() })));
}
