/** Answers what a dashboard's page asks about the trainings of a project, from their folders alone: it needs no backbone, and is never in the way of one. */
import { readFile, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { stringify } from 'yaml';
import { isAlive } from '../processes/stamp.ts';
import { DASHBOARD_PROTOCOL, type DashboardAction, type DashboardCapability, type DashboardEvent, type DashboardRequests, type DashboardState, type DashboardView, type ListedTraining, type StepColumns, type TrainingDetail, type TrainingLive } from '../protocol/dashboard.ts';
import { TuningForkError, type ErrorInfo } from '../protocol/errors.ts';
import { languageOfTag, localizeError } from '../protocol/localize.ts';
import type { RunInfo } from '../protocol/trace.ts';
import type { KeptTraining, TrainingReport } from '../protocol/training.ts';
import { openRunReader, readRunInfo, runFolders, type RunReader } from '../trace/index.ts';
import { RUN_FILE } from '../trace/layout.ts';
import { MetricsFile } from './metrics-file.ts';
import { Processes } from './processes.ts';
import { heatOf, notableOf } from './reward-steps.ts';

/** What the place that shows the page can do beyond reading. */
export interface DashboardHost {
  capabilities: DashboardCapability[];
  language: string;
  act(action: DashboardAction): Promise<unknown>;
  /** What a connection to its backbone tells. */
  live?(dir: string): TrainingLive | undefined;
  /** That changed; gives what ends it. */
  onDidChange?(listener: () => void): () => void;
}

const WATCH_MS = 500;
/** The list of trainings is looked through every so many times. */
const LIST_EVERY = 5;
const RECENT = 10;

interface Known {
  info: RunInfo;
  step: number;
  steps: number | null;
  /** When run.json was written. */
  written: number;
}

interface Followed {
  metrics: MetricsFile;
  told: { count: number; anew: number };
  index: Promise<RunReader> | undefined;
}

export class Dashboard {
  readonly #roots: readonly string[];
  readonly #host: DashboardHost;
  readonly #known = new Map<string, Known>();
  readonly #followed = new Map<string, Followed>();
  readonly #processes = new Processes();
  #listed = '';

  /** `roots`: folders of runs, `<project>/runs`. */
  constructor(roots: readonly string[], host: DashboardHost) {
    this.#roots = roots;
    this.#host = host;
  }

  readonly requests: { [K in keyof DashboardRequests]: (params: DashboardRequests[K][0]) => Promise<DashboardRequests[K][1]> } = {
    open: () => this.view(),
    series: async ({ dir, figures, from }) => {
      const { metrics, told } = await this.#follow(dir);
      await metrics.refresh();
      [told.count, told.anew] = [metrics.count, metrics.anew];
      const columns: StepColumns = { dir, from, count: metrics.count, anew: metrics.anew, step: metrics.steps(from), figures: figures.map((name) => metrics.figure(name, from)) };
      return columns;
    },
    detail: async ({ dir }) => this.#detail(await this.#training(dir), dir),
    heat: async ({ dir, columns, bins }) => heatOf(await this.#index(dir), columns, bins),
    notable: async ({ dir, from, to, low, high }) => notableOf(await this.#index(dir), from, to, low, high),
    report: async ({ dir }) => {
      await this.#training(dir);
      return await readJson<TrainingReport>(join(dir, 'report.json')) ?? null;
    },
    act: async (action) => {
      await this.#training(action.dir);
      await this.#host.act(action);
      return null;
    },
  };

  async view(focus?: string): Promise<DashboardView> {
    const trainings = await this.#list();
    const { capabilities, language } = this.#host;
    return { protocol: DASHBOARD_PROTOCOL, project: basename(dirname(this.#roots[0] ?? '')), trainings, focus: focus ?? trainings[0]?.dir ?? null, capabilities, language };
  }

  watch(tell: (event: DashboardEvent) => void): () => void {
    let timer: NodeJS.Timeout | undefined;
    let stopped = false;
    let looks = 0;
    const look = async (): Promise<void> => {
      // What can't be read now may be there the next time; a question of the page tells what is wrong.
      await this.#look(tell, (looks++) % LIST_EVERY === 0).catch(() => {});
      if (!stopped) timer = setTimeout(() => void look(), WATCH_MS);
    };
    timer = setTimeout(() => void look(), WATCH_MS);
    const ended = this.#host.onDidChange?.(() => (looks = 0));
    return () => {
      stopped = true;
      ended?.();
      clearTimeout(timer);
    };
  }

  async #look(tell: (event: DashboardEvent) => void, list: boolean): Promise<void> {
    for (const [dir, { metrics, told }] of this.#followed) {
      await metrics.refresh();
      if (metrics.count === told.count && metrics.anew === told.anew) continue;
      [told.count, told.anew] = [metrics.count, metrics.anew];
      tell({ type: 'grown', dir, count: metrics.count, anew: metrics.anew });
    }
    if (!list) return;
    const trainings = await this.#list();
    const now = JSON.stringify(trainings);
    if (now === this.#listed) return;
    this.#listed = now;
    tell({ type: 'listed', trainings });
  }

  async #list(): Promise<ListedTraining[]> {
    const found = (await Promise.all(this.#roots.map(runFolders))).flat();
    for (const dir of this.#known.keys()) if (!found.includes(dir)) this.#known.delete(dir);
    await Promise.all(found.map((dir) => this.#read(dir)));
    return [...this.#known].filter(([, { info }]) => info.kind === 'training').map(([dir, known]) => this.#row(dir, known)).sort((a, b) => order(b.created, a.created) || order(b.dir, a.dir));
  }

  async #read(dir: string): Promise<void> {
    try {
      const { mtimeMs: written } = await stat(join(dir, RUN_FILE));
      const known = this.#known.get(dir);
      if (known !== undefined && known.info.state !== 'running' && known.written === written) return;
      const info = await readRunInfo(dir);
      const kept = info.kind === 'training' ? await readJson<KeptTraining>(join(dir, 'training.json')) : undefined;
      this.#known.set(dir, { info, step: kept?.step ?? 0, steps: kept?.steps ?? stepsSet(info), written });
    } catch {
      // No run, or half written: the next look finds it.
    }
  }

  #row(dir: string, { info, step, steps }: Known): ListedTraining {
    const { run, workflow, policy, experiment, created } = info;
    return { dir, run, workflow, policy, experiment, created, state: this.#stateOf(dir, info), step, steps };
  }

  #stateOf(dir: string, { state, backbone }: RunInfo): DashboardState {
    const live = this.#host.live?.(dir);
    if (live !== undefined && state === 'running') return live.state;
    return state === 'running' && backbone !== undefined && !isAlive(backbone) ? 'interrupted' : state;
  }

  /** Only what is listed is read: a page names folders, and is not trusted with them. */
  async #training(dir: string): Promise<Known> {
    if (this.#known.has(dir)) await this.#read(dir);
    else await this.#list();
    const known = this.#known.get(dir);
    if (known?.info.kind === 'training') return known;
    throw new TuningForkError('usage', `There is no training in ${dir}.`, { next: 'It may have been deleted: choose another.' });
  }

  async #follow(dir: string): Promise<Followed> {
    await this.#training(dir);
    let followed = this.#followed.get(dir);
    if (followed === undefined) this.#followed.set(dir, followed = { metrics: new MetricsFile(dir), told: { count: -1, anew: 0 }, index: undefined });
    return followed;
  }

  async #index(dir: string): Promise<RunReader> {
    const followed = await this.#follow(dir);
    followed.index ??= openRunReader(dir).catch((error: unknown) => {
      followed.index = undefined;
      throw error;
    });
    const reader = await followed.index;
    await reader.refresh();
    return reader;
  }

  async #detail(known: Known, dir: string): Promise<TrainingDetail> {
    const { metrics } = await this.#follow(dir);
    const [kept, report, processes] = await Promise.all([
      readJson<KeptTraining>(join(dir, 'training.json')), readJson<TrainingReport>(join(dir, 'report.json')), this.#processes.of(known.info), metrics.refresh(),
    ]);
    const row = this.#row(dir, known);
    const inWords = (info: ErrorInfo): ErrorInfo => localizeError(info, languageOfTag(this.#host.language));
    const live = this.#host.live?.(dir) ?? null;
    return {
      ...row, step: metrics.step, conf: known.info.conf, config: stringify(known.info.config), finished: known.info.finished ?? null, error: known.info.error === undefined ? null : inWords(known.info.error),
      evaluations: metrics.evaluations.toSorted((a, b) => a.step - b.step), checkpoints: kept?.checkpoints ?? [], notices: (report?.notices ?? live?.notices ?? []).map(inWords), processes, live,
      left: row.state === 'running' ? timeLeft(metrics, row.steps) : null, report: report !== undefined,
    };
  }
}

/** Of a training that has not begun, or of an earlier version. */
function stepsSet({ config }: RunInfo): number | null {
  return (config as { trainer_common?: { total_training_steps?: number | null } }).trainer_common?.total_training_steps ?? null;
}

function timeLeft(metrics: MetricsFile, steps: number | null): number | null {
  const recent = metrics.figure('total', Math.max(0, metrics.count - RECENT));
  if (steps === null || recent.length < 2) return null;
  return (steps - metrics.step) * recent.reduce((sum, each) => sum + each, 0) / recent.length;
}

async function readJson<T>(file: string): Promise<T | undefined> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as T;
  } catch {
    return undefined;
  }
}

function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
