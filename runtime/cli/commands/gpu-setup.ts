import { resolve } from 'node:path';
import { TuningForkError, type ErrorInfo } from '../../protocol/errors.ts';
import { pythonFolder } from '../../trainers/gpu/home.ts';
import { pythonOf } from '../../trainers/gpu/python.ts';
import { SETUP_STEPS, setUpGpu, type SetupStep } from '../../trainers/gpu/setup.ts';
import type { Args } from '../args.ts';
import { clock, duration } from '../format.ts';
import { spinner } from '../frame.ts';
import { onInterrupt } from '../interrupt.ts';
import { COMMAND } from '../invocation.ts';
import { err, errPaint, EXIT, note, paint, print, printJson } from '../io.ts';
import { t } from '../l10n.ts';
import { LiveRegion } from '../live-region.ts';
import { describeError, inOurWords } from '../report.ts';
import { clip, visible } from '../terminal.ts';

const FRAME_MS = 100;
/** In a log: names of forty packages on a line help nobody. */
const DETAIL_WIDTH = 110;

/** Steps on stderr while they go on, what was made on stdout. */
export async function setUp(args: Args): Promise<number> {
  if (args.on('cuda') && args.on('cpu')) throw new TuningForkError('usage', t('--cuda and --cpu exclude each other.'), { next: t('Leave both out: then it is for a GPU where a driver answers.') });
  const asked = args.text('dir');
  const folder = asked === undefined ? pythonFolder() : resolve(asked);
  const stop = new AbortController();
  using _interrupt = onInterrupt(() => stop.abort(new TuningForkError('rollout-cancelled', t('Cancelled.'), { next: t('Run the same command again: it goes on where it was.') })));
  const view = args.on('json') ? new JsonSteps() : new Steps();
  try {
    const installed = await setUpGpu({
      folder, build: args.on('cuda') ? 'cuda' : args.on('cpu') ? 'cpu' : undefined, python: args.text('python'), fresh: args.on('fresh'), signal: stop.signal,
      step: (step, done) => view.step(step, done), detail: (text) => view.detail(text), notice: (notice) => view.notice(notice),
    });
    view.end();
    if (args.on('json')) printJson({ type: 'gpu', folder, ...installed });
    else {
      print(`${paint.green('✓')} ${t('The GPU runtime is set up in {0}.', folder)}`);
      print(`  ${COMMAND} train --conf <yaml> --backbone gpu${folder === pythonFolder() ? '' : ` --set gpu.python=${pythonOf(folder)}`}`);
    }
    return EXIT.ok;
  } catch (error) {
    view.end();
    if (!stop.signal.aborted) throw error;
    if (args.on('json')) printJson({ type: 'cancelled' });
    else note(t('Cancelled; the same command goes on where it was.'));
    return EXIT.cancelled;
  }
}

interface StepsView {
  step(step: SetupStep, done: string | undefined): void;
  detail(text: string): void;
  notice(notice: ErrorInfo): void;
  end(): void;
}

class JsonSteps implements StepsView {
  step(step: SetupStep, done: string | undefined): void {
    printJson({ type: 'step', step, index: SETUP_STEPS.indexOf(step), of: SETUP_STEPS.length, title: titleOf(step), ...(done !== undefined && { done }) });
  }

  detail(text: string): void {
    printJson({ type: 'detail', text });
  }

  notice(notice: ErrorInfo): void {
    printJson({ type: 'notice', notice: inOurWords(notice) });
  }

  end(): void {}
}

class Steps implements StepsView {
  readonly #live = err.interactive ? new LiveRegion(err) : undefined;
  readonly #began = performance.now();
  #stepBegan = 0;
  #title = '';
  #detail = '';
  #timer: NodeJS.Timeout | undefined;

  step(step: SetupStep, done: string | undefined): void {
    if (done === undefined) {
      this.#title = titleOf(step);
      this.#detail = '';
      this.#stepBegan = performance.now();
      if (this.#live === undefined) return note(`${this.#title}…`);
      this.#timer ??= setInterval(() => this.#draw(), FRAME_MS);
      return this.#draw();
    }
    this.#say(`${errPaint.green('✓')} ${titleOf(step)} ${errPaint.dim(`${visible(done)}  ${duration(performance.now() - this.#stepBegan)}`)}`);
  }

  detail(text: string): void {
    this.#detail = text;
    if (this.#live === undefined) note(`  ${clip(visible(text), DETAIL_WIDTH)}`);
  }

  notice(notice: ErrorInfo): void {
    this.#say(`${errPaint.yellow('!')} ${describeError(notice, errPaint)}`);
  }

  #say(text: string): void {
    if (this.#live === undefined) note(text);
    else this.#live.print(text);
  }

  end(): void {
    clearInterval(this.#timer);
    this.#live?.clear();
  }

  #draw(): void {
    const now = performance.now();
    // A large download says nothing for minutes.
    this.#live!.draw([clip(`${errPaint.cyan(spinner(now - this.#began))} ${this.#title} ${errPaint.dim(`${clock(now - this.#stepBegan)}  ${visible(this.#detail)}`)}`, err.width - 1)]);
  }
}

function titleOf(step: SetupStep): string {
  const titles = {
    python: t('Looking for Python'), disk: t('Looking at the disk'), environment: t('Making the environment'),
    torch: t('Installing PyTorch'), packages: t('Installing the packages'), check: t('Trying it'),
  };
  return titles[step];
}
