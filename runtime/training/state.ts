/**
 * What a training needs to go on exactly where it was, in the folder of its run: the last step its trainer acknowledged, the rows told so
 * far, and the bodies of all steps since the newest checkpoint that can be resumed from.
 *
 * A body is on the disk before it is sent, and `training.json` is replaced after the answer: whenever the process ends, the checkpoint and
 * the bodies up to `step` give the weights of `step`, and whatever was under way behind it is done again, with the same result.
 */
import { appendFile, mkdir, open, readdir, readFile, rm } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { TuningForkError } from '../protocol/errors.ts';
import type { KeptCheckpoint, KeptTraining, MetricsRow } from '../protocol/training.ts';
import { ADVANTAGES_FILE, METRICS_FILE } from '../trace/layout.ts';
import { isInUse, replaceFile } from '../trace/replace.ts';
import { differences, type Fingerprint } from './fingerprint.ts';

export const STATE_FILE = 'training.json';
export const CHECKPOINTS = 'checkpoints';
const BODIES = 'steps';

export interface TrainingState extends KeptTraining {
  /** Of the weights after it. */
  version: number;
  /** Folder of the weights the training began with: the reference, and what the report compares with. */
  start: string;
  /** Steps since the newest checkpoint that changed the weights; their bodies are kept. */
  bodies: number[];
  /** Steps after which a validation was told. */
  evaluated: number[];
  /** Length of metrics.jsonl: what stands behind it was told by a process that ended before it could say so. */
  metricsBytes: number;
  /** Mean reward of the best validation of trained weights so far. */
  best: number | null;
  fingerprint: Fingerprint;
}

export class TrainingStore {
  readonly dir: string;
  #state: TrainingState;
  #rows: MetricsRow[];

  private constructor(dir: string, state: TrainingState, rows: MetricsRow[]) {
    this.dir = dir;
    this.#state = state;
    this.#rows = rows;
  }

  static async create(dir: string, start: string, version: number, fingerprint: Fingerprint): Promise<TrainingStore> {
    const store = new TrainingStore(resolve(dir), {
      v: 1, step: 0, version, start, bodies: [], evaluated: [], checkpoints: [], metricsBytes: 0, best: null, finished: false, fingerprint,
    }, []);
    await mkdir(join(store.dir, BODIES), { recursive: true });
    await mkdir(join(store.dir, CHECKPOINTS), { recursive: true });
    await store.#save({});
    return store;
  }

  /** Opens a training to go on with it. Refused if what it depends on has changed, unless `anyway`. `start`: where the model it began with lies by now. */
  static async open(dir: string, fingerprint: Fingerprint, { anyway = false, start }: { anyway?: boolean; start?: string } = {}): Promise<TrainingStore> {
    const state = await readTrainingState(dir);
    const changed = differences(state.fingerprint, fingerprint);
    if (changed.length > 0 && !anyway) {
      throw new TuningForkError('usage', `This training can't go on as it was, because what it depends on has changed: ${changed.join('; ')}.`, {
        next: 'Put it back as it was, start a new training, or say that it should go on all the same (--force): its curve is then no longer that of one run.',
      });
    }
    const rows = await readRows(join(dir, METRICS_FILE), state.metricsBytes);
    const store = new TrainingStore(resolve(dir), { ...state, ...(start !== undefined && fingerprint.model === state.fingerprint.model && { start }), fingerprint }, rows);
    await store.#sweep();
    await store.#save({ finished: false });
    return store;
  }

  get state(): Readonly<TrainingState> {
    return this.#state;
  }

  get rows(): readonly MetricsRow[] {
    return this.#rows;
  }

  /** The newest checkpoint, or undefined: then the weights the training began with. */
  get durable(): KeptCheckpoint | undefined {
    return this.#state.checkpoints.toSorted((a, b) => a.step - b.step).at(-1);
  }

  directoryOf(checkpoint: KeptCheckpoint): string {
    return join(this.dir, checkpoint.directory);
  }

  /** On the disk before the trainer sees it. */
  async keepBody(step: number, body: Uint8Array): Promise<void> {
    await keepFile(this.#body(step), body);
  }

  async readBody(step: number): Promise<Uint8Array> {
    return readFile(this.#body(step));
  }

  /** For whoever looks at the rollouts later. A step that is done again says the same once more. */
  async keepAdvantages(step: number, advantages: { rollouts: string[]; advantages: (number | null)[] }): Promise<void> {
    await appendFile(join(this.dir, ADVANTAGES_FILE), `${JSON.stringify({ step, ...advantages })}\n`);
  }

  /** The step counts from here on. */
  async stepped(row: MetricsRow & { kind: 'step' }): Promise<void> {
    const metricsBytes = await this.#append(row);
    await this.#save({ step: row.step, version: row.version, metricsBytes, bodies: row.stepped ? [...this.#state.bodies, row.step] : this.#state.bodies });
  }

  async evaluated(row: MetricsRow & { kind: 'evaluation' }): Promise<void> {
    const metricsBytes = await this.#append(row);
    const best = row.best ? row.sampled.reward!.mean : this.#state.best;
    await this.#save({ metricsBytes, best, evaluated: [...this.#state.evaluated, row.step] });
  }

  /** A checkpoint with optimizer is on the disk, so bodies up to its step are no longer needed, nor checkpoints that `keep` doesn't name. */
  async saved(checkpoint: KeptCheckpoint, keep: (other: KeptCheckpoint) => boolean): Promise<void> {
    const others = this.#state.checkpoints.filter(({ name }) => name !== checkpoint.name)
      .map((other) => (checkpoint.best ? { ...other, best: false } : other)).filter(keep);
    await this.#save({ checkpoints: [...others, checkpoint], bodies: this.#state.bodies.filter((step) => step > checkpoint.step) });
    await this.#sweep();
  }

  /** How many steps there will be, for whoever looks. */
  async plan(steps: number): Promise<void> {
    if (this.#state.steps !== steps) await this.#save({ steps });
  }

  async finish(): Promise<void> {
    await this.#save({ finished: true });
  }

  #body(step: number): string {
    return join(this.dir, BODIES, `${step}.safetensors`);
  }

  async #append(row: MetricsRow): Promise<number> {
    const line = Buffer.from(`${JSON.stringify(row)}\n`);
    const file = await open(join(this.dir, METRICS_FILE), this.#state.metricsBytes === 0 ? 'w' : 'r+');
    try {
      await file.truncate(this.#state.metricsBytes);
      await file.write(line, 0, line.length, this.#state.metricsBytes);
      await file.datasync();
    } finally {
      await file.close();
    }
    this.#rows.push(row);
    return this.#state.metricsBytes + line.length;
  }

  async #save(patch: Partial<TrainingState>): Promise<void> {
    this.#state = { ...this.#state, ...patch };
    await keepFile(join(this.dir, STATE_FILE), `${JSON.stringify(this.#state, null, 2)}\n`);
  }

  /**
   * Bodies and checkpoints that nothing needs any more, and those that were written and never acknowledged. Nothing of another name: the
   * folder may be a link, and a run may come from somebody else.
   */
  async #sweep(): Promise<void> {
    const { bodies, checkpoints } = this.#state;
    await this.#keepOnly(BODIES, /^\d+\.safetensors(?:\.tmp)?$/, new Set(bodies.map((step) => basename(this.#body(step)))));
    await this.#keepOnly(CHECKPOINTS, /^step-\d+$/, new Set(checkpoints.map(({ name }) => name)));
  }

  async #keepOnly(folder: string, ours: RegExp, names: ReadonlySet<string>): Promise<void> {
    for (const name of await readdir(join(this.dir, folder))) {
      if (!ours.test(name) || names.has(name)) continue;
      // On Windows somebody who uses it keeps it from going: the next one who sweeps tries again.
      await rm(join(this.dir, folder, name), { recursive: true, force: true, maxRetries: 3 }).catch((error: unknown) => { if (!isInUse(error)) throw error; });
    }
  }
}

export async function readTrainingState(dir: string): Promise<TrainingState> {
  const path = join(dir, STATE_FILE);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch {
    throw new TuningForkError('usage', `${dir} holds no training to go on with: it has no ${STATE_FILE}.`, { next: 'Name the folder of a run of `tuning-fork train`.' });
  }
  try {
    const state = JSON.parse(text) as TrainingState;
    if (state.v === 1) return state;
  } catch {
    // told below
  }
  throw new TuningForkError('trace', `${path} can't be read: it is damaged, or of another version.`, { where: { file: path }, next: 'Start a new training from its newest checkpoint.' });
}

/** Names that stay the same while a training goes on; `undefined` for any other. */
export async function checkpointNamed(dir: string, name: string): Promise<string | undefined> {
  const { checkpoints } = await readTrainingState(dir);
  const byStep = checkpoints.toSorted((a, b) => a.step - b.step);
  const found = name === 'best' ? byStep.find(({ best }) => best) ?? byStep.at(-1) : name === 'last' ? byStep.at(-1) : byStep.find((checkpoint) => checkpoint.name === name);
  return found === undefined ? undefined : join(dir, found.directory);
}

/** A path below the run as the state keeps it: the same on every system. */
export function withinRun(dir: string, path: string): string {
  return relative(dir, path).split(sep).join('/');
}

async function readRows(path: string, bytes: number): Promise<MetricsRow[]> {
  if (bytes === 0) return [];
  const text = (await readFile(path)).subarray(0, bytes).toString('utf8');
  return text.split('\n').slice(0, -1).map((line) => JSON.parse(line) as MetricsRow);
}

/** On the disk, its name too, before anything that says so. */
async function keepFile(path: string, content: string | Uint8Array): Promise<void> {
  await replaceFile(path, content);
  await syncFolder(dirname(path));
}

/** Windows has no such thing, and needs none. */
async function syncFolder(path: string): Promise<void> {
  try {
    const folder = await open(path, 'r');
    await folder.sync().finally(() => folder.close());
  } catch (error) {
    if (process.platform !== 'win32') throw error;
  }
}
