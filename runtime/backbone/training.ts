/** A training as a run: the loop of runtime/training, its rollouts run here, its weights owned by a trainer process. */
import { createHash } from 'node:crypto';
import { appendFile, mkdir } from 'node:fs/promises';
import { availableParallelism, hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TokenPolicy } from '../policy/policy.ts';
import { trainerPolicy } from '../policy/trainer.ts';
import type { RunStatus, StartRun } from '../protocol/backbone.ts';
import { TuningForkError, type ErrorInfo } from '../protocol/errors.ts';
import { languageOf } from '../protocol/localize.ts';
import type { Task } from '../protocol/task.ts';
import type { ProcessStamp, RolloutRecord, Split } from '../protocol/trace.ts';
import { openTasks } from '../tasks/open.ts';
import { openRunReader } from '../trace/index.ts';
import { TrainerElsewhere } from '../trainers/elsewhere.ts';
import type { RunningTrainer } from '../trainers/running.ts';
import { TrainingControl } from '../training/control.ts';
import { estimateTraining, measurementOf } from '../training/estimate.ts';
import { fingerprintOf } from '../training/fingerprint.ts';
import { train } from '../training/loop.ts';
import type { CollectBatch } from '../training/options.ts';
import { checkTrainable } from '../training/settings.ts';
import { readTrainingState } from '../training/state.ts';
import type { Trainer } from '../training/trainer.ts';
import { asBegun } from './asked.ts';
import type { Host } from './base-run.ts';
import type { Job } from './jobs.ts';
import { prepareRun, type Prepared } from './prepare.ts';
import { RolloutsRun } from './rollouts-run.ts';
import { keepTokenizer } from './tokenizers.ts';
import { trainerPlan, type TrainerPlan } from './trainers.ts';

/** From the end of a connection to the end of the process that had it. */
const EXIT_MS = 1_000;

export class TrainingRun extends RolloutsRun {
  readonly #stop = new AbortController();
  readonly #control = new TrainingControl((paused) => this.events.emit({ type: 'paused', paused }));
  readonly #request: StartRun;
  readonly #plan: TrainerPlan;
  #opening: Promise<RunningTrainer> | undefined;
  #trainer: RunningTrainer | undefined;
  /** Of the model, on this machine. */
  #files = '';
  #threads = availableParallelism();
  #logged: Promise<unknown> = Promise.resolve();
  readonly #told = new Set<string>();

  static async prepare(request: StartRun, host: Host): Promise<TrainingRun> {
    const asked = await asBegun(request);
    let plan: TrainerPlan | undefined;
    const prepared = await prepareRun(asked, host.project, (config) => {
      plan = trainerPlan(asked, config, host.policies);
      checkTrainable(config.config, (key) => config.place(key));
    });
    return new TrainingRun(asked, prepared, host, plan!);
  }

  private constructor(request: StartRun, prepared: Prepared, host: Host, plan: TrainerPlan) {
    super(prepared, host);
    this.#request = request;
    this.#plan = plan;
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
    await super.closed();
    // One that is still on its way up comes no further.
    this.#stop.abort();
    const trainer = await this.#opening?.catch(() => undefined);
    await trainer?.stop();
  }

  protected override get others(): ProcessStamp[] {
    return [...this.#trainer?.stamps ?? []];
  }

  protected override async work(): Promise<boolean> {
    const { config, load, runsRoot } = this.prepared;
    const { resume, force } = this.#request.training ?? {};
    const before = resume === undefined ? undefined : await readTrainingState(this.dir);
    this.#threads = before?.fingerprint.threads ?? this.#threads;
    const opening = performance.now();
    const started = await Promise.all([
      this.#startTrainer(), this.rollouts.start(), this.#tasks('training'), this.#tasks('validation'),
    ]).catch((error: unknown) => {
      if (!this.#stop.signal.aborted) throw error;
    });
    if (started === undefined) return true;
    const [trainer, workflow, training, validation] = started;
    this.#files = await this.#plan.files(this.#trainer!);
    const policy = await trainerPolicy(() => this.#trainer!.address, { label: this.#plan.label, directory: this.#files });
    this.events.emit({ type: 'model-ready', label: policy.label, milliseconds: performance.now() - opening });
    await keepTokenizer(runsRoot, policy.tokenizer.sha256, this.#files);
    this.#checkModel(policy);
    await this.update({ policy: policy.label, workflow: workflow.name, tokenizer: { sha256: policy.tokenizer.sha256, template: policy.format.sha256 } });
    const files = [load.workflow.file, ...(load.judge === undefined ? [] : [load.judge.file])];
    const info = await trainer.info();
    const counts = { training: training.length, validation: validation.length };
    const first = (before?.step ?? 0) + 1;
    this.events.emit({ type: 'estimate', estimate: estimateTraining(config.config, info, counts) });
    const end = await train({
      dir: this.dir, run: this.id, workflow: workflow.name, config: config.config, tasks: { training, validation }, trainer,
      fingerprint: await fingerprintOf({ config: config.shown, files, root: config.dir, training, validation, model: this.#plan.model, ...(this.#plan.backbone === 'embedded' && { threads: this.#threads }) }),
      revive: () => this.#startTrainer(true),
      staleness: config.config.trainer_common.max_staleness ?? (this.#plan.backbone === 'gpu' ? 1 : 0),
      collect: (batch) => this.#collect(batch, policy),
      stored: (rollouts) => this.#stored(rollouts),
      emit: (event) => {
        if (event.type === 'notice') this.#tell(event.level, event.notice);
        else this.events.emit({ type: 'training', event });
        // Counts told what it takes before the first step; now that one was made, minutes can be told too.
        if (event.type === 'step' && event.row.step === first) this.events.emit({ type: 'estimate', estimate: estimateTraining(config.config, info, counts, measurementOf(event.row)) });
      },
      language: languageOf(this.#request.env),
      signal: this.#stop.signal,
      control: this.#control,
      resume: resume === undefined ? false : force ? 'anyway' : true,
    }).finally(() => policy.close());
    this.events.emit({ type: 'report', report: end.report, files: end.files });
    return end.state === 'stopped';
  }

  /** `again`: there was one before, and it is gone. */
  async #startTrainer(again = false): Promise<Trainer> {
    if (again) this.events.emit({ type: 'notice', level: 'warning', notice: await goneNotice(this.#trainer) });
    // One that has only fallen silent still holds the memory that the next one needs.
    this.#trainer?.kill();
    this.#opening = this.#plan.open({
      threads: this.#threads, patient: again, alone: this.host.isAlone(this.id), signal: this.#stop.signal,
      progress: (text) => this.events.emit({ type: 'trainer', text }),
      notice: (notice) => this.#tell(notice.code === 'trainer' ? 'info' : 'warning', notice),
      log: (text) => this.#log(text),
    });
    this.#trainer = await this.#opening;
    await this.update({ workers: [...(this.prepared.writer.info.workers ?? []), ...this.#trainer.stamps] });
    return this.#trainer.elsewhere ? new TrainerElsewhere(this.#trainer.client, nameElsewhere(this.dir, this.id)) : this.#trainer.client;
  }

  /** A trainer on this machine says the same in its answers and by itself. */
  #tell(level: 'info' | 'warning' | 'error', notice: ErrorInfo): void {
    if (notice.code === 'trainer' && this.#told.has(notice.message)) return;
    this.#told.add(notice.message);
    this.events.emit({ type: 'notice', level, notice });
  }

  #log(text: string): void {
    const folder = join(this.dir, 'log');
    this.#logged = this.#logged.then(() => mkdir(folder, { recursive: true })).then(() => appendFile(join(folder, 'trainer.log'), text)).catch(() => {});
  }

  /** What would break every prompt, or the going on. */
  #checkModel({ tokenizer, contextLength }: TokenPolicy): void {
    const { config, writer } = this.prepared;
    const before = this.#request.training?.resume === undefined ? undefined : writer.info.tokenizer?.sha256;
    if (before !== undefined && before !== tokenizer.sha256) {
      throw new TuningForkError('usage', 'The trainer has a model with another tokenizer than the one this training began with.', { next: 'Give it the model it had, or start a new training.' });
    }
    const { max_model_len: asked } = config.config.rollout;
    if (asked !== undefined && asked > contextLength) {
      throw new TuningForkError('config', `\`rollout.max_model_len\` is ${asked}, and the model holds ${contextLength} tokens.`, { where: config.place('rollout.max_model_len'), next: `Set it to ${contextLength} or less, or leave it out.` });
    }
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
    const { policies } = this.host;
    const records: RolloutRecord[] = [];
    const model = checkpoint === undefined ? policy : await trainerPolicy(() => this.#trainer!.address, { label: policy.label, checkpoint, directory: this.#files });
    const begun = new Map(this.prepared.writer.recovered.map(({ place, attempt }) => [place.rollout, attempt]));
    const repeats = Map.groupBy(rollouts, ({ place }) => place.taskIndex);
    const run = this.id;
    this.progress.change({ planned: rollouts.length });
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

/** Several people may train on one machine, each with runs of the same name. */
function nameElsewhere(dir: string, run: string): string {
  return `${run}-${createHash('sha256').update(`${hostname()} ${dir}`).digest('hex').slice(0, 8)}`;
}

/** That the training goes on, and why it stood still, as far as it is known on this machine. */
async function goneNotice(trainer: RunningTrainer | undefined): Promise<ErrorInfo> {
  if (trainer?.elsewhere) return { code: 'trainer-gone', message: 'The GPU runtime elsewhere does not answer any more. Once it does, it is given the weights of the last step.' };
  const exit = await Promise.race([trainer?.exited, sleep(EXIT_MS)]);
  if (exit === undefined) return { code: 'trainer-gone', message: 'The trainer is gone. It is started again and given the weights of the last step.' };
  const { code, signal, told } = exit;
  const line = told.split('\n').at(-1);
  const next = signal === 'SIGKILL' ? 'If memory ran out, train adapters (lora), a smaller model or shorter answers.' : line ? `It said: ${line}` : undefined;
  return { code: 'trainer-gone', message: `The trainer ended (${signal ?? `exit code ${code}`}). It is started again and given the weights of the last step.`, ...(next !== undefined && { next }) };
}
