/** The runs of the workspace and what they said, newest first; kept up to date by events of runs that are followed and by their files. */
import { dirname, resolve, sep } from 'node:path';
import type { RunEvent } from '../../runtime/protocol/backbone.ts';
import type { JsonObject } from '../../runtime/protocol/json.ts';
import type { RunInfo } from '../../runtime/protocol/trace.ts';
import { splitTarget } from '../../runtime/config/target.ts';
import { findRuns, readRunInfo, runFolders, type RunPlace } from '../../runtime/trace/index.ts';
import type { RunFigures } from './figures.ts';
import { RunResults } from './run-results.ts';

/** Runs whose figures are kept in memory. */
const KEPT = 12;
/** A run that goes on has news many times a second; people read a few. */
const NEWS_MS = 300;

export interface Target {
  file: string;
  className: string;
}

export class Results {
  readonly #runs = new Map<string, RunInfo>();
  readonly #roots = new Map<string, Promise<void>>();
  readonly #opened = new Map<string, Promise<RunResults>>();
  readonly #listeners = new Set<(dir: string) => void>();
  readonly #news = new Map<string, NodeJS.Timeout>();
  readonly #glanced = new Map<string, string>();
  #sorted: readonly RunPlace[] | undefined;

  /** Newest first. */
  get runs(): readonly RunPlace[] {
    return this.#sorted ??= [...this.#runs].map(([dir, info]) => ({ dir, info })).sort((a, b) => (a.info.created === b.info.created ? (a.dir < b.dir ? 1 : -1) : a.info.created < b.info.created ? 1 : -1));
  }

  /** A `runs` folder. */
  addRoot(root: string): Promise<void> {
    const known = this.#roots.get(root) ?? findRuns(root).then(({ places }) => {
      for (const { dir, info } of places) this.#take(dir, info);
      if (places.length > 0) this.#tell(root);
    });
    this.#roots.set(root, known);
    return known;
  }

  /** Runs that no watcher of files has told of. */
  async seek(): Promise<void> {
    for (const root of this.#roots.keys()) {
      for (const dir of await runFolders(root)) if (!this.#runs.has(dir)) await this.look(dir);
    }
  }

  info(dir: string): RunInfo | undefined {
    return this.#runs.get(dir);
  }

  onChange(listener: (dir: string) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Its `run.json` came or changed, or its trace grew. */
  async look(dir: string): Promise<void> {
    try {
      this.#take(dir, await readRunInfo(dir));
    } catch {
      return this.forget(dir);
    }
    this.#tell(dir);
  }

  /** The same for a run that nobody tells of: what is as it was is no news. */
  async glance(dir: string): Promise<void> {
    const before = this.#glanced.get(dir);
    const figures = await this.figures(dir);
    if (figures === undefined) return;
    const now = `${figures.info.state} ${figures.total}`;
    this.#glanced.set(dir, now);
    if (now === before) return;
    this.#take(dir, figures.info);
    this.#tell(dir);
  }

  forget(dir: string): void {
    if (!this.#runs.delete(dir)) return;
    this.#sorted = undefined;
    this.#opened.delete(dir);
    this.#tell(dir);
  }

  receive(dir: string, event: RunEvent): void {
    if (event.type === 'started') this.#take(dir, event.info);
    if (event.type === 'started' || event.type === 'call' || event.type === 'rollout-finished' || event.type === 'requeued' || event.type === 'finished') {
      void this.#open(dir).then((run) => run.receive(event), () => {});
    }
    if (event.type === 'finished') void this.look(dir);
    else if (event.type !== 'log') this.#soon(dir);
  }

  /** Undefined for a run that is gone or can't be read. */
  async figures(dir: string): Promise<RunFigures | undefined> {
    try {
      return await (await this.#open(dir)).figures();
    } catch {
      this.#opened.delete(dir);
      await readRunInfo(dir).catch(() => this.forget(dir));
      return undefined;
    }
  }

  dispose(): void {
    for (const timer of this.#news.values()) clearTimeout(timer);
    this.#listeners.clear();
  }

  #take(dir: string, info: RunInfo): void {
    this.#runs.set(dir, info);
    this.#sorted = undefined;
  }

  #open(dir: string): Promise<RunResults> {
    const run = this.#opened.get(dir) ?? RunResults.open(dir);
    // The one asked for last stands last.
    this.#opened.delete(dir);
    this.#opened.set(dir, run);
    for (const oldest of this.#opened.keys()) {
      if (this.#opened.size <= KEPT) break;
      this.#opened.delete(oldest);
    }
    return run;
  }

  #soon(dir: string): void {
    if (this.#news.has(dir)) return;
    this.#news.set(dir, setTimeout(() => {
      this.#news.delete(dir);
      this.#tell(dir);
    }, NEWS_MS));
  }

  #tell(dir: string): void {
    for (const listener of this.#listeners) listener(dir);
  }
}

/** The class a run's configuration names as its workflow or its judge, by the real path of its file where the run's code tells it. */
export function targetOf({ conf, config, files }: RunInfo, which: 'workflow' | 'judge'): Target | undefined {
  const text = which === 'workflow' ? (config.rollout as JsonObject | undefined)?.user_workflow : (config.task_judge as JsonObject | undefined)?.judge_protocol;
  if (typeof text !== 'string' || text.startsWith('builtin->')) return undefined;
  try {
    const { file, className } = splitTarget(text);
    const path = resolve(dirname(conf), file);
    const known = files && (Object.hasOwn(files, path) ? path : Object.keys(files).find((one) => one.endsWith(`${sep}${file.replace(/^(\.{1,2}[\\/])+/, '').replaceAll('/', sep)}`)));
    return { file: known ?? path, className };
  } catch {
    return undefined;
  }
}
