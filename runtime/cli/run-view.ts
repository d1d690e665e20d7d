/** Rollouts as a person sees them while they go on: a live picture on a terminal, a line now and then elsewhere. */
import type { RunEvent, RunProgress, RunStatus } from '../protocol/backbone.ts';
import type { ErrorInfo } from '../protocol/errors.ts';
import { doneOf, frame, sentence, type Ended, type Picture } from './frame.ts';
import { err, errPaint, note } from './io.ts';
import { t } from './l10n.ts';
import { LiveView } from './live-view.ts';
import { describeError } from './report.ts';
import { fit, visible } from './terminal.ts';
import { TimeLeft } from './time-left.ts';

/** How often a log gets a line. */
const LINE_MS = 5_000;
/** More than any terminal shows. */
const KEPT_ENDS = 200;
/** A broken workflow must not scroll everything away; the summary has the rest. */
const TOLD_FAILURES = 3;

/** Rollouts that failed for the same reason. */
export interface Failure {
  error: ErrorInfo;
  rollouts: string[];
}

export class RunView extends LiveView {
  readonly failures = new Map<string, Failure>();
  readonly #timeLeft = new TimeLeft();
  readonly #recent: Ended[] = [];
  readonly #held = new Map<string, string>();
  /** When the run began, and when its first rollout did, on the clock of `Date.now()`. */
  #began = Date.now();
  #working: number | undefined;

  override begin(status: RunStatus): void {
    super.begin(status);
    this.#began = Date.now() - status.elapsed;
    if (this.policy === '') this.phase(t('Loading the model and {0}…', this.workflow));
    this.everyNow(LINE_MS, () => note(sentence(this.#shown(this.progress!), errPaint)));
  }

  override receive(event: RunEvent): void {
    super.receive(event);
    switch (event.type) {
      case 'rollout-started':
        if (this.#working === undefined && !this.onTerminal) note(`${visible(this.workflow)} · ${visible(this.policy)}`);
        this.#working ??= event.time;
        break;
      case 'rollout-finished':
        this.#ended(event);
        break;
      case 'inspector':
        this.phase(t('Waiting for the debugger…'));
        this.say(`${t('Waiting for a debugger at {0}', errPaint.bold(visible(event.url)))}\n  ${errPaint.yellow('→')} ${t('VS Code: "Debug: Attach to Node Process". Chrome: chrome://inspect.')}`);
        break;
      case 'held':
        this.#held.set(event.stop.rollout, t('{0} is held: {1}', event.stop.rollout, event.stop.text));
        break;
      case 'released':
        this.#held.delete(event.rollout);
        break;
    }
  }

  #ended({ entry: { id, task, reward, success, status }, error }: Extract<RunEvent, { type: 'rollout-finished' }>): void {
    if (status === 'cancelled') return;
    this.#recent.push({ reward, success, failed: status === 'failed' });
    if (this.#recent.length > KEPT_ENDS) this.#recent.shift();
    if (error === undefined) return;
    const kind = `${error.code} ${error.message}`;
    const known = this.failures.get(kind);
    known?.rollouts.push(id);
    if (known !== undefined) return;
    this.failures.set(kind, { error, rollouts: [id] });
    if (this.failures.size <= TOLD_FAILURES) this.say(`${errPaint.red(`✗ ${id}`)} ${errPaint.dim(`(${fit(task, 30)})`)} ${describeError(error, errPaint)}`);
  }

  protected override picture(): string[] | undefined {
    return this.progress === undefined || this.#working === undefined ? undefined : frame(this.#shown(this.progress), err.width, errPaint);
  }

  #shown(progress: RunProgress): Picture {
    const now = Date.now();
    const working = now - (this.#working ?? now);
    return {
      workflow: this.workflow, policy: this.policy, progress, elapsed: now - this.#began, working,
      left: this.#timeLeft.estimate(working, { done: doneOf(progress), running: progress.running, planned: progress.planned }),
      recent: this.#recent, held: [...this.#held.values()],
    };
  }
}
