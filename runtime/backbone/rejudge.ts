/** Stored rollouts graded again by the judge as it is now. No workflow runs, no model is called; the result is a run of its own. */
import { resolve } from 'node:path';
import { splitTarget } from '../config/target.ts';
import { judgeOf, type ResolvedJudge } from '../judges/resolve.ts';
import type { RunProgress, RunStatus, RunEvent, StartRun } from '../protocol/backbone.ts';
import { errorInfo, fromErrorInfo, type ErrorCode, type ErrorInfo } from '../protocol/errors.ts';
import { smallDrive } from '../protocol/paths.ts';
import type { OutputData } from '../protocol/task.ts';
import type { RolloutRecord } from '../protocol/trace.ts';
import { openRunReader, type RunReader } from '../trace/index.ts';
import { createRun, type RunWriter } from '../trace/writer.ts';
import type { Backbone } from './backbone.ts';
import { Crew, type CrewOptions } from './crew.ts';
import { EventLog } from './events.ts';
import { keyOf, taskOf } from './jobs.ts';
import { Judging } from './judging.ts';
import { endOrphans } from './orphans.ts';
import { loadRunConfig } from './asked.ts';
import { claimName, runsRoot, secretsOf, workerLoad } from './prepare.ts';
import { countEntry, emptyProgress } from './progress.ts';
import { noTraining, type BackboneRun } from './base-run.ts';
import { rejudgedHashes } from './sources.ts';
import { stampOf } from './stamp.ts';

/** What a rollout's error is where its judge could not grade it. */
const OF_JUDGES = new Set<ErrorCode>(['judge', 'reward', 'data']);

const SEALED_AT_ONCE = 32;

interface RejudgeParts {
  reader: RunReader;
  writer: RunWriter;
  judge: ResolvedJudge;
  secrets: string[];
  /** Milliseconds the judge may take for one rollout; null while a debugger may stop it. */
  timeout: number | null;
  /** For a judge of the user's own. */
  crew: Pick<CrewOptions, 'load' | 'workers' | 'concurrency' | 'memory' | 'spare'> | undefined;
}

export class Rejudge implements BackboneRun {
  readonly id: string;
  readonly dir: string;
  readonly done: Promise<void>;
  running = true;
  #cancelled = false;
  readonly #writer: RunWriter;
  readonly #reader: RunReader;
  readonly #judging: Judging;
  readonly #timeout: number | null;
  readonly #judgeFile: string | undefined;
  readonly #crew: Crew | undefined;
  readonly #events: EventLog;
  readonly #progress: RunProgress = emptyProgress();
  readonly #started = performance.now();
  #crashed: (error: ErrorInfo) => void = () => {};

  static async prepare(request: StartRun, backbone: Backbone): Promise<Rejudge> {
    const config = await loadRunConfig(request);
    const reader = await openRunReader(smallDrive(resolve(request.cwd, request.rejudge!.dir)));
    const judge = judgeOf(config, splitTarget(config.config.rollout.user_workflow).className);
    const { project_name: project, experiment_name: experiment, rollout: { timeout, worker_memory: memory } } = config.config;
    const load = judge.kind === 'user' ? workerLoad(config, judge, request, backbone.project) : undefined;
    const { workflow, policy, tokenizer } = reader.info;
    const secrets = secretsOf(config, request.env);
    const root = runsRoot(backbone.project, config);
    await endOrphans(root);
    const writer = await createRun(root, {
      project, experiment, kind: 'rejudge', conf: config.file, config: config.shown, workflow, policy, tokenizer,
      planned: reader.count, source: reader.dir, files: load === undefined ? reader.info.files : await rejudgedHashes(reader.info, load), backbone: stampOf(process.pid), workers: [],
    }, { secrets, claim: claimName });
    return new Rejudge({ reader, writer, judge, secrets, timeout: request.inspect ? null : timeout * 1_000, crew: load && { load: { ...load, judgeOnly: true }, workers: 1, concurrency: 1, memory, spare: backbone.takeSpare() } });
  }

  private constructor({ reader, writer, judge, secrets, timeout, crew }: RejudgeParts) {
    this.#reader = reader;
    this.#writer = writer;
    this.#judging = new Judging(judge);
    this.#timeout = timeout;
    this.#judgeFile = crew?.load.judge?.file;
    this.id = writer.info.run;
    this.dir = writer.dir;
    this.#events = new EventLog(this.id, secrets);
    this.#progress.planned = reader.count;
    this.#crew = crew && new Crew({
      ...crew,
      message: (message) => {
        if (message.type === 'judged') this.#judging.receive(`${message.rollout}/${message.attempt}`, message);
        if (message.type === 'inspector') this.#events.emit({ type: 'inspector', url: message.url, pid: message.pid });
        if (message.type === 'log') this.#events.emit({ type: 'log', rollout: message.rollout, stream: message.stream, text: message.text });
      },
      lost: (_key, { error }) => this.#crashed({ ...error, code: 'judge', message: error.message.replace(/^The workflow /, 'The judge ') }),
      broken: (error) => this.#crashed(errorInfo(error)),
      changed: (workers) => void writer.updateRun({ workers }).catch(() => {}),
    });
    this.#events.emit({ type: 'started', info: writer.info, dir: this.dir });
    this.done = this.#go().finally(() => void (this.running = false));
  }

  status(): RunStatus {
    return { run: this.id, dir: this.dir, info: this.#writer.info, progress: { ...this.#progress }, elapsed: performance.now() - this.#started, seq: this.#events.seq };
  }

  subscribe(listener: (event: RunEvent) => void, since: number): () => void {
    return this.#events.subscribe(listener, since);
  }

  async cancel(): Promise<void> {
    this.#cancelled = true;
    this.#crashed({ code: 'rollout-cancelled', message: 'Cancelled.' });
    this.#crew?.kill();
    await this.done;
  }

  /** No rollout goes on that could be held. */
  hold(): void {}
  setStops(): void {}
  release(): void {}
  stopped(): [] {
    return [];
  }

  pause(): void {
    throw noTraining('paused', this.#writer.info);
  }

  async checkpoint(): Promise<void> {
    throw noTraining('saved', this.#writer.info);
  }

  async #go(): Promise<void> {
    let failure: ErrorInfo | undefined;
    const sealing = new Set<Promise<void>>();
    try {
      await this.#crew?.start();
      for (let index = 0; index < this.#reader.count; index++) {
        const stored = await this.#reader.read(index);
        if (this.#cancelled) break;
        const record = await this.#graded(stored);
        if (this.#cancelled) break;
        const sealed: Promise<void> = this.#seal(record).finally(() => sealing.delete(sealed));
        sealing.add(sealed);
        if (sealing.size >= SEALED_AT_ONCE) await Promise.race(sealing);
      }
      await Promise.all(sealing);
    } catch (error) {
      if (!this.#cancelled) failure = errorInfo(error);
    }
    await Promise.allSettled(sealing);
    this.#crew?.stop();
    const state = this.#cancelled ? 'cancelled' : failure === undefined ? 'finished' : 'failed';
    await this.#writer.updateRun({ state, finished: new Date().toISOString(), workers: [], ...(failure && { error: failure }) }).catch(() => {});
    await this.#writer.close().catch((error: unknown) => void (failure ??= errorInfo(error, 'trace')));
    this.#events.emit({ type: 'progress', progress: { ...this.#progress }, elapsed: performance.now() - this.#started });
    this.#events.emit({ type: 'finished', state, error: failure });
  }

  /** The disk takes longer than most judges do, so the next is graded meanwhile. */
  async #seal(record: RolloutRecord): Promise<void> {
    const entry = await this.#writer.seal(record);
    countEntry(this.#progress, entry);
    this.#events.emit({ type: 'rollout-finished', entry, error: record.error });
  }

  /** Only what a judge gave, or failed to give, is graded anew: a workflow's own reward and a failed rollout stay. */
  async #graded(stored: RolloutRecord): Promise<RolloutRecord> {
    const record = { ...stored, run: this.id };
    if (record.judge === undefined && (record.error === undefined || !OF_JUDGES.has(record.error.code))) return record;
    const { error: _error, judge: _judge, ...rest } = record;
    const output: OutputData = { reward: null, isSuccess: null, metadata: record.metadata, logMetrics: record.metrics ?? {} };
    const key = keyOf({ place: record, attempt: record.attempt });
    const broken = new Promise<never>((_, reject) => void (this.#crashed = (error) => reject(fromErrorInfo(error))));
    broken.catch(() => {});
    const seat = this.#crew && await Promise.race([this.#crew.seat(key, false), broken]);
    const tooLate = (milliseconds: number): ErrorInfo => ({ code: 'judge', message: `The judge had not answered after ${milliseconds / 1000} s.`, where: this.#judgeFile === undefined ? undefined : { file: this.#judgeFile }, next: 'Give what it waits for a time-out, or raise rollout.timeout.' });
    const timeout = this.#timeout;
    let late = false;
    const timer = timeout === null ? undefined : setTimeout(() => { late = true; this.#crashed(tooLate(timeout)); }, timeout);
    try {
      const { verdict, judge } = await Promise.race([this.#judging.grade({ key, task: taskOf(record), output, worker: seat?.worker }), broken]);
      return { ...rest, status: 'finished', reward: verdict!.reward, success: verdict!.success, judge: { name: judge!, ...verdict! } };
    } catch (error) {
      return { ...rest, status: 'failed', reward: null, success: null, error: errorInfo(error, 'judge') };
    } finally {
      clearTimeout(timer);
      seat?.leave(late);
    }
  }
}
