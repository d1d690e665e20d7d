/** The thread that owns the weights, as the rest of the process sees it. A run of a graph blocks its thread, so it has one of its own. */
import { Worker } from 'node:worker_threads';
import { explainLoading } from '../../policy/onnx/native.ts';
import { fromErrorInfo, TuningForkError, type ErrorInfo } from '../../protocol/errors.ts';
import type { StepMetrics, StepRequest } from '../../protocol/trainer.ts';
import type { PackScores, WirePack } from '../packs.ts';
import type { LastStep } from './checkpoints.ts';

/** What the thread is asked for, and what it answers. */
export interface ComputeRequests {
  step: [{ packs: WirePack[]; request: StepRequest }, { metrics: StepMetrics; model: Uint8Array<ArrayBuffer> }];
  score: [{ packs: WirePack[]; temperature: number; directory?: string }, PackScores[]];
  save: [{ directory: string; optimizer: boolean; lastStep?: LastStep }, null];
  /** No directory: the weights it began with. */
  load: [{ directory?: string }, { version: number; lastStep?: LastStep; model: Uint8Array<ArrayBuffer> }];
}

export type ComputeName = keyof ComputeRequests;
export type ToCompute = { [N in ComputeName]: { id: number; name: N; params: ComputeRequests[N][0] } }[ComputeName];
export type FromCompute = { id: number; result: unknown } | { id: number; error: ErrorInfo } | { ready: { parameters: number } } | { broken: ErrorInfo };

export interface ComputeData {
  directory: string;
  threads: number;
}

export class Compute {
  readonly parameters: number;
  readonly #worker: Worker;
  readonly #waiting = new Map<number, PromiseWithResolvers<never>>();
  #next = 0;

  private constructor(worker: Worker, parameters: number, onBroken: (error: Error) => void) {
    this.#worker = worker;
    this.parameters = parameters;
    worker.on('message', (message: FromCompute) => this.#receive(message));
    const broken = (error: Error): void => {
      for (const { reject } of this.#waiting.values()) reject(error);
      onBroken(error);
    };
    worker.on('error', broken);
    worker.on('exit', (code) => broken(new TuningForkError('trainer', `The training thread ended with exit code ${code}.`)));
  }

  static open(data: ComputeData, onBroken: (error: Error) => void): Promise<Compute> {
    const worker = new Worker(new URL('./thread.ts', import.meta.url), { workerData: data, name: 'tuning-fork training' });
    return new Promise((resolve, reject) => {
      const failed = (error: unknown): void => reject(explainLoading(error));
      worker.once('error', failed);
      worker.once('message', (message: FromCompute) => {
        worker.off('error', failed);
        if ('ready' in message) return resolve(new Compute(worker, message.ready.parameters, onBroken));
        if ('broken' in message) reject(fromErrorInfo(message.broken));
      });
    });
  }

  ask<N extends ComputeName>(name: N, params: ComputeRequests[N][0]): Promise<ComputeRequests[N][1]> {
    const id = this.#next++;
    const waiting = Promise.withResolvers<never>();
    this.#waiting.set(id, waiting);
    this.#worker.postMessage({ id, name, params } as ToCompute);
    return waiting.promise;
  }

  #receive(message: FromCompute): void {
    if (!('id' in message)) return;
    const waiting = this.#waiting.get(message.id);
    this.#waiting.delete(message.id);
    if ('error' in message) waiting?.reject(fromErrorInfo(message.error));
    else waiting?.resolve(message.result as never);
  }
}
