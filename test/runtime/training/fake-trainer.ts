/**
 * A fake trainer and a fake crowd of rollouts, for the plumbing only: nothing is learned here. Its "weights" are a hash of every step body so
 * far, and what a rollout samples and earns follows from that hash and the rollout's name, so that a step that is lost, doubled or done in
 * another order changes every row after it. The "disk" outlives a crash, everything else does not.
 */
import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { configSchema, type TuningForkConfig } from '../../../runtime/protocol/config.ts';
import { TuningForkError } from '../../../runtime/protocol/errors.ts';
import type { Task } from '../../../runtime/protocol/task.ts';
import type { RolloutRecord } from '../../../runtime/protocol/trace.ts';
import type { Checkpoint, CheckpointBody, StepAnswer, StepRequest, TrainerInfo } from '../../../runtime/protocol/trainer.ts';
import type { MetricsRow, TrainingEvent } from '../../../runtime/protocol/training.ts';
import { fingerprintOf } from '../../../runtime/training/fingerprint.ts';
import type { CollectBatch, TrainOptions } from '../../../runtime/training/options.ts';
import type { PlannedRollout } from '../../../runtime/training/schedule.ts';
import type { Trainer } from '../../../runtime/training/trainer.ts';
import { openPackBody, type Scores } from '../../../runtime/trainers/packs.ts';
import { dice } from '../tracker/forest.ts';
import { callOf, recordOf } from './records.ts';

/** The process ends here, whatever it was about to do. */
export class Crash extends Error {}

/** Something that can go wrong at any of many places: counts them, and strikes at one. */
export interface Fate {
  at(place: string): void;
}

export const SAFE: Fate = { at: () => {} };

interface Weights {
  version: number;
  hash: string;
  optimizer: number;
}

const BASE: Weights = { version: 0, hash: 'base', optimizer: 0 };

export class FakeTrainer implements Trainer {
  weights = BASE;
  gone = false;
  steps = 0;
  readonly #fate: Fate;
  readonly #answers = new Map<string, { hash: string; answer: StepAnswer }>();

  constructor(fate: Fate) {
    this.#fate = fate;
  }

  async info(): Promise<TrainerInfo> {
    this.#alive();
    return {
      protocol: 1, model: 'fake', directory: '/models/base', version: this.weights.version, durableVersion: 0, device: 'none', dtype: 'float32', context: 512, parameters: 1_000_000,
      tokenizerSha256: '', capabilities: { trees: true, score: true, sample: true, checkpoints: true }, shape: { layers: 4, width: 128, causalKernel: false }, memory: 0,
    };
  }

  async score(packs: Parameters<Trainer['score']>[0]): Promise<Scores> {
    this.#alive();
    this.#fate.at('score');
    return { version: this.weights.version, packs: packs.map(({ targets }) => ({ logprob: targets.sampledLogprob.map((value) => value - 0.5), entropy: new Float32Array(targets.node.length) })) };
  }

  async step(body: Uint8Array): Promise<StepAnswer> {
    this.#alive();
    this.#fate.at('before a step');
    const hash = createHash('sha256').update(body).digest('hex');
    const request = openPackBody(body).request as StepRequest;
    const known = this.#answers.get(request.stepId);
    if (known !== undefined && known.hash === hash) return known.answer;
    if (known !== undefined || request.version !== this.weights.version) throw new TuningForkError('trainer', `${request.stepId} does not fit version ${this.weights.version}.`);
    this.weights = { version: this.weights.version + 1, hash: createHash('sha256').update(`${this.weights.hash} ${hash}`).digest('hex'), optimizer: this.weights.optimizer + request.updates.length };
    this.steps++;
    const { number } = dice(parseInt(this.weights.hash.slice(0, 8), 16));
    const answer: StepAnswer = {
      stepId: request.stepId, version: this.weights.version,
      metrics: {
        loss: number(), policyLoss: number(), kl: 0.1 * number(), entropy: 1 + number(), clipLow: 0, clipHigh: 0, clipDual: 0, ratioMean: 1, ratioMax: 1 + number(),
        samplerGap: 0, importanceMean: 1, gradNorm: number(), updates: request.updates.length, skipped: 0, targets: 1, nodes: 1, milliseconds: 1,
      },
    };
    this.#answers.set(request.stepId, { hash, answer });
    this.#fate.at('after a step');
    return answer;
  }

  async checkpoint({ name, directory, optimizer }: CheckpointBody): Promise<Checkpoint> {
    this.#alive();
    this.#fate.at('before a checkpoint');
    await mkdir(directory, { recursive: true });
    await writeFile(join(directory, 'weights.json'), JSON.stringify(this.weights));
    this.#fate.at('after a checkpoint');
    return { name, directory, version: this.weights.version, optimizer };
  }

  async load(name: string, directory?: string): Promise<Checkpoint> {
    this.#alive();
    this.weights = JSON.parse(await readFile(join(directory!, 'weights.json'), 'utf8')) as Weights;
    return { name, directory: directory!, version: this.weights.version, optimizer: true };
  }

  #alive(): void {
    if (this.gone) throw new TuningForkError('trainer-gone', 'The trainer is gone.');
  }
}

/** What outlives a crash: the run's folder, and the rollouts sealed in it. */
export interface Disk {
  dir: string;
  sealed: Map<string, RolloutRecord>;
}

export const TASKS: TrainOptions['tasks'] = { training: tasksOf('train', 11), validation: tasksOf('hold', 6) };

export function configOf(trainer: Record<string, unknown> = {}, rollout: Record<string, unknown> = {}): TuningForkConfig {
  return configSchema.parse({
    rollout: { user_workflow: 'w.ts->W', num_repeat: 3, ...rollout }, data: { train_batch_size: 4 },
    trainer_common: { total_training_steps: 9, save_freq: 4, test_freq: 3, val_pass_n: 2, ...trainer },
  });
}

export interface World {
  events: TrainingEvent[];
  batches: CollectBatch[];
  /** The newest trainer. */
  trainer(): FakeTrainer;
  options: TrainOptions;
}

export async function world(disk: Disk, more: Partial<TrainOptions> & { fate?: Fate } = {}): Promise<World> {
  const fate = more.fate ?? SAFE;
  let trainer = new FakeTrainer(fate);
  const events: TrainingEvent[] = [];
  const batches: CollectBatch[] = [];
  const config = more.config ?? configOf();
  const options: TrainOptions = {
    dir: disk.dir, run: 'run', workflow: 'fake', config, tasks: TASKS, trainer,
    fingerprint: await fingerprintOf({ config: JSON.parse(JSON.stringify(config)), files: [], root: disk.dir, ...(more.tasks ?? TASKS), model: 'base' }),
    revive: async () => (trainer = new FakeTrainer(fate)),
    collect: async (batch) => {
      batches.push(batch);
      const records: RolloutRecord[] = [];
      for (const rollout of batch.rollouts) {
        fate.at('a rollout');
        while (trainer.gone) await batch.recover(new TuningForkError('trainer-gone', 'The trainer is gone.'));
        const record = rolled(rollout, batch.checkpoint === undefined ? trainer.weights : BASE);
        if (disk.sealed.has(record.rollout)) throw new Error(`Rollout ${record.rollout} is sealed twice.`);
        disk.sealed.set(record.rollout, record);
        records.push(record);
      }
      return records.reverse();
    },
    stored: async (names) => names.flatMap((name) => disk.sealed.get(name) ?? []),
    emit: (event) => {
      events.push(event);
      fate.at(`${event.type}`);
    },
    signal: new AbortController().signal,
    ...more,
  };
  return { events, batches, trainer: () => trainer, options };
}

/** Everything about it follows from its place and the weights. */
function rolled({ place, task, sampling }: PlannedRollout, weights: Weights): RolloutRecord {
  const d = dice(parseInt(createHash('sha256').update(`${weights.hash} ${place.rollout}`).digest('hex').slice(0, 8), 16));
  const sampled = Array.from({ length: 1 + d.roll(6) }, () => 10 + d.roll(4));
  const call = callOf(0, { from: null, tail: [1, place.taskIndex + 100, 2], sampled, version: weights.version });
  return recordOf({
    ...place, calls: [{ ...call, sampling: { ...call.sampling, ...sampling }, finish: d.chance(0.05) ? 'length' : 'stop' }],
    reward: d.roll(3) / 2, task: { taskId: task.taskId },
  });
}

function tasksOf(name: string, count: number): Task[] {
  return Array.from({ length: count }, (_, i) => ({ taskId: `${name}-${i}`, mainQuery: `question ${i}`, initMessages: [], envType: 'no_env', metadata: {} }));
}

/** What two runs must agree on. */
export async function untimed(dir: string): Promise<Record<string, unknown>[]> {
  const text = await readFile(join(dir, 'metrics.jsonl'), 'utf8');
  return text.split('\n').slice(0, -1).map((line) => {
    const { time: _time, ...row } = JSON.parse(line) as MetricsRow;
    return row;
  });
}
