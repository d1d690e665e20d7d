/** A run as a person sees it while it goes on: a live picture on a terminal, a line now and then elsewhere. */
import type { RunEvent, RunProgress, RunStatus } from '../protocol/backbone.ts';
import type { ErrorInfo } from '../protocol/errors.ts';
import type { Watcher } from './follow.ts';
import { duration } from './format.ts';
import { frame, sentence, spinner, doneOf, type Ended, type Picture } from './frame.ts';
import { err, errPaint, note } from './io.ts';
import { t } from './l10n.ts';
import { LiveRegion } from './live-region.ts';
import { describeError } from './report.ts';
import { fit, visible } from './terminal.ts';
import { TimeLeft } from './time-left.ts';

const FRAME_MS = 100;
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

export class RunView implements Watcher {
  readonly failures = new Map<string, Failure>();
  readonly #live = err.interactive ? new LiveRegion(err) : undefined;
  readonly #opened = performance.now();
  readonly #timeLeft = new TimeLeft();
  readonly #recent: Ended[] = [];
  readonly #held = new Map<string, string>();
  #phase = '';
  #workflow = '';
  #policy = '';
  #progress: RunProgress | undefined;
  /** When the run began, and when its first rollout did, on the clock of `Date.now()`. */
  #began = Date.now();
  #working: number | undefined;
  #timer: NodeJS.Timeout | undefined;

  phase(text: string): void {
    if (this.#phase === text) return;
    this.#phase = text;
    if (this.#live === undefined) return note(text);
    this.#draw();
    this.#timer ??= setInterval(() => this.#draw(), FRAME_MS);
  }

  begin(status: RunStatus): void {
    this.#began = Date.now() - status.elapsed;
    this.#progress ??= status.progress;
    this.#workflow ||= status.info.workflow;
    this.#policy ||= status.info.policy;
    if (this.#policy === '') this.phase(t('Loading the model and {0}…', this.#workflow));
    if (this.#live === undefined) this.#timer = setInterval(() => note(sentence(this.#picture(this.#progress!), errPaint)), LINE_MS);
    else this.#timer ??= setInterval(() => this.#draw(), FRAME_MS);
  }

  say(line: string): void {
    if (this.#live === undefined) note(line);
    else this.#live.print(line);
  }

  end(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#live?.clear();
  }

  receive(event: RunEvent): void {
    switch (event.type) {
      case 'progress':
        this.#progress = event.progress;
        break;
      case 'model-ready':
        this.#policy = event.label;
        break;
      case 'workflow-ready':
        this.#workflow = event.name;
        break;
      case 'rollout-started':
        if (this.#working === undefined && this.#live === undefined) note(`${visible(this.#workflow)} · ${visible(this.#policy)}`);
        this.#working ??= event.time;
        break;
      case 'rollout-finished':
        this.#ended(event);
        break;
      case 'requeued':
        this.say(`${errPaint.yellow(`! ${t('{0} runs again:', event.rollout)}`)} ${describeError(event.cause, errPaint)}`);
        break;
      case 'inspector':
        this.#phase = t('Waiting for the debugger…');
        this.say(`${t('Waiting for a debugger at {0}', errPaint.bold(visible(event.url)))}\n  ${errPaint.yellow('→')} ${t('VS Code: "Debug: Attach to Node Process". Chrome: chrome://inspect.')}`);
        break;
      case 'notice':
        this.say(`${sign(event.level)} ${describeError(event.notice, errPaint)}`);
        break;
      case 'log':
        for (const line of visible(event.text).replace(/\n$/, '').split('\n')) this.say(errPaint.dim(`${event.rollout ?? t('worker')} │ `) + line);
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

  #draw(): void {
    if (this.#progress !== undefined && this.#working !== undefined) return this.#live!.draw(frame(this.#picture(this.#progress), err.width, errPaint));
    const waited = performance.now() - this.#opened;
    const time = waited < 3_000 ? '' : ` ${errPaint.dim(duration(waited))}`;
    this.#live!.draw([`${errPaint.cyan(spinner(waited))} ${fit(this.#phase, err.width - 12)}${time}`]);
  }

  #picture(progress: RunProgress): Picture {
    const now = Date.now();
    const working = now - (this.#working ?? now);
    return {
      workflow: this.#workflow, policy: this.#policy, progress, elapsed: now - this.#began, working,
      left: this.#timeLeft.estimate(working, { done: doneOf(progress), running: progress.running, planned: progress.planned }),
      recent: this.#recent, held: [...this.#held.values()],
    };
  }
}

function sign(level: 'info' | 'warning' | 'error'): string {
  return level === 'error' ? errPaint.red('✗') : level === 'warning' ? errPaint.yellow('!') : errPaint.dim('·');
}
