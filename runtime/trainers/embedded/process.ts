/** Starts the embedded trainer as a process of its own, and watches it. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { resolve as absolute } from 'node:path';
import { cleanEnvironment } from '../../processes/environment.ts';
import { fromErrorInfo, TuningForkError } from '../../protocol/errors.ts';
import type { TrainerAddress } from '../../protocol/trainer.ts';
import { TrainerProcess, watchChild } from '../process.ts';
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
  /** Ends it while it starts. */
  signal?: AbortSignal;
  /** What it writes to stdout and stderr. */
  log?(text: string): void;
}

const entry = fileURLToPath(new URL('./main.ts', import.meta.url));
const STOP_MS = 10_000;

export async function startEmbeddedTrainer({ model, node = process.execPath, signal, log, ...more }: StartOptions): Promise<TrainerProcess> {
  signal?.throwIfAborted();
  const start: TrainerStart = { directory: absolute(model), ...more };
  const child = spawn(node, ['--disable-warning=ExperimentalWarning', entry, JSON.stringify(start)], { stdio: ['ignore', 'pipe', 'pipe', 'ipc'], windowsHide: true, env: cleanEnvironment(node) });
  const watched = watchChild(child, ['stdout', 'stderr'], (text) => log?.(text));
  const end = (): void => void child.kill('SIGKILL');
  signal?.addEventListener('abort', end, { once: true });
  const address = await new Promise<TrainerAddress>((resolve, reject) => {
    child.once('error', (error) => reject(new TuningForkError('trainer', `The trainer could not be started: ${error.message}.`, { where: { file: node }, cause: error })));
    child.once('message', (news: TrainerNews) => 'address' in news ? resolve(news.address) : reject(fromErrorInfo(news.error)));
    void watched.exited.then(({ code, signal, told }) => reject(new TuningForkError('trainer-gone', `The trainer ended while it was starting (${signal ?? `exit code ${code}`}).${told && ` It said: ${told}`}`)));
  }).finally(() => signal?.removeEventListener('abort', end));
  return new TrainerProcess(watched, address, STOP_MS);
}
