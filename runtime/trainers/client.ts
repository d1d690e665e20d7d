/** The trainer protocol from the side of the training loop. */
import { fromErrorInfo, TuningForkError } from '../protocol/errors.ts';
import type { Checkpoint, CheckpointBody, CheckpointFile, LoadBody, ModelFile, ScoreRequest, StepAnswer, StepLine, StepMetrics, TrainerInfo } from '../protocol/trainer.ts';
import { TrainerConnection, type AddressSource, type CallOptions } from './connection.ts';
import { decodeScores, encodeScore, type Scores, type WirePack } from './packs.ts';

export interface StepOptions extends CallOptions {
  /** Seconds since the step began. */
  onHeartbeat?(seconds: number): void;
}

export class TrainerClient {
  readonly #connection: TrainerConnection;

  constructor(address: AddressSource, options: { silenceMs?: number } = {}) {
    this.#connection = new TrainerConnection(address, options);
  }

  info(options?: CallOptions): Promise<TrainerInfo> {
    return this.#connection.info(options);
  }

  /** Logprobs and entropies at the targets of the packs. */
  async score(packs: readonly WirePack[], request: ScoreRequest, options?: CallOptions): Promise<Scores> {
    return decodeScores(await this.#connection.bytes('POST', '/v1/score', { bytes: encodeScore(packs, request) }, options));
  }

  /** `body` is made by `encodeStep`. Sent again, it is answered again and done once. */
  async step(body: Uint8Array, { onHeartbeat, signal }: StepOptions = {}): Promise<StepAnswer> {
    let answer: StepAnswer | undefined;
    await this.#connection.lines<StepLine>('/v1/step', { bytes: body }, (line) => {
      if ('error' in line) throw fromErrorInfo(line.error);
      if ('heartbeat' in line) onHeartbeat?.(line.heartbeat);
      else answer = line.done;
    }, { signal });
    if (answer === undefined) throw new TuningForkError('trainer-gone', 'The trainer ended its answer before the step was done.', { next: 'Send the step again: it is done once.' });
    return { ...answer, metrics: withNaN(answer.metrics) };
  }

  checkpoint(body: CheckpointBody, options?: CallOptions): Promise<Checkpoint> {
    return this.#connection.json('POST', '/v1/checkpoints', { json: body }, options);
  }

  checkpoints(options?: CallOptions): Promise<Checkpoint[]> {
    return this.#connection.json('GET', '/v1/checkpoints', undefined, options);
  }

  /** `directory` where this process has not written the checkpoint itself. */
  load(name: string, directory?: string, options?: CallOptions): Promise<Checkpoint> {
    const body: LoadBody = { directory };
    return this.#connection.json('POST', `/v1/checkpoints/${encodeURIComponent(name)}/load`, { json: body }, options);
  }

  /** Undefined: the model has none of this name. */
  async file(name: ModelFile, options?: CallOptions): Promise<Buffer | undefined> {
    try {
      return await this.#connection.bytes('GET', `/v1/files/${name}`, undefined, options);
    } catch (error) {
      if (error instanceof TuningForkError && error.code === 'trainer') return undefined;
      throw error;
    }
  }

  checkpointFiles(name: string, options?: CallOptions): Promise<CheckpointFile[]> {
    return this.#connection.json('GET', `/v1/checkpoints/${encodeURIComponent(name)}/files`, undefined, options);
  }

  downloadFile(name: string, path: string, file: string, options?: CallOptions): Promise<void> {
    return this.#connection.download(`/v1/checkpoints/${encodeURIComponent(name)}/files/${path.split('/').map(encodeURIComponent).join('/')}`, file, options);
  }

  async shutdown(): Promise<void> {
    await this.#connection.json('POST', '/v1/shutdown');
  }

  /** Of its connections; the trainer stays. */
  close(): void {
    this.#connection.close();
  }
}

/** JSON has no NaN. */
function withNaN(metrics: StepMetrics): StepMetrics {
  return Object.fromEntries(Object.entries(metrics).map(([name, value]) => [name, value ?? NaN])) as unknown as StepMetrics;
}
