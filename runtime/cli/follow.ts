/** Follows a run until it ends: live on a terminal, a line now and then in a pipe, every event as JSON for machines. */
import type { BackboneClient } from '../backbone/client.ts';
import type { RunEvent, RunProgress, RunStatus } from '../protocol/backbone.ts';
import type { ErrorInfo } from '../protocol/errors.ts';
import type { RunInfo } from '../protocol/trace.ts';
import { describeError, err, errPaint, EXIT, note, printJson } from './io.ts';
import { t } from './l10n.ts';
import { count, decimal, duration, meanMargin, percent } from './statistics.ts';
import { fit, LiveRegion, visible } from './terminal.ts';

export interface Followed {
  status: RunStatus;
  state: RunInfo['state'];
  error?: ErrorInfo;
  failures: { rollout: string; task: string; error: ErrorInfo }[];
  /** Ctrl-C was pressed. */
  interrupted: boolean;
}

export interface FollowOptions {
  json: boolean;
  /** Ctrl-C cancels the run; otherwise it only stops looking. */
  owner: boolean;
  since?: number;
}

/** Drawn at most so often; events may come by the thousand. */
const FRAME_MS = 100;
/** How often a pipe gets a line. */
const LINE_MS = 5_000;

export async function follow(client: BackboneClient, run: string, options: FollowOptions): Promise<Followed> {
  const ended = Promise.withResolvers<Extract<RunEvent, { type: 'finished' }>>();
  const view = new FollowView(options.json);
  let interrupted = false;
  const status = await client.attach(run, (event) => {
    view.receive(event);
    if (event.type === 'finished') ended.resolve(event);
  }, options.since ?? 0);
  view.start(status);

  const onInterrupt = (): void => {
    if (interrupted || !options.owner) {
      view.stop();
      note(options.owner ? t('Stopped looking; the run may still be ending.') : t('Stopped looking; the run goes on. "tuning-fork runs attach {0}" looks again.', run));
      process.exit(EXIT.cancelled);
    }
    interrupted = true;
    view.say(t('Cancelling… finished rollouts are kept. Ctrl-C again to leave at once.'));
    client.request('cancel', { run }).catch(() => {});
  };
  process.on('SIGINT', onInterrupt);
  try {
    const finished = await Promise.race([ended.promise, client.closed.then(() => undefined)]);
    view.stop();
    const last: RunStatus = { ...status, info: { ...status.info, ...(view.info ?? {}) }, progress: view.progress ?? status.progress, elapsed: view.elapsed };
    if (finished === undefined) {
      return { status: last, state: 'failed', failures: view.failures, interrupted, error: { code: 'backbone', message: t('The backbone went away.'), next: t('"tuning-fork runs list" shows what was kept.') } };
    }
    return { status: last, state: finished.state, error: finished.error, failures: view.failures, interrupted };
  } finally {
    process.off('SIGINT', onInterrupt);
  }
}

class FollowView {
  progress: RunProgress | undefined;
  elapsed = 0;
  info: Partial<RunInfo> | undefined;
  readonly failures: Followed['failures'] = [];
  readonly #json: boolean;
  readonly #live: LiveRegion | undefined;
  readonly #tasks = new Map<string, string>();
  #timer: NodeJS.Timeout | undefined;
  #lastLine = Date.now();
  #held = '';
  #started = performance.now();

  constructor(json: boolean) {
    this.#json = json;
    this.#live = !json && err.interactive ? new LiveRegion(err) : undefined;
  }

  start(status: RunStatus): void {
    this.progress ??= status.progress;
    this.#started = performance.now() - status.elapsed;
    if (!this.#json) this.#timer = setInterval(() => this.#tick(), FRAME_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#live?.clear();
  }

  /** A line that scrolls away above the live part. */
  say(line: string): void {
    this.#live?.clear();
    note(line);
  }

  receive(event: RunEvent): void {
    if (this.#json) printJson(event);
    switch (event.type) {
      case 'progress':
        this.progress = event.progress;
        this.elapsed = event.elapsed;
        break;
      case 'started':
        this.info = event.info;
        break;
      case 'model-ready':
        this.info = { ...this.info, policy: event.label };
        break;
      case 'workflow-ready':
        this.info = { ...this.info, workflow: event.name };
        break;
      case 'rollout-started':
        this.#tasks.set(event.rollout, event.task);
        break;
      case 'rollout-finished':
        if (event.error !== undefined) this.#failed(event.entry.id, event.entry.task, event.error);
        break;
      case 'requeued':
        this.#tell(errPaint.yellow(t('{0} runs again: {1}', event.rollout, visible(event.cause.message))));
        break;
      case 'inspector':
        this.#tell(`${t('Waiting for a debugger at {0}', errPaint.bold(event.url))}\n  ${t('VS Code: "Debug: Attach to Node Process"; Chrome: chrome://inspect.')}`);
        break;
      case 'notice':
        this.#tell(`${event.level === 'error' ? errPaint.red('!') : errPaint.yellow('!')} ${describeError(event.notice, errPaint)}`);
        break;
      case 'log':
        this.#tell(errPaint.dim(`${event.rollout ?? 'worker'} │ `) + visible(event.text.replace(/\n$/, '')));
        break;
      case 'held':
        this.#held = t('{0} is held before its call {1}', event.call.rollout, event.call.index);
        break;
      case 'released':
        this.#held = '';
        break;
    }
  }

  #failed(rollout: string, task: string, error: ErrorInfo): void {
    this.failures.push({ rollout, task, error });
    // The first few at once, all others in the summary: a broken workflow must not scroll everything away.
    if (this.failures.length <= 3 && error.code !== 'rollout-cancelled') this.#tell(`${errPaint.red(`✗ ${rollout}`)} ${errPaint.dim(`(${fit(task, 30)})`)} ${describeError(error, errPaint)}`);
  }

  #tell(line: string): void {
    if (!this.#json) this.say(line);
  }

  #tick(): void {
    const progress = this.progress;
    if (progress === undefined) return;
    if (this.#live !== undefined) return this.#live.draw(this.#frame(progress));
    if (Date.now() - this.#lastLine < LINE_MS) return;
    this.#lastLine = Date.now();
    note(this.#sentence(progress));
  }

  #frame(progress: RunProgress): string[] {
    const done = progress.finished + progress.failed + progress.cancelled;
    const share = progress.planned === 0 ? 0 : done / progress.planned;
    const width = Math.max(10, Math.min(30, err.width - 60));
    const filled = Math.round(share * width);
    const bar = `${errPaint.cyan('█'.repeat(filled))}${errPaint.dim('░'.repeat(width - filled))}`;
    const head = `${errPaint.bold(this.info?.workflow || '…')} ${errPaint.dim('·')} ${this.info?.policy || t('loading the model…')}`;
    return [head, `${bar} ${this.#sentence(progress)}`, ...(this.#held === '' ? [] : [errPaint.yellow(this.#held)])].map((line) => (line.length > err.width * 3 ? line.slice(0, err.width * 3) : line));
  }

  #sentence(progress: RunProgress): string {
    const done = progress.finished + progress.failed + progress.cancelled;
    const elapsed = performance.now() - this.#started;
    const rate = done / (elapsed / 1_000);
    const left = progress.planned > done && rate > 0 ? ((progress.planned - done) / rate) * 1_000 : 0;
    const reward = progress.rewards === 0 ? '' : ` · ${t('reward')} ${decimal(progress.rewardSum / progress.rewards)}${Number.isFinite(meanMargin(progress.rewards, progress.rewardSum, progress.rewardSquares)) ? ` ±${decimal(meanMargin(progress.rewards, progress.rewardSum, progress.rewardSquares))}` : ''}`;
    const success = progress.judgedSuccess === 0 ? '' : ` · ${t('success')} ${percent(progress.successes / progress.judgedSuccess)}`;
    const failed = progress.failed === 0 ? '' : ` · ${errPaint.red(t('{0} failed', progress.failed))}`;
    return `${count(done)}${progress.planned === 0 ? '' : `/${count(progress.planned)}`}${rate > 0 ? ` · ${decimal(rate, 1)}/s` : ''}${left > 0 ? ` · ${t('{0} left', duration(left))}` : ''}${reward}${success}${failed}`;
  }
}
