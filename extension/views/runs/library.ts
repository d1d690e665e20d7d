/** The runs of some projects, as they lie on the disk. */
import { join } from 'node:path';
import { isAlive } from '../../../runtime/processes/stamp.ts';
import type { TuningForkError } from '../../../runtime/protocol/errors.ts';
import { findRuns, readRunInfo, runFolders, type RunInfo } from '../../../runtime/trace/index.ts';

export interface StoredRun {
  project: string;
  /** Folder that all runs of the project lie in. */
  root: string;
  run: string;
  dir: string;
  info: RunInfo;
}

/** As `run.json` has it, `interrupted` where its process died without a word. */
export type RunState = RunInfo['state'] | 'interrupted';

export function stateOf({ state, backbone }: RunInfo): RunState {
  return state === 'running' && backbone !== undefined && !isAlive(backbone) ? 'interrupted' : state;
}

export class Library {
  readonly #runs = new Map<string, StoredRun>();
  /** Folders of runs, each with its project. */
  readonly #roots = new Map<string, string>();
  /** What workflows call themselves, by folder; run.json says it a little later. */
  readonly #called = new Map<string, string>();
  problems: TuningForkError[] = [];

  get roots(): string[] {
    return [...this.#roots.keys()];
  }

  /** A configuration may put its runs elsewhere. True: it was not known. */
  addRoot(root: string, project: string): boolean {
    if (this.#roots.has(root)) return false;
    this.#roots.set(root, project);
    return true;
  }

  addProject(project: string): boolean {
    return this.addRoot(join(project, 'runs'), project);
  }

  called(dir: string, workflow: string): void {
    this.#called.set(dir, workflow);
    const known = this.#runs.get(dir);
    if (known !== undefined) this.#runs.set(dir, { ...known, info: { ...known.info, workflow } });
  }

  get(dir: string): StoredRun | undefined {
    return this.#runs.get(dir);
  }

  /** Newest first. */
  list(): StoredRun[] {
    return [...this.#runs.values()].sort((a, b) => order(b.info.created, a.info.created) || order(b.dir, a.dir));
  }

  async reload(): Promise<void> {
    const problems: TuningForkError[] = [];
    const found = new Map<string, StoredRun>();
    for (const [root, project] of this.#roots) {
      const listed = await findRuns(root);
      problems.push(...listed.problems);
      for (const { dir, info } of listed.places) found.set(dir, { project, root, run: info.run, dir, info });
    }
    this.problems = problems;
    for (const dir of this.#runs.keys()) if (!found.has(dir)) this.#runs.delete(dir);
    for (const [dir, run] of found) this.#runs.set(dir, run);
  }

  /** Folders of runs that are there and not known, or known and not there. */
  async moved(): Promise<string[]> {
    const there = new Set((await Promise.all([...this.#roots.keys()].map(runFolders))).flat());
    return [...[...there].filter((dir) => !this.#runs.has(dir)), ...[...this.#runs.keys()].filter((dir) => !there.has(dir))];
  }

  /** One run appeared, changed or went away. */
  async touch(dir: string): Promise<'added' | 'changed' | 'removed' | undefined> {
    const known = this.#runs.get(dir);
    const root = join(dir, '../../..');
    const project = this.#roots.get(root);
    if (project === undefined) return undefined;
    try {
      const read = await readRunInfo(dir);
      const info = { ...read, workflow: this.#called.get(dir) ?? read.workflow };
      this.#runs.set(dir, { project, root, run: info.run, dir, info });
      return known === undefined ? 'added' : 'changed';
    } catch {
      // Deleted, or half there: its next change is told again.
      this.#runs.delete(dir);
      return known === undefined ? undefined : 'removed';
    }
  }
}

function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
