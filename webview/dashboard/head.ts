/** The line above the charts: which training, where it stands, what can be done with it. Made once: what is about to be clicked stays where it is. */
import type { DashboardAction, TrainingDetail } from '../../runtime/protocol/dashboard.ts';
import type { TrainingReport } from '../../runtime/protocol/training.ts';
import { h, icon } from '../shared/dom.ts';
import { decimal, duration, percent, signed } from '../shared/format.ts';
import type { Board } from './board.ts';
import { t } from './texts.ts';
import { inkMark, stateMark } from './trainings.ts';

export type Control = Exclude<DashboardAction['do'], 'rollout' | 'config'>;

export interface HeadOptions {
  /** Whether it can be controlled from here. */
  control: boolean;
  smoothing: number;
  smooth(weight: number): void;
  act(what: Control): void;
  side(): void;
  reset(): void;
  keys(): void;
  report(): void;
}

export class Head {
  readonly element: HTMLElement;
  readonly #options: HeadOptions;
  readonly #mark = h('span', { class: 'mark-place' });
  readonly #title = h('h1');
  readonly #policy = h('span', { class: 'dim policy' });
  readonly #state = h('span');
  readonly #figures = h('span', { class: 'figures' });
  readonly #gain: HTMLButtonElement;
  readonly #actions = h('span', { class: 'actions' });
  readonly #bar = h('span', { class: 'progress', role: 'progressbar', 'aria-valuemin': 0 }, h('span'));
  readonly #facts = h('span', { class: 'dim facts number' });
  readonly #zoomed: HTMLButtonElement;
  readonly #sideButton: HTMLButtonElement;
  #drawn = '';

  constructor(options: HeadOptions) {
    this.#options = options;
    this.#gain = h('button', { class: 'big link-box', hidden: true, onclick: () => options.report() });
    this.#zoomed = h('button', { class: 'action zoomed', hidden: true, onclick: () => options.reset() });
    this.#sideButton = h('button', { class: 'tool', onclick: () => options.side() }, icon('table'));
    this.#bar.setAttribute('aria-label', t('step'));
    this.element = h('header', { class: 'head', hidden: true },
      h('div', { class: 'row' }, this.#sideButton, this.#mark, this.#title, this.#policy, this.#state, h('span', { class: 'spring' }), this.#figures, this.#gain, this.#actions),
      h('div', { class: 'row second' }, this.#bar, this.#facts, h('span', { class: 'spring' }), this.#zoomed, this.#slider(), h('button', { class: 'tool', title: t('keys'), 'aria-label': t('help'), onclick: () => options.keys() }, icon('help'))));
  }

  show(detail: TrainingDetail, board: Board, report: TrainingReport | null): void {
    const { workflow, policy, state, step, steps, left, live } = detail;
    const { main, lines } = board;
    this.element.hidden = false;
    this.#mark.replaceChildren(...(main !== undefined && lines.length > 1 ? [inkMark(main, board)] : []));
    this.#title.textContent = workflow;
    this.#policy.textContent = policy;
    this.#figures.replaceChildren(...(['rewardMean', 'success'] as const).flatMap((name) => {
      const value = main?.series.figure(name).at(-1);
      if (value === undefined || Number.isNaN(value)) return [];
      return [h('span', { class: 'big' }, h('span', { class: 'dim' }, t(name === 'success' ? 'success' : 'reward')), h('b', { class: 'number' }, name === 'success' ? percent(value) : decimal(value, 3)))];
    }));
    const gain = report?.gain.sampled ?? report?.gain.greedy;
    this.#gain.hidden = gain === null || gain === undefined;
    if (gain) this.#gain.replaceChildren(h('span', { class: 'dim' }, t('reportGain')), h('b', { class: 'number' }, signed(gain.mean, 3)));
    this.#bar.setAttribute('aria-valuemax', String(steps ?? step));
    this.#bar.setAttribute('aria-valuenow', String(step));
    this.#bar.style.setProperty('--done', `${steps === null ? 0 : Math.min(100, step / Math.max(1, steps) * 100)}%`);
    this.#facts.textContent = [
      steps === null ? t('stepNow', step) : t('stepOf', step, steps),
      state === 'running' && live?.phase ? t(`phase_${live.phase}`) : '',
      state === 'running' && live?.progress && live.progress.running > 0 ? t('inFlight', live.progress.running) : '',
      left === null || left <= 0 ? '' : t('left', duration(Math.round(left / 1_000) * 1_000)),
      detail.finished === null ? '' : t('took', duration(Date.parse(detail.finished) - Date.parse(detail.created))),
    ].filter((fact) => fact !== '').join(' · ');
    if (this.#drawn === state) return;
    this.#drawn = state;
    this.#state.replaceChildren(stateMark(state));
    if (this.#options.control) this.#actions.replaceChildren(...controlsOf(state).map((what) => h('button', { class: 'action', onclick: () => this.#options.act(what) }, t(what))));
  }

  sideShown(shown: boolean): void {
    const told = t(shown ? 'hideSide' : 'showSide');
    this.#sideButton.title = told;
    this.#sideButton.setAttribute('aria-label', told);
    this.#sideButton.setAttribute('aria-pressed', String(shown));
  }

  /** A range of steps that is shown, in place of all. */
  zoomed(range: { from: number; to: number } | null): void {
    this.#zoomed.hidden = range === null;
    if (range === null) return;
    this.#zoomed.title = t('reset');
    this.#zoomed.replaceChildren(t('zoomed', Math.round(range.from), Math.round(range.to)), icon('close'));
  }

  #slider(): HTMLElement {
    const { smoothing, smooth } = this.#options;
    const told = h('output', { class: 'number' }, decimal(smoothing, 2));
    const input = h('input', { type: 'range', min: 0, max: 0.98, step: 0.02, value: smoothing, 'aria-label': t('smoothing'), oninput: () => {
      told.textContent = decimal(Number(input.value), 2);
      smooth(Number(input.value));
    } });
    return h('label', { class: 'smoothing' }, h('span', { class: 'dim' }, t('smoothing')), input, told);
  }
}

function controlsOf(state: TrainingDetail['state']): Control[] {
  switch (state) {
    case 'running': return ['pause', 'checkpoint', 'stop'];
    case 'paused': return ['resume', 'checkpoint', 'stop'];
    case 'finished': return ['useCheckpoint'];
    default: return ['continue', 'useCheckpoint'];
  }
}
