/** The figures of one run, brought up to date as it goes on. Rewards come from the index; calls from the newest records alone. */
import type { RunEvent } from '../../runtime/protocol/backbone.ts';
import { SPLITS, STATUSES, SUCCESSES, type RunReader } from '../../runtime/trace/index.ts';
import { readerOf } from '../runs/readers.ts';
import { digestOf, gather, noCalls, spreadOf, type Digest, type RunFigures, type Spread } from './figures.ts';

/** Rollouts whose calls are looked at, and how many compressed bytes of them at most. */
export const WINDOW = 200;
const WINDOW_BYTES = 16_000_000;
const AT_ONCE = 8;

type Rewards = Omit<RunFigures, 'dir' | 'info' | 'total' | 'looked' | 'sites' | 'roles'>;

const TRAINING = SPLITS.indexOf('training');
const FAILED = STATUSES.indexOf('failed');

export class RunResults {
  readonly #reader: RunReader;
  readonly #digests = new Map<number, Digest>();
  /** Calls of rollouts that have not ended. */
  readonly #early = new Map<string, Digest>();
  #part: readonly number[] = [];
  #rewards: Rewards | undefined;
  #counted = -1;
  #wasRunning = true;
  #told: RunFigures | undefined;
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(reader: RunReader) {
    this.#reader = reader;
  }

  static async open(dir: string): Promise<RunResults> {
    return new RunResults(await readerOf(dir));
  }

  /** A call is worth telling before its rollout has ended, which may take minutes. */
  receive(event: RunEvent): void {
    this.#told = undefined;
    if (event.type === 'call') {
      const { rollout, index, role, site, prompt, sampled } = event;
      const digest = this.#early.get(rollout) ?? { rollout, calls: [], error: undefined };
      digest.calls.push({ index, file: site?.file, line: site?.line ?? 1, role, figures: { ...noCalls(), calls: 1, prompt, sampled } });
      this.#early.set(rollout, digest);
    } else if (event.type === 'rollout-finished') {
      this.#early.delete(event.entry.id);
    } else if (event.type === 'requeued') {
      this.#early.delete(event.rollout);
    } else if (event.type === 'finished') {
      this.#early.clear();
    }
  }

  /** As the run's files are now. */
  figures(): Promise<RunFigures> {
    const turn = this.#turn.then(() => this.#read());
    this.#turn = turn.catch(() => {});
    return turn;
  }

  async #read(): Promise<RunFigures> {
    await this.#reader.refresh();
    const { info, count } = this.#reader;
    const running = info.state === 'running';
    if (count !== this.#counted || running !== this.#wasRunning) {
      this.#counted = count;
      this.#wasRunning = running;
      const parts = partsOf(this.#reader);
      this.#part = parts.newest;
      this.#rewards = rewardsOf(this.#reader, parts);
      await this.#look();
      this.#told = undefined;
    }
    // The newest first: they were read in any order.
    const digests = [...this.#digests].sort(([a], [b]) => b - a).map(([, digest]) => digest);
    this.#told ??= { ...this.#rewards!, dir: this.#reader.dir, info, total: count, looked: digests.length, ...gather([...digests, ...this.#early.values()]) };
    return { ...this.#told, info };
  }

  async #look(): Promise<void> {
    const window = windowOf(this.#part, this.#reader.column('length'));
    const wanted = new Set(window);
    for (const index of this.#digests.keys()) if (!wanted.has(index)) this.#digests.delete(index);
    const missing = window.filter((index) => !this.#digests.has(index));
    for (let at = 0; at < missing.length; at += AT_ONCE) {
      await Promise.all(missing.slice(at, at + AT_ONCE).map(async (index) => {
        // What is damaged is told where the run is opened; here the others count.
        const record = await this.#reader.read(index).catch(() => undefined);
        if (record !== undefined) this.#digests.set(index, digestOf(record));
      }));
    }
  }
}

interface Parts {
  step: number | undefined;
  newest: readonly number[];
  validation: readonly number[];
}

/** Of a training the newest whole step, and the newest validation apart; else all there is. */
function partsOf(reader: RunReader): Parts {
  const steps = reader.column('step');
  const splits = reader.column('split');
  const last = { training: -Infinity, validation: -Infinity, whole: -Infinity };
  for (let i = 0; i < steps.length; i++) {
    const step = steps[i]!;
    if (splits[i] !== TRAINING) last.validation = Math.max(last.validation, step);
    else if (step > last.training) [last.whole, last.training] = [last.training, step];
  }
  const trained = last.training > 0;
  // Rollouts of a step come in while it goes on; one that is under way says little yet.
  const step = trained && reader.info.state === 'running' && last.whole > 0 ? last.whole : last.training;
  const newest: number[] = [];
  const validation: number[] = [];
  for (let i = 0; i < steps.length; i++) {
    const ofTraining = splits[i] === TRAINING;
    if (last.training === -Infinity || (ofTraining && steps[i] === step)) newest.push(i);
    else if (!ofTraining && steps[i] === last.validation) validation.push(i);
  }
  return { step: trained ? step : undefined, newest, validation };
}

function rewardsOf(reader: RunReader, { step, newest, validation }: Parts): Rewards {
  const rewards = reader.column('reward');
  const statuses = reader.column('status');
  const successes = reader.column('success');
  const ids = reader.column('id');
  let [best, worst, failure, failed, right, of] = [-1, -1, -1, 0, 0, 0];
  for (const i of newest) {
    if (statuses[i] === FAILED) [failure, failed] = [i, failed + 1];
    if (SUCCESSES[successes[i]!] !== null) of++;
    if (SUCCESSES[successes[i]!] === true) right++;
    if (Number.isNaN(rewards[i]!)) continue;
    if (best < 0 || rewards[i]! > rewards[best]!) best = i;
    if (worst < 0 || rewards[i]! <= rewards[worst]!) worst = i;
  }
  const validated = validation.length === 0 ? undefined : spread(rewards, validation);
  return {
    step, rollouts: newest.length, failed, reward: spread(rewards, newest), success: of === 0 ? undefined : { right, of },
    validation: validated && { step: reader.column('step')[validation[0]!]!, reward: validated },
    best: ids[best], worst: worst === best ? undefined : ids[worst], failure: ids[failure],
  };
}

function spread(rewards: Float64Array, rows: readonly number[]): Spread | undefined {
  return spreadOf(rows.flatMap((i) => (Number.isNaN(rewards[i]!) ? [] : [rewards[i]!])));
}

/** The newest of a part that may be read, newest first. */
function windowOf(part: readonly number[], lengths: Float64Array): number[] {
  const window: number[] = [];
  let bytes = 0;
  for (let at = part.length - 1; at >= 0 && window.length < WINDOW; at--) {
    bytes += lengths[part[at]!]!;
    if (bytes > WINDOW_BYTES && window.length > 0) break;
    window.push(part[at]!);
  }
  return window;
}
