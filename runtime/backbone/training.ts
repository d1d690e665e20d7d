/** A training as a run: the loop of runtime/training, its rollouts run here, its weights owned by a trainer process. */
import { availableParallelism } from 'node:os';
import { findPath } from '../config/files.ts';
import type { LoadedConfig } from '../config/load.ts';
import { embedded } from '../policy/open.ts';
import type { TokenPolicy } from '../policy/policy.ts';
import { trainerPolicy } from '../policy/trainer.ts';
import type { RunStatus, StartRun } from '../protocol/backbone.ts';
import { TuningForkError } from '../protocol/errors.ts';
import type { Task } from '../protocol/task.ts';
import type { ProcessStamp, RolloutRecord, Split } from '../protocol/trace.ts';
import { openTasks } from '../tasks/open.ts';
import { openRunReader } from '../trace/index.ts';
import { startEmbeddedTrainer, type TrainerProcess } from '../trainers/embedded/process.ts';
import { TrainingControl } from '../training/control.ts';
import { estimateTraining, measurementOf } from '../training/estimate.ts';
import { fingerprintOf } from '../training/fingerprint.ts';
import { train, type CollectBatch } from '../training/loop.ts';
import { readTrainingState } from '../training/state.ts';
import type { Trainer } from '../training/trainer.ts';
import type { Backbone } from './backbone.ts';
import { BaseRun } from './base-run.ts';
import type { Job } from './jobs.ts';
import { modelSpec, prepareRun, type Prepared } from './prepare.ts';
import { keepTokenizer } from './tokenizers.ts';

export class TrainingRun extends BaseRun {
  readonly #stop = new AbortController();
  readonly #control = new TrainingControl((paused) => this.events.emit({ type: 'paused', paused }));
  readonly #request: StartRun;
  readonly #model: string;
  #trainer: TrainerProcess | undefined;
  #threads = availableParallelism();

  static async prepare(request: StartRun, backbone: Backbone): Promise<TrainingRun> {
    let model = '';
    const prepared = await prepareRun(request, backbone.project, (config) => void (model = modelFolder(request, config)));
    return new TrainingRun(request, prepared, backbone, model);
  }

  private constructor(request: StartRun, prepared: Prepared, backbone: Backbone, model: string) {
    super(prepared, backbone);
    this.#request = request;
    this.#model = model;
  }

  override status(): RunStatus {
    return { ...super.status(), paused: this.running && this.#control.paused };
  }

  override pause(paused: boolean): void {
    this.#checkRunning();
    if (paused) this.#control.pause();
    else this.#control.resume();
  }

  override async checkpoint(): Promise<void> {
    this.#checkRunning();
    await this.#control.checkpoint();
  }

  #checkRunning(): void {
    if (!this.running) throw new TuningForkError('usage', `Training ${this.id} has ended.`, { next: `"tuning-fork train --resume --run ${this.id}" goes on with one that was stopped.` });
  }

  /** It saves what it has learned and ends. */
  protected override async stop(): Promise<void> {
    this.#stop.abort(new TuningForkError('rollout-cancelled', 'The training was stopped.'));
  }

  protected override async closed(): Promise<void> {
    await this.#trainer?.stop();
  }

  protected override get others(): ProcessStamp[] {
    return this.#trainer === undefined ? [] : [this.#trainer.stamp];
  }

  protected override async work(): Promise<boolean> {
    const { config, load, runsRoot } = this.prepared;
    const { resume, force } = this.#request.training ?? {};
    const before = resume === undefined ? undefined : await readTrainingState(this.dir);
    this.#threads = before?.fingerprint.threads ?? this.#threads;
    const opening = performance.now();
    const [trainer, workflow, training, validation] = await Promise.all([
      this.#startTrainer(), this.rollouts.start(), this.#tasks('training'), this.#tasks('validation'),
    ]);
    const policy = await trainerPolicy(() => this.#trainer!.address, { label: this.#label });
    this.events.emit({ type: 'model-ready', label: policy.label, milliseconds: performance.now() - opening });
    await keepTokenizer(runsRoot, policy.tokenizer.sha256, this.#model);
    await this.update({ policy: policy.label, workflow: workflow.name, tokenizer: { sha256: policy.tokenizer.sha256, template: policy.format.sha256 } });
    const files = [load.workflow.file, ...(load.judge === undefined ? [] : [load.judge.file])];
    const info = await trainer.info();
    const counts = { training: training.length, validation: validation.length };
    const first = (before?.step ?? 0) + 1;
    this.events.emit({ type: 'estimate', estimate: estimateTraining(config.config, info, counts) });
    const end = await train({
      dir: this.dir, run: this.id, workflow: workflow.name, config: config.config, tasks: { training, validation }, trainer,
      fingerprint: await fingerprintOf({ config: config.shown, files, root: config.dir, training, validation, model: this.#model, threads: this.#threads }),
      revive: () => this.#startTrainer(),
      collect: (batch) => this.#collect(batch, policy),
      stored: (rollouts) => this.#stored(rollouts),
      emit: (event) => {
        this.events.emit(event.type === 'notice' ? event : { type: 'training', event });
        // Counts told what it takes before the first step; now that one was made, minutes can be told too.
        if (event.type === 'step' && event.row.step === first) this.events.emit({ type: 'estimate', estimate: estimateTraining(config.config, info, counts, measurementOf(event.row)) });
      },
      signal: this.#stop.signal,
      control: this.#control,
      resume: resume === undefined ? false : force ? 'anyway' : true,
    });
    await policy.close();
    this.events.emit({ type: 'report', report: end.report, files: end.files });
    return end.state === 'stopped';
  }

  get #label(): string {
    return this.#model === embedded ? 'embedded' : this.#model;
  }

  async #startTrainer(): Promise<Trainer> {
    this.#trainer = await startEmbeddedTrainer({ model: this.#model, threads: this.#threads });
    await this.update({ workers: [...(this.prepared.writer.info.workers ?? []), this.#trainer.stamp] });
    return this.#trainer.client;
  }

  async #tasks(split: Split): Promise<Task[]> {
    const { config } = this.prepared;
    const reader = config.config.task_reader;
    // A training needs no validation tasks; a data set that names some must have them.
    if (split === 'validation' && reader.type === 'jsonl_dataset_file' && reader.jsonl_dataset_file.validation.file_path === undefined) return [];
    return Array.fromAsync(openTasks(config, split).tasks());
  }

  async #collect({ split, rollouts, checkpoint, signal, recover }: CollectBatch, policy: TokenPolicy): Promise<RolloutRecord[]> {
    const { door, openDefault } = this.prepared;
    const { policies } = this.backbone;
    const records: RolloutRecord[] = [];
    const model = checkpoint === undefined ? policy : await trainerPolicy(() => this.#trainer!.address, { label: this.#label, checkpoint });
    const begun = new Map(this.prepared.writer.recovered.map(({ place, attempt }) => [place.rollout, attempt]));
    const repeats = Map.groupBy(rollouts, ({ place }) => place.taskIndex);
    const run = this.id;
    this.progress.planned += rollouts.length;
    async function* jobs(): AsyncGenerator<Job> {
      for (const { place, task, sampling } of rollouts) {
        if (signal.aborted) return;
        yield { place: { ...place, run }, task, sampling, attempt: (begun.get(place.rollout) ?? 0) + 1, repeats: repeats.get(place.taskIndex)!.length, alone: false };
      }
    }
    const giveUp = (): void => this.rollouts.abandon();
    signal.addEventListener('abort', giveUp, { once: true });
    try {
      await this.rollouts.run(jobs(), {
        model, openDefault: (name) => openDefault(policies, name),
        door: { ...door, mode: split === 'training' ? 'train' : 'eval' },
        onRecord: (record) => void records.push(record),
        recover: (cause) => recover(new TuningForkError(cause.code, cause.message)),
      });
    } finally {
      signal.removeEventListener('abort', giveUp);
      if (model !== policy) await model.close();
    }
    return records;
  }

  async #stored(rollouts: readonly string[]): Promise<RolloutRecord[]> {
    const sealed = rollouts.filter((rollout) => this.prepared.writer.isSealed(rollout));
    if (sealed.length === 0) return [];
    const reader = await openRunReader(this.dir);
    return Promise.all(sealed.map((rollout) => reader.read(rollout)));
  }
}

/** Training moves weights, so it needs them: a folder, or the model that ships. */
function modelFolder(request: StartRun, config: LoadedConfig): string {
  const spec = modelSpec(request, config);
  if (spec === 'embedded') return embedded;
  const folder = typeof spec === 'string' ? findPath({ dir: request.cwd, cwd: config.dir }, spec) : undefined;
  if (folder !== undefined) return folder;
  throw new TuningForkError('config', `Training needs the weights of a model, and "${typeof spec === 'string' ? spec : spec.model}" is not a folder.`, {
    where: config.place('model.path'), next: 'Set model.path to "embedded" or to a folder with config.json, model.safetensors and the exported graphs.',
  });
}
