/** A run from its start to its end: in the status bar at once, as a notification when it takes longer than a second, cancelled on demand, and what user code prints kept readable. */
import { setTimeout as sleep } from 'node:timers/promises';
import * as vscode from 'vscode';
import type { RunEvent, RunProgress } from '../../runtime/protocol/backbone.ts';
import { TuningForkError, type ErrorInfo } from '../../runtime/protocol/errors.ts';
import type { RunInfo } from '../../runtime/protocol/trace.ts';
import type { LiveRun, RunRequest } from '../backbone/backbones.ts';
import type { Studio } from '../studio.ts';
import { withoutLinks } from '../without-links.ts';
import { showOutput } from './output.ts';
import { doneOf, progressText } from './progress-text.ts';

export interface Launch {
  project: string;
  request: RunRequest;
  /** Over the progress. */
  title: string;
  onEvent?(event: RunEvent): void;
  /** Cancels it from outside, as the button of the progress does. */
  token?: vscode.CancellationToken;
  /** Whoever started it shows its progress elsewhere. */
  quiet?: boolean;
}

export interface Ended {
  live: LiveRun;
  state: RunInfo['state'];
  error: ErrorInfo | undefined;
  progress: RunProgress;
  /** Of rollouts that failed, the first few. */
  failures: { rollout: string; error: ErrorInfo }[];
}

/** Its backbone was killed, or crashed. */
export class LostError extends TuningForkError {}

/** What is quicker than this needs no notification. */
const QUICK_MS = 1_000;
const KEPT_FAILURES = 20;

export async function launch(studio: Studio, options: Launch): Promise<Ended> {
  const flight = new Flight(studio, options);
  const ended = flight.go();
  ended.catch(() => {});
  if (options.quiet) return ended;
  const settled = ended.then(() => true, () => true);
  const soon = Promise.race([settled, sleep(QUICK_MS, false)]);
  void vscode.window.withProgress({ location: vscode.ProgressLocation.Window, title: options.title }, () => soon);
  const quick = await soon;
  if (!quick) await vscode.window.withProgress({ location: vscode.ProgressLocation.Notification, title: withoutLinks(options.title), cancellable: true }, (progress, token) => flight.show(progress, token));
  return ended;
}

class Flight {
  readonly #studio: Studio;
  readonly #options: Launch;
  readonly #ended: PromiseLike<unknown>;
  #end: () => void = () => {};
  #live: LiveRun | undefined;
  #cancelled = false;
  #counts: RunProgress | undefined;
  #shown = 0;
  #progress: vscode.Progress<{ message?: string; increment?: number }> | undefined;

  constructor(studio: Studio, options: Launch) {
    this.#studio = studio;
    this.#options = options;
    this.#ended = new Promise<void>((resolve) => void (this.#end = resolve));
    options.token?.onCancellationRequested(() => this.#cancel());
  }

  async go(): Promise<Ended> {
    const { project, request } = this.#options;
    const { backbones } = this.#studio;
    const failures: Ended['failures'] = [];
    let finished: Extract<RunEvent, { type: 'finished' }> | undefined;
    let lost = false;
    const losing = backbones.onDidLose((which) => {
      if (which !== project || this.#live === undefined) return;
      lost = true;
      this.#end();
    });
    try {
      this.#live = await backbones.start(project, request, (event) => {
        this.#options.onEvent?.(event);
        showOutput(event);
        if (event.type === 'progress') this.#draw(event.progress);
        if (event.type === 'rollout-finished' && event.error !== undefined && event.entry.status === 'failed' && failures.length < KEPT_FAILURES) failures.push({ rollout: event.entry.id, error: event.error });
        if (event.type === 'finished') {
          finished = event;
          this.#end();
        }
      });
      if (this.#cancelled) this.#cancel();
      this.#draw(this.#live.status.progress);
      await this.#ended;
    } finally {
      losing.dispose();
      this.#end();
    }
    const live = this.#live;
    if (lost) {
      throw new LostError('backbone', vscode.l10n.t('The backbone went away while {0} was going on; finished rollouts are kept.', live.run), {
        next: vscode.l10n.t('Start it again; the log says what happened.'),
      });
    }
    return { live, state: finished!.state, error: finished!.error, progress: this.#counts ?? live.status.progress, failures };
  }

  async show(progress: vscode.Progress<{ message?: string; increment?: number }>, token: vscode.CancellationToken): Promise<void> {
    this.#progress = progress;
    if (this.#counts !== undefined) this.#draw(this.#counts);
    else progress.report({ message: vscode.l10n.t('starting…') });
    token.onCancellationRequested(() => {
      progress.report({ message: vscode.l10n.t('cancelling; finished rollouts are kept') });
      this.#progress = undefined;
      this.#cancel();
    });
    await this.#ended;
  }

  #cancel(): void {
    this.#cancelled = true;
    const live = this.#live;
    if (live !== undefined) void this.#studio.backbones.request(live.project, 'cancel', { run: live.run }).catch(() => {});
  }

  #draw(counts: RunProgress): void {
    this.#counts = counts;
    if (this.#progress === undefined || counts.planned === 0) return;
    const share = 100 * doneOf(counts) / counts.planned;
    this.#progress.report({ message: progressText(counts, vscode.l10n), increment: share - this.#shown });
    this.#shown = share;
  }
}
