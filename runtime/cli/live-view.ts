/** What goes on, before a person's eyes: what is waited for, then a picture drawn again and again, and lines above it. Off a terminal there are lines alone. */
import type { RunEvent, RunProgress, RunStatus } from '../protocol/backbone.ts';
import type { ErrorInfo } from '../protocol/errors.ts';
import { localize } from '../protocol/localize.ts';
import type { Watcher } from './follow.ts';
import { duration } from './format.ts';
import { spinner } from './frame.ts';
import { err, errPaint, note } from './io.ts';
import { language, t } from './l10n.ts';
import { LiveRegion } from './live-region.ts';
import { describeError } from './report.ts';
import { fit, visible } from './terminal.ts';

const FRAME_MS = 100;
/** Between what one cause does to several rollouts. */
const SAME_MS = 100;
/** A wait that is over sooner needs no clock. */
const LONG_MS = 3_000;

export abstract class LiveView implements Watcher {
  protected readonly onTerminal = err.interactive;
  protected workflow = '';
  protected policy = '';
  protected progress: RunProgress | undefined;
  readonly #live = err.interactive ? new LiveRegion(err) : undefined;
  readonly #opened = performance.now();
  /** Those that run again, by why; told together. */
  readonly #again = new Map<string, { cause: ErrorInfo; rollouts: string[] }>();
  #phase = '';
  #timer: NodeJS.Timeout | undefined;

  /** Undefined while there is only a phase to tell. */
  protected abstract picture(): string[] | undefined;

  phase(text: string): void {
    if (this.#phase === text) return;
    this.#phase = text;
    if (this.#live === undefined) return note(text);
    this.#draw();
    this.#keepDrawing();
  }

  begin(status: RunStatus): void {
    this.workflow ||= status.info.workflow;
    this.policy ||= status.info.policy;
    this.progress ??= status.progress;
    if (this.onTerminal) this.#keepDrawing();
  }

  /** Where nothing is drawn: a line now and then. */
  protected everyNow(milliseconds: number, tell: () => void): void {
    if (this.#live === undefined) this.#timer ??= setInterval(tell, milliseconds);
  }

  say(line: string): void {
    if (this.#live === undefined) note(line);
    else this.#live.print(line);
  }

  end(): void {
    for (const why of this.#again.keys()) this.#tellAgain(why);
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#live?.clear();
  }

  receive(event: RunEvent): void {
    switch (event.type) {
      case 'progress':
        this.progress = event.progress;
        break;
      case 'trainer':
        this.phase(localize(event.text, language));
        break;
      case 'model-ready':
        this.policy = event.label;
        break;
      case 'workflow-ready':
        this.workflow = event.name;
        break;
      case 'notice':
        this.say(`${sign(event.level)} ${describeError(event.notice, errPaint)}`);
        break;
      case 'requeued':
        this.#runsAgain(event.rollout, event.cause);
        break;
      case 'log':
        for (const line of visible(event.text).replace(/\n$/, '').split('\n')) this.say(errPaint.dim(`${event.rollout ?? t('worker')} │ `) + line);
        break;
    }
  }

  /** What befalls one process befalls all of its rollouts: one line for them. */
  #runsAgain(rollout: string, cause: ErrorInfo): void {
    const known = this.#again.get(cause.message);
    if (known !== undefined) return void known.rollouts.push(rollout);
    this.#again.set(cause.message, { cause, rollouts: [rollout] });
    setTimeout(() => this.#tellAgain(cause.message), SAME_MS).unref();
  }

  #tellAgain(why: string): void {
    const told = this.#again.get(why);
    if (told === undefined) return;
    this.#again.delete(why);
    const [first = '', ...others] = told.rollouts;
    const because = describeError(told.cause, errPaint);
    this.say(`${errPaint.yellow('!')} ${others.length === 0 ? t('{0} runs again: {1}', first, because) : t('{0} and {1} more run again: {2}', first, others.length, because)}`);
  }

  #keepDrawing(): void {
    this.#timer ??= setInterval(() => this.#draw(), FRAME_MS);
  }

  #draw(): void {
    const picture = this.picture();
    if (picture !== undefined) return this.#live!.draw(picture);
    const waited = performance.now() - this.#opened;
    const time = waited < LONG_MS ? '' : ` ${errPaint.dim(duration(waited))}`;
    this.#live!.draw([`${errPaint.cyan(spinner(waited))} ${fit(this.#phase, err.width - 12)}${time}`]);
  }
}

function sign(level: 'info' | 'warning' | 'error'): string {
  return level === 'error' ? errPaint.red('✗') : level === 'warning' ? errPaint.yellow('!') : errPaint.dim('·');
}
