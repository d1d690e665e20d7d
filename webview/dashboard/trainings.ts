/** The trainings of the project at the left: which are shown, in which ink, and whose details are. */
import type { DashboardState, ListedTraining } from '../../runtime/protocol/dashboard.ts';
import { h, svg } from '../shared/dom.ts';
import { decimal } from '../shared/format.ts';
import type { Board, Line } from './board.ts';
import { t } from './texts.ts';

interface Row {
  element: HTMLElement;
  box: HTMLInputElement;
  ink: HTMLElement;
  name: HTMLButtonElement;
  told: HTMLElement;
}

export class TrainingsList {
  readonly element = h('ul', { class: 'trainings' });
  readonly #rows = new Map<string, Row>();
  readonly #toggled: (dir: string, shown: boolean) => void;
  readonly #chosen: (dir: string) => void;

  constructor(toggled: (dir: string, shown: boolean) => void, chosen: (dir: string) => void) {
    this.#toggled = toggled;
    this.#chosen = chosen;
  }

  /** Rows stay: a click is not lost to a step that is made meanwhile. */
  show(trainings: readonly ListedTraining[], board: Board): void {
    for (const [dir, { element }] of this.#rows) {
      if (trainings.some((training) => training.dir === dir)) continue;
      element.remove();
      this.#rows.delete(dir);
    }
    trainings.forEach((training, i) => {
      const row = this.#rows.get(training.dir) ?? this.#row(training);
      if (this.element.children[i] !== row.element) this.element.insertBefore(row.element, this.element.children[i] ?? null);
      const line = board.lines.find(({ dir }) => dir === training.dir);
      const isMain = board.main?.dir === training.dir;
      const reward = line?.series.figure('rewardMean').at(-1);
      row.element.classList.toggle('main', isMain);
      row.box.checked = line !== undefined;
      row.name.toggleAttribute('aria-current', isMain);
      row.ink.replaceChildren(inkMark(line, board));
      const { state, step, steps } = training;
      row.told.replaceChildren(shortTime(training.created), ' · ', ...(state === 'finished' ? [] : [stateMark(state), ' ']), steps === null ? String(step) : `${step}/${steps}`, reward === undefined || Number.isNaN(reward) ? '' : ` · ${decimal(reward, 2)}`);
    });
  }

  #row({ dir, run, workflow, policy, experiment }: ListedTraining): Row {
    const box = h('input', { type: 'checkbox', 'aria-label': `${experiment} ${run}`, onchange: () => this.#toggled(dir, box.checked) });
    const ink = h('span', { class: 'mark-place' });
    const told = h('span', { class: 'dim when number' });
    const name = h('button', { class: 'name', onclick: () => this.#chosen(dir) }, h('span', { class: 'title', title: `${workflow} · ${policy} · ${run}` }, experiment), told);
    const row = { element: h('li', {}, box, ink, name), box, ink, name, told };
    this.#rows.set(dir, row);
    return row;
  }
}

export function stateMark(state: DashboardState): HTMLElement {
  return h('span', { class: `state ${state}` }, state === 'running' && h('span', { class: 'live-dot', 'aria-hidden': 'true' }), t(`state_${state}`));
}

/** A piece of the line as the charts draw it. */
export function inkMark(line: Line | undefined, board: Board): SVGSVGElement {
  const place = line === undefined ? -1 : board.lines.indexOf(line) % 7;
  return svg('svg', { class: `mark ink-${place}`, viewBox: '0 0 26 8', 'aria-hidden': 'true' },
    svg('path', { d: 'M1 4h24', 'stroke-dasharray': line?.ink.dash.join(' ') ?? '0.1 5' }));
}

/** The hour today, else the day. */
export function shortTime(iso: string): string {
  const date = new Date(iso);
  const two = (value: number): string => String(value).padStart(2, '0');
  const today = date.toDateString() === new Date().toDateString();
  return today ? `${two(date.getHours())}:${two(date.getMinutes())}` : `${date.getMonth() + 1}-${two(date.getDate())}`;
}
