import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { TuningForkError } from '../protocol/errors.ts';
import { TRACE_VERSION } from '../protocol/trace.ts';
import type { IndexEntry, RolloutRecord, RunInfo } from '../protocol/trace.ts';
import { Catalog } from './catalog.ts';
import { encodeRollout } from './encode.ts';
import { fileError } from './errors.ts';
import { makeFolders } from './folders.ts';
import type { InFlight } from './in-flight.ts';
import { Journal } from './journal.ts';
import { JOURNAL, LOG, safeName, timeName, TRACES } from './layout.ts';
import { refuseLinks } from './links.ts';
import { pack } from './member.ts';
import { Redactor } from './redact.ts';
import { writeRunInfo } from './run-file.ts';
import { readRunInfo } from './runs.ts';
import { Sealer } from './sealer.ts';

/** What the backbone tells of a new run. Without a name it is called after the time, and its folder so too. */
export type NewRun = Omit<RunInfo, 'v' | 'run' | 'created' | 'state'> & Partial<Pick<RunInfo, 'v' | 'run' | 'created' | 'state'>>;

export interface WriterOptions {
  /** Values that must never be in a file of the run, such as API keys. */
  secrets?: readonly string[];
  /** Asked of each name a new run might get: a process that runs several tells them apart by it. */
  claim?(name: string): boolean;
  /** First part of the names of trace files. */
  writer?: string;
  /** A trace file is followed by the next before it grows over this. */
  fileBytes?: number;
  /** The journal is written anew, without what is sealed, when it grows over this and over twice what is alive. */
  journalBytes?: number;
}

/** Compressing needs 0.3 MB each, so a burst of sealed rollouts is taken a few at a time. */
const PACKED_AT_ONCE = 4;

/** A new run under `root` (the `runs` folder): `<root>/<project>/<experiment>/<time>/`. */
export async function createRun(root: string, info: NewRun, options: WriterOptions = {}): Promise<RunWriter> {
  const now = new Date();
  const parent = join(resolve(root), safeName(info.project), safeName(info.experiment));
  const run = await makeFolder(parent, info.run === undefined ? undefined : safeName(info.run), timeName(now), options.claim);
  const dir = join(parent, run);
  const whole: RunInfo = { created: now.toISOString(), state: 'running', ...info, v: TRACE_VERSION, run };
  const redactor = new Redactor(options.secrets ?? []);
  try {
    for (const folder of [TRACES, JOURNAL, LOG]) await mkdir(join(dir, folder));
  } catch (error) {
    throw fileError('create', dir, error);
  }
  await writeRunInfo(dir, redactor.redact(whole));
  return openWith(dir, whole, redactor, options);
}

/** Continues a run after its process ended, however it ended. One process at a time: the caller sees to that. */
export async function openRun(dir: string, options: WriterOptions = {}): Promise<RunWriter> {
  const path = resolve(dir);
  await refuseLinks(path);
  return openWith(path, await readRunInfo(path), new Redactor(options.secrets ?? []), options);
}

async function openWith(dir: string, info: RunInfo, redactor: Redactor, options: WriterOptions): Promise<RunWriter> {
  const catalog = await Catalog.open(dir);
  const sealed = new Set(catalog.columns.column('id'));
  const sealer = await Sealer.open(dir, options, catalog);
  const journal = await Journal.open(dir, redactor, (rollout) => sealed.has(rollout), options.journalBytes);
  return new RunWriter(dir, info, redactor, sealed, sealer, journal);
}

export class RunWriter {
  readonly dir: string;
  readonly journal: Omit<Journal, 'close' | 'discard' | 'forget'>;
  readonly #journal: Journal;
  readonly #redactor: Redactor;
  readonly #sealed: Set<string>;
  readonly #sealing = new Map<string, Promise<IndexEntry>>();
  readonly #sealer: Sealer;
  readonly #packing = new Gate(PACKED_AT_ONCE);
  #info: RunInfo;
  #saving: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(dir: string, info: RunInfo, redactor: Redactor, sealed: Set<string>, sealer: Sealer, journal: Journal) {
    this.dir = dir;
    this.#info = info;
    this.#redactor = redactor;
    this.#sealed = sealed;
    this.#sealer = sealer;
    this.#journal = journal;
    this.journal = journal;
  }

  get info(): RunInfo {
    return this.#info;
  }

  /** Rollouts that an earlier process of this run had begun and not sealed. Begin a higher attempt, or seal them. */
  get recovered(): readonly InFlight[] {
    return this.#journal.recovered;
  }

  isSealed(rollout: string): boolean {
    return this.#sealed.has(rollout);
  }

  /** Resolves once the record is on the disk; its journaled calls are garbage from then on. A rollout is sealed once. */
  async seal(record: RolloutRecord): Promise<IndexEntry> {
    this.#open();
    const id = record.rollout;
    if (this.#sealed.has(id) || this.#sealing.has(id)) {
      throw new TuningForkError('internal', `Rollout ${id} is sealed already.`);
    }
    const sealing = this.#seal(record);
    this.#sealing.set(id, sealing);
    try {
      return await sealing;
    } finally {
      this.#sealing.delete(id);
    }
  }

  /** The tokens of this attempt are dropped; so is what still comes in for it. */
  discardAttempt(rollout: string, attempt: number): Promise<void> {
    return this.#journal.discard(rollout, attempt);
  }

  async updateRun(patch: Partial<Omit<RunInfo, 'v' | 'run' | 'created'>>): Promise<void> {
    this.#open();
    this.#info = { ...this.#info, ...patch };
    const info = this.#info;
    const saved = this.#saving.then(() => writeRunInfo(this.dir, this.#redactor.redact(info)));
    this.#saving = saved.catch(() => undefined); // told to this caller; the next one tries for itself
    return saved;
  }

  /** Waits for all that is under way, and tells an error that nobody was told. Does not change the run's state. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await Promise.allSettled(this.#sealing.values());
    const closing = [this.#sealer.close(), this.#journal.close(), this.#saving];
    const failed = (await Promise.allSettled(closing)).find((result) => result.status === 'rejected');
    if (failed) throw failed.reason;
  }

  #open(): void {
    if (this.#closed) throw new TuningForkError('internal', `The run ${this.#info.run} is closed; nothing more can be written to it.`);
  }

  async #seal(record: RolloutRecord): Promise<IndexEntry> {
    const { kept, json } = this.#encode(record);
    const entry = await this.#sealer.append(kept, await this.#packing.run(() => pack(json)));
    this.#sealed.add(record.rollout);
    this.#journal.forget(record.rollout);
    return entry;
  }

  #encode(record: RolloutRecord): { kept: RolloutRecord; json: string } {
    const json = encodeRollout(record);
    if (!this.#redactor.suspects(json)) return { kept: record, json };
    const kept = this.#redactor.rollout(record);
    return { kept, json: encodeRollout(kept) };
  }
}

/** At most `limit` at a time, the others in the order they came. */
class Gate {
  readonly #limit: number;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#running >= this.#limit) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#running++;
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next) next(); // takes over this place
      else this.#running--;
    }
  }
}

/** Makes `<parent>/<given>`, or `<parent>/<time>` (`<time>-2` and so on where that is taken); returns the name. */
async function makeFolder(parent: string, given: string | undefined, time: string, claim: (name: string) => boolean = () => true): Promise<string> {
  try {
    await makeFolders(parent);
    for (let n = 1;; n++) {
      const name = given ?? (n === 1 ? time : `${time}-${n}`);
      if (given === undefined && !claim(name)) continue;
      try {
        await mkdir(join(parent, name));
        return name;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
        if (given !== undefined) throw new TuningForkError('trace', `There is a run ${given} in ${parent} already.`, { next: 'Give the new one another name.' });
      }
    }
  } catch (error) {
    throw fileError('create', parent, error);
  }
}
