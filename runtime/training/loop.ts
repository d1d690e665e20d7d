/** Training: rollouts of a step, their advantages, one step of the trainer, and again, with validations and checkpoints on the way. */
import { join } from 'node:path';
import type { Sampling } from '../protocol/chat.ts';
import type { TuningForkConfig } from '../protocol/config.ts';
import { TuningForkError, type ErrorInfo } from '../protocol/errors.ts';
import type { Task } from '../protocol/task.ts';
import type { RolloutRecord, Split } from '../protocol/trace.ts';
import { START_CHECKPOINT, type StepMetrics, type StepSettings, type TrainerInfo } from '../protocol/trainer.ts';
import type { EvaluationRow, KeptCheckpoint, StepRow, TrainingEvent, TrainingPhase, TrainingPlan, TrainingReport } from '../protocol/training.ts';
import { encodeStep } from '../trainers/packs.ts';
import type { Pack } from '../tracker/index.ts';
import { Ahead, type Gathered } from './ahead.ts';
import { makeBatch, type BatchOptions } from './batch.ts';
import { Busy } from './busy.ts';
import { signsOf, type Sign } from './collapse.ts';
import { TrainingControl } from './control.ts';
import { evaluationOf, type Evaluation } from './evaluate.ts';
import type { Fingerprint } from './fingerprint.ts';
import { makeReport, writeReport } from './report.ts';
import { planEvaluation, planStep, scheduleOf, tasksOfStep, validationTasks, type PlannedRollout, type Schedule } from './schedule.ts';
import { batchOptions, checkTrainable, evaluationSampling, stepSettings } from './settings.ts';
import { CHECKPOINTS, TrainingStore, withinRun } from './state.ts';
import { EventFile } from './tensorboard.ts';
import { rounded, Stopwatch } from './stopwatch.ts';
import { restore, Reviving, type Trainer } from './trainer.ts';

export interface TrainOptions {
  /** Of the run; it is there. */
  dir: string;
  run: string;
  /** The workflow's name, for the report. */
  workflow: string;
  config: TuningForkConfig;
  tasks: Readonly<Record<Split, readonly Task[]>>;
  fingerprint: Fingerprint;
  /** At the weights the training begins with, or, going on, began with. */
  trainer: Trainer;
  /** Starts another one, at those same weights, after `trainer` is gone. Absent: then the training fails. */
  revive?(): Promise<Trainer>;
  /** Runs rollouts, each to its sealed record. */
  collect(batch: CollectBatch): Promise<RolloutRecord[]>;
  /** Those of these rollouts that are sealed already. */
  stored(rollouts: readonly string[]): Promise<RolloutRecord[]>;
  emit(event: TrainingEvent): void;
  /** Stops after what can't be begun again: a step is finished and saved, rollouts under way are given up. */
  signal: AbortSignal;
  /** Pauses it, and asks it for checkpoints. */
  control?: TrainingControl;
  /** Steps that the weights which sample may be behind those that learn; 0: rollouts and steps take turns. */
  staleness?: number;
  /** Goes on with the training in `dir`; 'anyway': although what it depends on has changed. */
  resume?: boolean | 'anyway';
  /** For measurements: `{ trees: false }` shares nothing. */
  batch?: Partial<BatchOptions>;
}

export interface CollectBatch {
  step: number;
  split: Split;
  rollouts: PlannedRollout[];
  /** Sample from these weights, a folder, instead of those in training. */
  checkpoint?: string;
  signal: AbortSignal;
  /** For whoever finds the trainer gone: resolves once one with the same weights is there. Rollouts that it took down are begun again. */
  recover(cause: unknown): Promise<void>;
}

export interface TrainingEnd {
  state: 'finished' | 'stopped';
  step: number;
  /** Absolute folders. */
  best: string | null;
  last: string | null;
  report: TrainingReport;
  /** Files of the report. */
  files: { json: string; html: string };
}

export async function train(options: TrainOptions): Promise<TrainingEnd> {
  const control = options.control ?? new TrainingControl();
  try {
    const end = await prepared(options, control).then((training) => training.go());
    control.end(end.last !== null);
    return end;
  } finally {
    control.end(false);
  }
}

async function prepared(options: TrainOptions, control: TrainingControl): Promise<Training> {
  checkTrainable(options.config);
  if (options.tasks.training.length === 0) throw new TuningForkError('data', 'There is no task to train on.', { next: 'Name a JSONL file with one task a line at task_reader.' });
  const info = await options.trainer.info();
  // One that runs longer than a training may have learned something in another.
  if (!options.resume && info.version !== 0) await options.trainer.load(START_CHECKPOINT);
  const store = options.resume ? await TrainingStore.open(options.dir, options.fingerprint, { anyway: options.resume === 'anyway' })
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
  readonly #trainer: Reviving;
  readonly #schedule: Schedule;
  readonly #total: number;
  readonly #validation: number[];
  readonly #batch: Omit<BatchOptions, 'version'>;
  readonly #told = new Map<Sign['kind'], ErrorInfo>();
  readonly #control: TrainingControl;
  readonly #started: number;
  readonly #staleness: number;
  readonly #ahead = new Ahead((step) => this.#gatherStep(step));
  readonly #sampling: Busy;
  readonly #learning: Busy;

  constructor(options: TrainOptions, store: TrainingStore, info: TrainerInfo, events: EventFile, control: TrainingControl) {
    const { config, tasks } = options;
    this.#options = options;
    this.#store = store;
    this.#info = info;
    this.#events = events;
    this.#control = control;
    this.#started = control.now();
    this.#staleness = options.staleness ?? 0;
    this.#sampling = new Busy(() => control.now());
    this.#learning = new Busy(() => control.now());
    this.#trainer = new Reviving(options.trainer, store, options.revive);
    this.#schedule = scheduleOf(tasks.training.length, config.data.train_batch_size);
    this.#total = totalSteps(config, this.#schedule);
    this.#validation = validationTasks(tasks.validation.length, config.trainer_common.val_max_num_task_each_validation, config.rollout.seed);
    this.#batch = { ...batchOptions(config, info), maxStaleness: this.#staleness, ...options.batch };
    const steps = this.#steps;
    for (let end = 1; end <= steps.length; end++) for (const sign of signsOf(steps.slice(0, end), info.dtype)) this.#told.set(sign.kind, sign.notice);
  }

  async go(): Promise<TrainingEnd> {
    const { signal, config, emit } = this.#options;
    emit({ type: 'training', plan: this.#plan() });
    this.#note(this.#info.notes);
    try {
      if (config.trainer_common.val_before_train || config.trainer_common.val_only) await this.#evaluateOnce(0);
      if (!config.trainer_common.val_only) {
        await this.#afterStep(this.#store.state.step);
        await this.#safePoint();
        while (this.#store.state.step < this.#total && !signal.aborted) {
          await this.#step(this.#store.state.step + 1);
          await this.#safePoint();
          await this.#afterStep(this.#store.state.step);
          await this.#safePoint();
        }
        if (this.#evaluates && this.#store.state.step === this.#total && !signal.aborted) await this.#evaluateOnce(0);
      }
    } catch (error) {
      // Whatever fails because it was told to stop is no failure.
      if (!signal.aborted) throw error;
    }
    if (signal.aborted && this.#unsaved) await this.#saveAtLast(this.#store.state.step);
    return this.#end();
  }

  get #steps(): StepRow[] {
    return this.#store.rows.filter((row) => row.kind === 'step');
  }

  get #evaluates(): boolean {
    return this.#validation.length > 0 && this.#options.config.trainer_common.test_freq > 0;
  }

  get #unsaved(): boolean {
    return this.#store.state.step > (this.#store.durable?.step ?? 0);
  }

  /** What the trainer says of how it trains. */
  #note(notes: readonly string[] = []): void {
    for (const message of notes) this.#options.emit({ type: 'notice', level: 'info', notice: { code: 'trainer', message } });
  }

  #phase(step: number, phase: TrainingPhase): void {
    this.#options.emit({ type: 'phase', step, phase });
  }

  async #step(step: number): Promise<void> {
    const { config, emit } = this.#options;
    const { state } = this.#store;
    const settings = stepSettings(config, this.#info, step, this.#total);
    const { epoch } = this.#tasksOf(step);
    const learn = <T>(work: () => Promise<T>): Promise<T> => this.#learning.during(() => this.#ahead.during(step + 1, Math.min(this.#total, step + this.#staleness), work));

    const watch = new Stopwatch(this.#control);
    this.#sampling.take();
    this.#learning.take();
    this.#phase(step, 'collect');
    const { records, milliseconds } = await this.#ahead.take(step);
    await this.#safePoint('paused');
    watch.lap('collect');
    const { packs, updates, counts, advantages } = makeBatch(records, { ...this.#batch, version: state.version });
    await this.#store.keepAdvantages(step, advantages);
    watch.lap('prepare');
    if (settings.klCoef > 0 && updates.length > 0) {
      this.#phase(step, 'score');
      await learn(() => this.#scoreReference(packs, settings));
      watch.lap('score');
    }

    let metrics: StepMetrics | undefined;
    let { version } = state;
    if (updates.length > 0) {
      const body = encodeStep(packs, { stepId: `step-${step}`, version, settings, updates });
      await this.#store.keepBody(step, body);
      watch.lap('prepare');
      this.#phase(step, 'learn');
      const answer = await learn(() => this.#trainer.run((trainer) => trainer.step(body)));
      ({ metrics, version } = answer);
      this.#note(answer.notes);
      watch.lap('learn');
    } else {
      const { message, where } = records.find(({ error }) => error !== undefined)?.error ?? {};
      const failed = message === undefined ? '' : ` The first rollout that failed: ${message}`;
      emit({ type: 'notice', level: 'info', notice: { code: 'training', message: `Step ${step} had nothing to learn from: ${nothingLearned(counts)}. The weights stay as they are.${failed}`, where } });
    }

    const row: StepRow = {
      kind: 'step', step, epoch, version, stepped: metrics !== undefined, ...counts, learningRate: settings.learningRate,
      ...measured(metrics, settings.klCoef > 0), time: watch.time(counts.sampledTokens, { sampling: milliseconds, sampler: this.#sampling.take(), trainer: this.#learning.take() }),
    };
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
    const records = await this.#gather({ step, split: 'training', rollouts });
    return { records, milliseconds: this.#control.now() - began };
  }

  /** The validation and the checkpoint that are due after a step; those done before the process ended are not done again. */
  async #afterStep(step: number): Promise<void> {
    if (step === 0) return;
    const { test_freq: testFreq, save_freq: saveFreq } = this.#options.config.trainer_common;
    const last = step === this.#total;
    if (this.#evaluates && (last || step % testFreq === 0) && !this.#options.signal.aborted) await this.#evaluateOnce(step);
    const best = this.#store.rows.some((row) => row.kind === 'evaluation' && row.step === step && row.best);
    const regular = saveFreq > 0 && step % saveFreq === 0;
    if (last || best || regular) await this.#save(step, { best });
  }

  async #scoreReference(packs: Pack[], { temperature }: StepSettings): Promise<void> {
    const checkpoint = this.#store.state.start;
    const { packs: scores } = await this.#trainer.run((trainer) => trainer.score(packs, { temperature, checkpoint }));
    for (const [i, pack] of packs.entries()) pack.targets.refLogprob = scores[i]!.logprob;
  }

  /** A validation of the weights of a step, or of those the training began with. */
  async #evaluateOnce(step: number): Promise<void> {
    if (this.#validation.length === 0 || this.#store.state.evaluated.includes(step)) return;
    await this.#ahead.still();
    const start = this.#control.now();
    this.#phase(step, 'evaluate');
    const { tasks, greedy, sampled } = await this.#evaluation(step);
    const value = sampled.reward?.mean ?? -Infinity;
    const row: EvaluationRow = {
      kind: 'evaluation', step, tasks: tasks.length, greedy, sampled, best: step > 0 && value > (this.#store.state.best ?? -Infinity),
      time: { at: Date.now(), total: rounded(this.#control.now() - start) },
    };
    await this.#store.evaluated(row);
    await this.#events.add(row);
    this.#options.emit({ type: 'evaluation', row });
  }

  async #evaluation(step: number): Promise<Evaluation> {
    const rollouts = this.#evaluationPlan(step);
    const checkpoint = step === 0 && this.#store.state.step > 0 ? this.#store.state.start : undefined;
    return evaluationOf(step, await this.#gather({ step, split: 'validation', rollouts, checkpoint }));
  }

  #evaluationPlan(step: number): PlannedRollout[] {
    const { config, tasks } = this.#options;
    const sampling: Sampling = evaluationSampling(config);
    return planEvaluation(step, this.#validation, tasks.validation, config.trainer_common.val_pass_n, sampling);
  }

  /** Every planned rollout's record, in the order of the plan. Those sealed by an earlier process are taken as they are. */
  async #gather(wanted: Pick<CollectBatch, 'step' | 'split' | 'rollouts' | 'checkpoint'>): Promise<RolloutRecord[]> {
    const { signal, stored, collect } = this.#options;
    const found = new Map<string, RolloutRecord>();
    for (const record of await stored(wanted.rollouts.map(({ place }) => place.rollout))) found.set(record.rollout, record);
    const missing = wanted.rollouts.filter(({ place }) => !found.has(place.rollout));
    if (missing.length > 0) {
      const collected = await this.#sampling.during(() => collect({ ...wanted, rollouts: missing, signal, recover: (cause) => this.#trainer.recover(cause) }));
      for (const record of collected) found.set(record.rollout, record);
    }
    signal.throwIfAborted();
    return wanted.rollouts.map(({ place }) => {
      const record = found.get(place.rollout);
      if (record === undefined) throw new TuningForkError('internal', `Rollout ${place.rollout} of step ${wanted.step} came to no end.`);
      return record;
    });
  }

  /** Nothing is half done: it may be paused, and a checkpoint that was asked for is made. With rollouts that wait to be learned from, only when it is paused: soon there are newer weights. */
  async #safePoint(when?: 'paused'): Promise<void> {
    const { signal } = this.#options;
    if (when === 'paused' && !this.#control.paused) return;
    const { step } = this.#store.state;
    if (this.#control.paused) await this.#ahead.still();
    await this.#control.safePoint(step === 0 ? undefined : () => this.#save(step, { asked: true }), signal);
    if (when === 'paused') signal.throwIfAborted();
  }

  async #save(step: number, why: { best?: boolean; asked?: boolean } = {}): Promise<void> {
    const { dir, emit, config } = this.#options;
    const kept = this.#store.state.checkpoints.find((checkpoint) => checkpoint.step === step);
    const best = why.best ?? kept?.best ?? false;
    const asked = why.asked === true || kept?.asked === true;
    if (kept !== undefined && kept.best === best) {
      if (asked && kept.asked === undefined) await this.#store.saved({ ...kept, asked }, () => true);
      return;
    }
    this.#phase(step, 'save');
    const name = `step-${step}`;
    const directory = join(dir, CHECKPOINTS, name);
    // Saved twice it is the same folder: once more after a stop may only make it the best.
    const { version } = await this.#trainer.run((trainer) => trainer.checkpoint({ name, directory, optimizer: true }));
    const checkpoint: KeptCheckpoint = { name, directory: withinRun(dir, directory), step, version, best, ...(asked && { asked }) };
    const { save_freq: saveFreq } = config.trainer_common;
    await this.#store.saved(checkpoint, (other) => other.best || other.asked === true || (saveFreq > 0 && other.step % saveFreq === 0));
    emit({ type: 'checkpoint', checkpoint });
  }

  /** Told to stop while its trainer is gone, it is not waited for: the steps since the last checkpoint are on the disk and made again. */
  async #saveAtLast(step: number): Promise<void> {
    try {
      await this.#save(step);
    } catch (error) {
      if (!(error instanceof TuningForkError) || (error.code !== 'trainer-gone' && error.code !== 'rollout-cancelled')) throw error;
    }
  }

  async #end(): Promise<TrainingEnd> {
    const { dir, signal, config } = this.#options;
    const { state, rows, durable } = this.#store;
    const finished = !signal.aborted;
    this.#phase(state.step, 'report');
    const evaluated = state.evaluated.toSorted((a, b) => a - b);
    const best = state.checkpoints.find(({ best }) => best) ?? durable;
    const ends = evaluated.length > 1 && evaluated[0] === 0 ? [0, evaluated.at(-1)!] as const : undefined;
    const report = makeReport({
      run: this.#options.run, workflow: this.#options.workflow, model: this.#info.model, rows,
      sides: ends === undefined ? undefined : { before: await this.#stored(ends[0]), after: await this.#stored(ends[1]) },
      best: best?.directory ?? null, last: durable?.directory ?? null,
      notices: [...this.#told.values()], duration: this.#control.now() - this.#started,
    });
    const files = await writeReport(dir, report);
    if (finished && (state.step === this.#total || config.trainer_common.val_only)) await this.#store.finish();
    return { state: finished ? 'finished' : 'stopped', step: state.step, best: this.#pathOf(best), last: this.#pathOf(durable), report, files };
  }

  async #stored(step: number): Promise<RolloutRecord[]> {
    return this.#options.stored(this.#evaluationPlan(step).map(({ place }) => place.rollout));
  }

  #pathOf(checkpoint: KeptCheckpoint | undefined): string | null {
    return checkpoint === undefined ? null : this.#store.directoryOf(checkpoint);
  }

  #plan(): TrainingPlan {
    const { config, tasks } = this.#options;
    const { learningRate, entropyCoef, klCoef } = stepSettings(config, this.#info, Math.max(1, config.trainer_common.optim.lr_warmup_steps), this.#total);
    return {
      steps: this.#total, ...this.#schedule, repeats: config.rollout.num_repeat, trainingTasks: tasks.training.length,
      validationTasks: this.#validation.length, validationRollouts: this.#validation.length * (1 + config.trainer_common.val_pass_n),
      from: this.#store.state.step, learningRate, entropyCoef, klCoef,
    };
  }
}

export function totalSteps({ trainer_common: trainer }: TuningForkConfig, { stepsPerEpoch }: Schedule): number {
  return trainer.total_training_steps ?? trainer.total_epochs * stepsPerEpoch;
}

function nothingLearned({ groups, groupsWithSpread, trainedTokens, untrained, lost, rollouts }: Pick<StepRow, 'groups' | 'groupsWithSpread' | 'trainedTokens' | 'untrained' | 'lost' | 'rollouts'>): string {
  if (lost === rollouts) return 'all its rollouts failed through no fault of the agent';
  if (groupsWithSpread === 0) return `in each of its ${groups} groups all rewards are equal`;
  const reasons = Object.entries(untrained).sort(([, a], [, b]) => b - a).map(([reason, tokens]) => `${reason} (${tokens})`);
  return trainedTokens === 0 && reasons.length > 0 ? `none of its sampled tokens could be trained: ${reasons.join(', ')}` : 'nothing was sampled for a trained role';
}

type Measured = Pick<StepRow, 'skipped' | 'loss' | 'policyLoss' | 'kl' | 'entropy' | 'clipLow' | 'clipHigh' | 'clipDual' | 'ratioMean' | 'ratioMax' | 'samplerGap' | 'importanceMean' | 'gradNorm'>;

function measured(metrics: StepMetrics | undefined, referenced: boolean): Measured {
  const of = (name: keyof StepMetrics): number | null => (metrics !== undefined && Number.isFinite(metrics[name]) ? metrics[name] : null);
  return {
    skipped: of('skipped'), loss: of('loss'), policyLoss: of('policyLoss'), kl: referenced ? of('kl') : null, entropy: of('entropy'),
    clipLow: of('clipLow'), clipHigh: of('clipHigh'), clipDual: of('clipDual'), ratioMean: of('ratioMean'), ratioMax: of('ratioMax'),
    samplerGap: of('samplerGap'), importanceMean: of('importanceMean'), gradNorm: of('gradNorm'),
  };
}
