/** A judge was saved: the stored rollouts are scored again by it, and what is shown moves to the new rewards. No model is called. */
import { dirname } from 'node:path';
import * as vscode from 'vscode';
import { projectFolder } from '../../runtime/backbone/location.ts';
import type { RunEvent } from '../../runtime/protocol/backbone.ts';
import { TuningForkError } from '../../runtime/protocol/errors.ts';
import { deleteRun, type RunPlace as StoredRun } from '../../runtime/trace/index.ts';
import type { RunPlace } from '../commands/table.ts';
import type { FoundConfig } from '../discovery/discovery.ts';
import { givenIn } from '../discovery/given.ts';
import { inOurWords, showError } from '../errors.ts';
import { isSameFile } from '../real-path.ts';
import type { RunFigures } from '../results/figures.ts';
import { targetOf, type Results } from '../results/results.ts';
import { setting } from '../settings.ts';
import type { Studio } from '../studio.ts';
import { keyOf, type Board } from './board.ts';
import { JudgeErrors, JudgeProblems } from './judge-problems.ts';
import { decimal } from './words.ts';

/** More than this is scored again only when somebody asks for it. */
export const MOST_AT_ONCE = 2_000;
const TOLD_MS = 6_000;

export type JudgeState =
  | { now: 'scoring'; rollouts: number }
  | { now: 'too-many'; rollouts: number; place: RunPlace }
  | { now: 'scored'; dir: string; moved: string }
  | { now: 'failed'; message: string };

interface Scoring {
  stopped: boolean;
  /** Settles once nothing of it goes on. */
  over: Promise<void>;
  live: Promise<RunPlace> | undefined;
}

export class JudgeKeeper implements vscode.Disposable {
  readonly #studio: Studio;
  readonly #results: Results;
  readonly #board: Board;
  readonly #states = new Map<string, JudgeState>();
  readonly #scorings = new Map<string, Scoring>();
  /** What a save has made, by configuration; the next one takes its place. */
  readonly #made = new Map<string, string>();
  readonly #problems = new JudgeProblems();
  readonly #changed = new vscode.EventEmitter<void>();
  readonly #saves: vscode.Disposable;
  readonly onDidChange = this.#changed.event;

  constructor(studio: Studio, results: Results, board: Board) {
    this.#studio = studio;
    this.#results = results;
    this.#board = board;
    this.#saves = vscode.workspace.onDidSaveTextDocument((document) => void this.#saved(document));
  }

  stateOf(conf: string): JudgeState | undefined {
    return this.#states.get(conf);
  }

  /** By the judge that the run's configuration names now. */
  async rejudge(run: StoredRun): Promise<void> {
    const figures = await this.#results.figures(run.dir);
    if (figures === undefined || figures.total === 0) throw new TuningForkError('usage', vscode.l10n.t('The run {0} has no rollout that could be scored.', run.info.run), { next: vscode.l10n.t('Run rollouts first.') });
    await this.#score(run, figures.total, true);
  }

  dispose(): void {
    for (const one of [this.#saves, this.#problems, this.#changed]) one.dispose();
  }

  async #saved(document: vscode.TextDocument): Promise<void> {
    if (!vscode.workspace.isTrusted || !setting('editor.rejudgeOnSave', document)) return;
    const configs = this.#studio.discovery.configs.filter(({ judge }) => judge?.file === document.uri.fsPath);
    await Promise.all(configs.map((config) => this.#keepUp(config).catch((error: unknown) => showError(this.#studio, error))));
  }

  async #keepUp(config: FoundConfig): Promise<void> {
    const run = await this.#newest(config);
    if (run === undefined) return;
    const { total } = (await this.#results.figures(run.dir))!;
    if (total > MOST_AT_ONCE) return this.#tell(config.file, { now: 'too-many', rollouts: total, place: placeOf(run) });
    await this.#score(run, total, false);
  }

  /** The rollouts themselves: of a run that was scored again, those it was made from. */
  async #newest(config: FoundConfig): Promise<StoredRun | undefined> {
    for (const run of this.#results.runs) {
      if (!isSameFile(run.info.conf, config.file) || run.info.state === 'running' || !(run.info.kind === 'rollout' || run.info.kind === 'training' || run.info.kind === 'rejudge')) continue;
      const stored = sourceOf(run, this.#results);
      const figures = await this.#results.figures(stored.dir);
      if (figures !== undefined && figures.total > 0) return stored;
    }
    return undefined;
  }

  /** What is under way for this configuration is called off first. */
  async #score(run: StoredRun, rollouts: number, keep: boolean): Promise<void> {
    const { conf } = run.info;
    const earlier = this.#scorings.get(conf);
    if (earlier !== undefined) earlier.stopped = true;
    const scoring: Scoring = { stopped: false, over: Promise.resolve(), live: undefined };
    this.#scorings.set(conf, scoring);
    scoring.over = (async () => {
      if (earlier !== undefined) await this.#callOff(earlier);
      if (!scoring.stopped) await this.#run(run, rollouts, scoring, keep);
    })();
    const text = rollouts === 1 ? vscode.l10n.t('Scoring 1 rollout again') : vscode.l10n.t('Scoring {0} rollouts again', rollouts);
    vscode.window.setStatusBarMessage(`$(sync~spin) ${text}`, scoring.over);
    try {
      await scoring.over;
    } finally {
      if (this.#scorings.get(conf) === scoring) {
        this.#scorings.delete(conf);
        if (this.#states.get(conf)?.now === 'scoring') this.#tell(conf, undefined);
      }
    }
  }

  async #callOff(scoring: Scoring): Promise<void> {
    const place = await scoring.live?.catch(() => undefined);
    if (place !== undefined) await this.#studio.backbones.request(place.project, 'cancel', { run: place.run }).catch(() => {});
    await scoring.over.catch(() => {});
  }

  async #run(run: StoredRun, rollouts: number, scoring: Scoring, keep: boolean): Promise<void> {
    const { conf } = run.info;
    const home = projectFolder(dirname(conf));
    this.#tell(conf, { now: 'scoring', rollouts });
    const errors = new JudgeErrors();
    const ended = new Promise<Extract<RunEvent, { type: 'finished' }>>((resolve, reject) => {
      const lost = this.#studio.backbones.onDidLose((project) => {
        if (project !== home) return;
        lost.dispose();
        reject(new TuningForkError('backbone', vscode.l10n.t('The backbone ended while it scored rollouts.'), { next: vscode.l10n.t('Save the judge again.') }));
      });
      scoring.live = this.#studio.backbones.start(home, { kind: 'rejudge', conf, workflow: givenIn(this.#studio.discovery.configs, run.info)?.workflow, rejudge: { dir: run.dir } }, (event) => {
        // A rollout that failed back then has its error still.
        if (event.type === 'rollout-finished' && (event.error?.code === 'judge' || event.error?.code === 'reward')) errors.add(event.error);
        if (event.type !== 'finished') return;
        if (event.error !== undefined) errors.add(event.error);
        lost.dispose();
        resolve(event);
      });
      scoring.live.catch((error: unknown) => {
        lost.dispose();
        reject(error as Error);
      });
    });
    const [{ dir }, { state, error }] = await Promise.all([scoring.live!, ended]);
    if (state === 'cancelled') return this.#discard(dir);
    const judge = this.#studio.discovery.configs.find(({ file }) => file === conf)?.judge ?? targetOf(run.info, 'judge');
    if (judge !== undefined) await this.#problems.show(errors, judge);
    if (state === 'failed') {
      this.#tell(conf, { now: 'failed', message: error === undefined ? '' : inOurWords(error).message });
      return this.#discard(dir);
    }
    await this.#results.look(dir);
    const after = await this.#results.figures(dir);
    const target = this.#board.targetOf(run.info);
    if (target !== undefined && this.#board.choices[keyOf(target)]?.run !== undefined) this.#board.choose(target, { run: dir });
    const moved = movedText(await this.#results.figures(run.dir), after);
    this.#tell(conf, { now: 'scored', dir, moved });
    vscode.window.setStatusBarMessage(`$(${errors.none ? 'check' : 'error'}) ${vscode.l10n.t('scored again: {0}', moved)}`, TOLD_MS);
    if (keep) return;
    const superseded = this.#made.get(conf);
    this.#made.set(conf, dir);
    if (superseded !== undefined) await this.#discard(superseded);
  }

  /** Copies that a newer one stands for would only fill the disk and the list of runs. */
  async #discard(dir: string): Promise<void> {
    await deleteRun(dirname(dirname(dirname(dir))), dir).catch((error: unknown) => this.#studio.log.warn(`The run ${dir} was not removed: ${String(error)}`));
    this.#results.forget(dir);
  }

  #tell(conf: string, state: JudgeState | undefined): void {
    if (state === undefined) this.#states.delete(conf);
    else this.#states.set(conf, state);
    this.#changed.fire();
  }
}

/** `0.53 → 0.74 (48)` */
function movedText(before: RunFigures | undefined, after: RunFigures | undefined): string {
  const mean = (figures: RunFigures | undefined): string => (figures?.reward === undefined ? '–' : decimal(figures.reward.mean));
  const moved = mean(before) === mean(after) ? mean(after) : `${mean(before)} → ${mean(after)}`;
  return `${moved} (${after?.reward?.count ?? 0})${after === undefined || after.failed === 0 ? '' : ` · ${vscode.l10n.t('{0} failed', after.failed)}`}`;
}

function sourceOf(run: StoredRun, results: Results): StoredRun {
  const { source } = run.info;
  const info = source === undefined ? undefined : results.info(source);
  return info === undefined ? run : { dir: source!, info };
}

function placeOf({ dir, info }: StoredRun): RunPlace {
  return { project: dirname(dirname(dirname(dirname(dir)))), run: info.run, dir };
}
