/** Training: rollouts of a step, their advantages, one step of the trainer, and again, with validations and checkpoints on the way. */
import { TuningForkError, type ErrorInfo } from '../protocol/errors.ts';
import { START_CHECKPOINT, type StepSettings, type TrainerInfo } from '../protocol/trainer.ts';
import type { KeptCheckpoint, StepRow, TrainingPhase, TrainingPlan } from '../protocol/training.ts';
import { encodeStep } from '../trainers/packs.ts';
import { Ahead, type Gathered } from './ahead.ts';
import { makeBatch, type BatchOptions, type TrainingBatch } from './batch.ts';
import { Busy } from './busy.ts';
import { signsOf, type Sign } from './collapse.ts';
import { TrainingControl } from './control.ts';
import { gather, type Gathering } from './gather.ts';
import type { TrainingEnd, TrainOptions } from './options.ts';
import { checkHope } from './hope.ts';
import { makeReport, writeReport } from './report.ts';
import { nothingLearned, rowOf, type Stepped } from './row.ts';
import { Saving } from './saving.ts';
import { planStep, scheduleOf, tasksOfStep, totalSteps, type Schedule } from './schedule.ts';
import { batchOptions, stepSettings } from './settings.ts';
import { TrainingStore } from './state.ts';
import { Stopwatch } from './stopwatch.ts';
import { EventFile } from './tensorboard.ts';
import { restore, Reviving, type Trainer } from './trainer.ts';
import { Validation } from './validation.ts';

export async function train(options: TrainOptions): Promise<TrainingEnd> {
  const control = options.control ?? new TrainingControl();
  try {
    const training = await prepared(options, control);
    const end = await training.go();
    control.end(end.last !== null);
    return end;
  } finally {
    control.end(false);
  }
}

async function prepared(options: TrainOptions, control: TrainingControl): Promise<Training> {
  if (options.tasks.training.length === 0) throw new TuningForkError('data', 'There is no task to train on.', { next: 'Name a JSONL file with one task a line at task_reader.' });
  const info = await options.trainer.info();
  // One that runs longer than a training may have learned something in another.
  if (!options.resume && info.version !== 0) await options.trainer.load(START_CHECKPOINT);
  const store = options.resume ? await TrainingStore.open(options.dir, options.fingerprint, { anyway: options.resume === 'anyway', start: info.directory })
    : await TrainingStore.create(options.dir, info.directory, 0, options.fingerprint);
  if (options.resume) {
    options.emit({ type: 'phase', step: store.state.step, phase: 'recover' });
    await restore(options.trainer, store);
  }
  return new Training(options, store, info, await EventFile.open(options.dir, store.rows), control);
}

class Training {
  readonly #options: TrainOptions;
  readonly #store: TrainingStore;
  readonly #info: TrainerInfo;
  readonly #events: EventFile;
  readonly #control: TrainingControl;
  readonly #trainer: Reviving;
  readonly #schedule: Schedule;
  readonly #total: number;
  readonly #batch: Omit<BatchOptions, 'version'>;
  /** Earlier sittings of it count too. */
  readonly #started: number;
  readonly #sampling: Busy;
  readonly #learning: Busy;
  readonly #gathering: Gathering;
  readonly #ahead = new Ahead((step) => this.#gatherStep(step));
  readonly #validation: Validation;
  readonly #saving: Saving;
  readonly #told = new Map<Sign['kind'], ErrorInfo>();

  constructor(options: TrainOptions, store: TrainingStore, info: TrainerInfo, events: EventFile, control: TrainingControl) {
    const { config, tasks } = options;
    this.#options = options;
    this.#store = store;
    this.#info = info;
    this.#events = events;
    this.#control = control;
    this.#started = control.now() - store.rows.reduce((sum, { time }) => sum + time.total, 0);
    this.#trainer = new Reviving(options.trainer, store, options.revive);
    this.#schedule = scheduleOf(tasks.training.length, config.data.train_batch_size);
    this.#total = totalSteps(config, this.#schedule);
    this.#batch = { ...batchOptions(config, info), maxStaleness: this.#staleness, ...options.batch };
    this.#sampling = new Busy(control);
    this.#learning = new Busy(control);
    this.#gathering = { ...options, sampling: this.#sampling, recover: (cause) => this.#trainer.recover(cause) };
    this.#validation = new Validation(options, store, control, (wanted) => gather(wanted, this.#gathering));
    this.#saving = new Saving(options, store, this.#trainer);
    const steps = this.#steps;
    for (let end = 1; end <= steps.length; end++) for (const sign of signsOf(steps.slice(0, end), info.dtype)) this.#told.set(sign.kind, sign.notice);
  }

  async go(): Promise<TrainingEnd> {
    const { signal, config, emit } = this.#options;
    const { val_before_train: before, val_only: only } = config.trainer_common;
    await this.#store.plan(this.#total);
    emit({ type: 'training', plan: this.#plan() });
    this.#note(this.#info.notes);
    try {
      if (before || only) await this.#evaluate(0);
      if (!only) await this.#makeSteps();
    } catch (error) {
      // Whatever fails because it was told to stop is no failure.
      if (!signal.aborted) throw error;
    }
    if (signal.aborted) await this.#saving.saveAtLast();
    return this.#end();
  }

  async #makeSteps(): Promise<void> {
    const { signal } = this.#options;
    await this.#afterStep(this.#step);
    await this.#safePoint();
    while (this.#step < this.#total && !signal.aborted) {
      await this.#makeStep(this.#step + 1);
      await this.#safePoint();
      await this.#afterStep(this.#step);
      await this.#safePoint();
    }
    if (this.#validation.regular && this.#step === this.#total && !signal.aborted) await this.#evaluate(0);
  }

  /** The last one that was made. */
  get #step(): number {
    return this.#store.state.step;
  }

  get #steps(): StepRow[] {
    return this.#store.rows.filter((row) => row.kind === 'step');
  }

  get #staleness(): number {
    return this.#options.staleness ?? 0;
  }

  /** What the trainer says of how it trains. */
  #note(notes: readonly string[] = []): void {
    for (const message of notes) this.#options.emit({ type: 'notice', level: 'info', notice: { code: 'trainer', message } });
  }

  #phase(step: number, phase: TrainingPhase): void {
    this.#options.emit({ type: 'phase', step, phase });
  }

  async #makeStep(step: number): Promise<void> {
    const { config } = this.#options;
    const { version } = this.#store.state;
    const settings = stepSettings(config, this.#info, step, this.#total);
    const watch = new Stopwatch(this.#control);
    this.#sampling.take();
    this.#learning.take();
    this.#phase(step, 'collect');
    const { records, milliseconds } = await this.#ahead.take(step);
    await this.#safePoint('paused');
    watch.lap('collect');
    if (step === 1) checkHope(records, this.#options.run);
    const batch = makeBatch(records, { ...this.#batch, version });
    await this.#store.keepAdvantages(step, batch.advantages);
    watch.lap('prepare');
    if (batch.updates.length === 0) this.#options.emit({ type: 'notice', level: 'info', notice: nothingLearned(step, batch.counts, records) });
    const learned = batch.updates.length === 0 ? { version, metrics: undefined } : await this.#learn(step, batch, settings, watch);
    const busy = { sampling: milliseconds, sampler: this.#sampling.take(), trainer: this.#learning.take() };
    const { counts } = batch;
    await this.#tell(rowOf({ ...learned, step, epoch: this.#tasksOf(step).epoch, counts, settings, time: watch.time(counts.sampledTokens, busy) }));
  }

  async #learn(step: number, { packs, updates }: TrainingBatch, settings: StepSettings, watch: Stopwatch): Promise<Pick<Stepped, 'version' | 'metrics'>> {
    const { version } = this.#store.state;
    const learn = <T>(work: (trainer: Trainer) => Promise<T>): Promise<T> =>
      this.#learning.during(() => this.#ahead.during(step + 1, Math.min(this.#total, step + this.#staleness), () => this.#trainer.run(work)));
    if (settings.klCoef > 0) {
      this.#phase(step, 'score');
      const { packs: scores } = await learn((trainer) => trainer.score(packs, { temperature: settings.temperature, checkpoint: this.#store.state.start }));
      for (const [i, pack] of packs.entries()) pack.targets.refLogprob = scores[i]!.logprob;
      watch.lap('score');
    }
    const body = encodeStep(packs, { stepId: `step-${step}`, version, settings, updates });
    await this.#store.keepBody(step, body);
    watch.lap('prepare');
    this.#phase(step, 'learn');
    const answer = await learn((trainer) => trainer.step(body));
    this.#note(answer.notes);
    watch.lap('learn');
    return answer;
  }

  async #tell(row: StepRow): Promise<void> {
    const { emit } = this.#options;
    await this.#store.stepped(row);
    await this.#events.add(row);
    emit({ type: 'step', row });
    for (const { kind, notice } of signsOf(this.#steps, this.#info.dtype)) {
      if (this.#told.has(kind)) continue;
      this.#told.set(kind, notice);
      emit({ type: 'notice', level: 'warning', notice });
    }
  }

  #tasksOf(step: number): { epoch: number; indices: number[] } {
    const { config, tasks } = this.#options;
    return tasksOfStep(step, tasks.training.length, config.rollout.seed, this.#schedule);
  }

  async #gatherStep(step: number): Promise<Gathered> {
    const { config, tasks } = this.#options;
    const began = this.#control.now();
    const rollouts = planStep(step, this.#tasksOf(step).indices, tasks.training, config.rollout.num_repeat);
    const records = await gather({ step, split: 'training', rollouts }, this.#gathering);
    return { records, milliseconds: this.#control.now() - began };
  }

  /** The validation and the checkpoint that are due after a step; those done before the process ended are not done again. */
  async #afterStep(step: number): Promise<void> {
    if (step === 0) return;
    const last = step === this.#total;
    if (this.#validation.isDue(step, last) && !this.#options.signal.aborted) await this.#evaluate(step);
    const best = this.#store.rows.some((row) => row.kind === 'evaluation' && row.step === step && row.best);
    if (last || best || this.#saving.isRegular(step)) await this.#saving.save({ best });
  }

  async #evaluate(step: number): Promise<void> {
    if (!this.#validation.isOpen(step)) return;
    await this.#ahead.still();
    this.#phase(step, 'evaluate');
    const row = await this.#validation.of(step);
    await this.#store.evaluated(row);
    await this.#events.add(row);
    this.#options.emit({ type: 'evaluation', row });
  }

  /** Nothing is half done: it may be paused, and a checkpoint that was asked for is made. With rollouts that wait to be learned from, only when it is paused: soon there are newer weights. */
  async #safePoint(when?: 'paused'): Promise<void> {
    const { signal } = this.#options;
    if (when === 'paused' && !this.#control.paused) return;
    if (this.#control.paused) await this.#ahead.still();
    await this.#control.safePoint(this.#step === 0 ? undefined : () => this.#saving.save({ asked: true }), signal);
    if (when === 'paused') signal.throwIfAborted();
  }

  async #end(): Promise<TrainingEnd> {
    const { dir, run, workflow, signal, config } = this.#options;
    const { state, rows, durable } = this.#store;
    this.#phase(state.step, 'report');
    const [first, ...later] = state.evaluated.toSorted((a, b) => a - b);
    const last = later.at(-1);
    const best = state.checkpoints.find(({ best }) => best) ?? durable;
    const report = makeReport({
      run, workflow, model: this.#info.model, rows,
      sides: first !== 0 || last === undefined ? undefined : { before: await this.#validation.records(first), after: await this.#validation.records(last) },
      best: best?.directory ?? null, last: durable?.directory ?? null,
      notices: [...this.#told.values()], duration: this.#control.now() - this.#started,
    });
    const files = await writeReport(dir, report, this.#options.language);
    const pathOf = (checkpoint: KeptCheckpoint | undefined): string | null => checkpoint === undefined ? null : this.#store.directoryOf(checkpoint);
    if (!signal.aborted && (state.step === this.#total || config.trainer_common.val_only)) await this.#store.finish();
    return { state: signal.aborted ? 'stopped' : 'finished', step: state.step, best: pathOf(best), last: pathOf(durable), report, files };
  }

  #plan(): TrainingPlan {
    const { config, tasks } = this.#options;
    const { learningRate, entropyCoef, klCoef } = stepSettings(config, this.#info, Math.max(1, config.trainer_common.optim.lr_warmup_steps), this.#total);
    return {
      steps: this.#total, ...this.#schedule, ...this.#validation.size, repeats: config.rollout.num_repeat, trainingTasks: tasks.training.length,
      from: this.#step, learningRate, entropyCoef, klCoef,
    };
  }
}
