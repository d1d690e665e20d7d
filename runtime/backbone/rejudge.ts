/** Stored rollouts graded again by the judge as it is now. No workflow runs, no model is called; the result is a run of its own. */
import { resolve } from 'node:path';
import { splitTarget } from '../config/target.ts';
import { judgeOf, type ResolvedJudge } from '../judges/resolve.ts';
import { stampOf } from '../processes/stamp.ts';
import type { StartRun } from '../protocol/backbone.ts';
import { errorInfo, fromErrorInfo, type ErrorCode, type ErrorInfo } from '../protocol/errors.ts';
import { smallDrive } from '../protocol/paths.ts';
import type { OutputData } from '../protocol/task.ts';
import type { RolloutRecord } from '../protocol/trace.ts';
import { openRunReader, type RunReader } from '../trace/index.ts';
import { createRun } from '../trace/writer.ts';
import { loadRunConfig } from './asked.ts';
import { BaseRun, type Host, type RunParts } from './base-run.ts';
import { Crew, type CrewOptions } from './crew.ts';
import { keyOf, taskOf } from './jobs.ts';
import { Judging, ofJudge } from './judging.ts';
import { endOrphans } from './orphans.ts';
import { claimName, runsRoot, workerLoad } from './prepare.ts';
import { secretsOf } from './secrets.ts';
import { rejudgedHashes } from './sources.ts';

/** What a rollout's error is where its judge could not grade it. */
const OF_JUDGES = new Set<ErrorCode>(['judge', 'reward', 'data']);

const SEALED_AT_ONCE = 32;

interface RejudgeParts extends RunParts {
  reader: RunReader;
  judge: ResolvedJudge;
  /** Milliseconds the judge may take for one rollout; null while a debugger may stop it. */
  timeout: number | null;
  /** For a judge of the user's own. */
  crew: Pick<CrewOptions, 'load' | 'workers' | 'concurrency' | 'memory' | 'spare'> | undefined;
}

export class Rejudge extends BaseRun {
  readonly #reader: RunReader;
  readonly #judging: Judging;
  readonly #timeout: number | null;
  readonly #judgeFile: string | undefined;
  readonly #crew: Crew | undefined;
  #cancelled = false;
  #crashed: (error: ErrorInfo) => void = () => {};

  static async prepare(request: StartRun, host: Host): Promise<Rejudge> {
    const config = await loadRunConfig(request);
    const reader = await openRunReader(smallDrive(resolve(request.cwd, request.rejudge!.dir)));
    const judge = judgeOf(config, splitTarget(config.config.rollout.user_workflow).className);
    const { project_name: project, experiment_name: experiment, rollout: { timeout, worker_memory: memory } } = config.config;
    const load = judge.kind === 'user' ? workerLoad(config, judge, request, host.project) : undefined;
    const { workflow, policy, tokenizer } = reader.info;
    const secrets = secretsOf(config, request.env);
    const root = runsRoot(host.project, config);
    await endOrphans(root);
    const writer = await createRun(root, {
      project, experiment, kind: 'rejudge', conf: config.file, config: config.shown, workflow, policy, tokenizer,
      planned: reader.count, source: reader.dir, files: load === undefined ? reader.info.files : await rejudgedHashes(reader.info, load), backbone: stampOf(process.pid), workers: [],
    }, { secrets, claim: claimName });
    return new Rejudge({ reader, writer, judge, secrets, warnings: config.warnings, timeout: request.inspect ? null : timeout * 1_000, crew: load && { load: { ...load, judgeOnly: true }, workers: 1, concurrency: 1, memory, spare: host.takeSpare() } });
  }

  private constructor({ reader, judge, timeout, crew, ...parts }: RejudgeParts) {
    super(parts);
    this.#reader = reader;
    this.#judging = new Judging(judge);
    this.#timeout = timeout;
    this.#judgeFile = crew?.load.judge?.file;
    this.#crew = crew && new Crew({
      ...crew,
      message: (message) => {
        if (message.type === 'judged') this.#judging.receive(`${message.rollout}/${message.attempt}`, message);
        if (message.type === 'inspector') this.events.emit({ type: 'inspector', url: message.url, pid: message.pid });
        if (message.type === 'log') this.events.emit({ type: 'log', rollout: message.rollout, stream: message.stream, text: message.text });
      },
      lost: (_key, { error }) => this.#crashed(ofJudge(error, crew.load)),
      broken: (error) => this.#crashed(errorInfo(error)),
      changed: (workers) => void this.update({ workers }),
    });
  }

  protected override async stop(): Promise<void> {
    this.#cancelled = true;
    this.#crashed({ code: 'rollout-cancelled', message: 'Cancelled.' });
    this.#crew?.kill();
  }

  protected override async work(): Promise<boolean> {
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
      // What breaks because it was cancelled is no failure.
      if (!this.#cancelled) throw error;
    } finally {
      await Promise.allSettled(sealing);
    }
    return this.#cancelled;
  }

  protected override async closed(): Promise<void> {
    this.#crew?.stop();
    this.progress.end();
  }

  /** The disk takes longer than most judges do, so the next is graded meanwhile. */
  async #seal(record: RolloutRecord): Promise<void> {
    const entry = await this.writer.seal(record);
    this.progress.count(entry);
    this.events.emit({ type: 'rollout-finished', entry, error: record.error });
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
