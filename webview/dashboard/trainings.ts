/** The trainings of the project at the left: which are shown, in which ink, and whose details are. */
import type { DashboardState, ListedTraining } from '../../runtime/protocol/dashboard.ts';
import { h, svg } from '../shared/dom.ts';
import { decimal } from '../shared/format.ts';
import type { Board, Line } from './board.ts';
import { t } from './texts.ts';

export interface TrainingsOptions {
  toggled(dir: string, shown: boolean): void;
  chosen(dir: string): void;
}

export function trainingsList(trainings: readonly ListedTraining[], board: Board, { toggled, chosen }: TrainingsOptions): HTMLElement {
  return h('ul', { class: 'trainings' }, ...trainings.map((training) => {
    const line = board.lines.find(({ dir }) => dir === training.dir);
    const isMain = board.main?.dir === training.dir;
    const reward = line?.series.figure('rewardMean').at(-1);
    return h('li', { class: isMain ? 'main' : '' },
      h('input', { type: 'checkbox', 'aria-label': `${training.workflow} ${training.run}`, checked: line !== undefined, onchange: ({ target }: Event) => toggled(training.dir, (target as HTMLInputElement).checked) }),
      inkMark(line, board),
      h('button', { class: 'name', 'aria-current': isMain ? 'true' : undefined, onclick: () => chosen(training.dir) },
        h('span', { class: 'title', title: `${training.workflow} · ${training.policy} · ${training.run}` }, training.experiment),
        h('span', { class: 'dim when number' }, shortTime(training.created), ' · ', training.state !== 'finished' && stateMark(training.state), training.state !== 'finished' && ' ', training.steps === null ? training.step : `${training.step}/${training.steps}`, reward !== undefined && !Number.isNaN(reward) && ` · ${decimal(reward, 2)}`)));
  }));
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
