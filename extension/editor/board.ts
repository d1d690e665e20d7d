/** Which runs an editor speaks of: of each workflow the newest that says something, unless another was chosen or it was cleared away. */
import { ENTRYPOINT } from '../../runtime/config/target.ts';
import type { RunInfo, RunPlace } from '../../runtime/trace/index.ts';
import type { RunFigures } from '../results/figures.ts';
import { targetOf, type Results, type Target } from '../results/results.ts';

/** What a person chose, by workflow. */
export interface Choice {
  /** The folder of a run. */
  run?: string;
  /** Runs made until then are not shown. */
  cleared?: string;
}

export class Board {
  readonly #results: Results;
  readonly #choices: Map<string, Choice>;
  readonly #shown = new Map<string, RunFigures | undefined>();
  readonly #targets = new WeakMap<RunInfo, Target | undefined>();
  /** The one workflow of a file, for runs of a file alone. */
  readonly #theOnly: (file: string) => string | undefined;

  constructor(results: Results, choices: Record<string, Choice> = {}, theOnly: (file: string) => string | undefined = () => undefined) {
    this.#results = results;
    this.#theOnly = theOnly;
    this.#choices = new Map(Object.entries(choices));
  }

  get choices(): Record<string, Choice> {
    return Object.fromEntries(this.#choices);
  }

  choose(target: Target, choice: Choice): void {
    this.#choices.set(keyOf(target), choice);
  }

  /** Brings up to date what is shown of a workflow. */
  async look(target: Target): Promise<RunFigures | undefined> {
    const shown = await this.#find(target);
    this.#shown.set(keyOf(target), shown);
    return shown;
  }

  /** As of the last look. */
  shown(target: Target): RunFigures | undefined {
    return this.#shown.get(keyOf(target));
  }

  /** Workflows that run code of this file. */
  targetsAt(path: string): Target[] {
    const found = new Map<string, Target>();
    for (const { info } of this.#results.runs) {
      const target = info.files !== undefined && Object.hasOwn(info.files, path) ? this.targetOf(info) : undefined;
      if (target !== undefined && speaks(info)) found.set(keyOf(target), found.get(keyOf(target)) ?? target);
    }
    return [...found.values()];
  }

  /** Runs of a workflow that can be shown, newest first. */
  runsOf(target: Target): RunPlace[] {
    const key = keyOf(target);
    return this.#results.runs.filter(({ info }) => {
      const own = speaks(info) ? this.targetOf(info) : undefined;
      return own !== undefined && keyOf(own) === key;
    });
  }

  /** The run to compare with: the one that was scored again, else the one before. */
  async before({ dir, info }: Pick<RunFigures, 'dir' | 'info'>): Promise<RunFigures | undefined> {
    if (info.source !== undefined) return this.#results.figures(info.source);
    const target = this.targetOf(info);
    const older = target === undefined ? [] : this.runsOf(target).filter((run) => run.dir !== dir && run.info.created <= info.created);
    return this.#firstTelling(older.filter(({ info: { kind } }) => kind === info.kind || kind === 'rejudge'));
  }

  targetOf(info: RunInfo): Target | undefined {
    if (!this.#targets.has(info)) this.#targets.set(info, targetOf(info, 'workflow'));
    const target = this.#targets.get(info);
    return target?.className === ENTRYPOINT ? { ...target, className: this.#theOnly(target.file) ?? ENTRYPOINT } : target;
  }

  async #find(target: Target): Promise<RunFigures | undefined> {
    const { run, cleared = '' } = this.#choices.get(keyOf(target)) ?? {};
    const runs = this.runsOf(target);
    const chosen = run !== undefined && runs.some(({ dir }) => dir === run) ? await this.#results.figures(run) : undefined;
    return chosen ?? this.#firstTelling(runs.filter(({ info }) => info.created > cleared));
  }

  /** One that has only begun says nothing yet, one that failed at once never will. */
  async #firstTelling(runs: readonly RunPlace[]): Promise<RunFigures | undefined> {
    for (const { dir } of runs.slice(0, 8)) {
      const figures = await this.#results.figures(dir);
      if (figures !== undefined && tells(figures)) return figures;
    }
    return undefined;
  }
}

/** A debug session that was stopped on its way takes nothing from sight that a run before it said. */
function tells({ info: { state }, reward, failed, rollouts, roles }: RunFigures): boolean {
  if (reward !== undefined || failed > 0) return true;
  return state !== 'cancelled' && (rollouts > 0 || roles.size > 0);
}

export function keyOf({ file, className }: Target): string {
  return `${file}->${className}`;
}

/** Half of a rejudge has other rewards than the rest: it counts once it is whole. Replays and checks are about one rollout. */
function speaks({ kind, state }: RunInfo): boolean {
  return kind === 'rollout' || kind === 'training' || (kind === 'rejudge' && state === 'finished');
}
