/** The top line: which run it is and how it stands, the views as tabs, what is offered for the whole of it. */
import type { ViewedRun } from '../../runtime/protocol/viewer.ts';
import { h, icon } from '../shared/dom.ts';
import { showKeys } from './keys.ts';
import { t } from './texts.ts';

export const VIEWS = ['rollouts', 'tokens', 'messages', 'tree', 'compare'] as const;
export type ViewName = (typeof VIEWS)[number];

export interface HeadActions {
  show(view: ViewName): void;
  /** Absent: nothing can be saved here. */
  exports: (() => void) | undefined;
}

export class Head {
  readonly element: HTMLElement;
  readonly #tabs: Record<ViewName, HTMLButtonElement>;
  readonly #runState = h('span', { class: 'run-state' });
  #view: ViewName = 'rollouts';

  constructor({ dir, info }: ViewedRun, { show, exports }: HeadActions) {
    this.#tabs = Object.fromEntries(VIEWS.map((view) => [view, h('button', { role: 'tab', id: tabId(view), 'aria-controls': 'stage', onclick: () => show(view) }, t(view))])) as Record<ViewName, HTMLButtonElement>;
    const tabs = h('div', { class: 'tabs', role: 'tablist', 'aria-label': t('views'), onkeydown: (event: KeyboardEvent) => {
      const step = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0;
      if (step === 0) return;
      event.preventDefault();
      const next = VIEWS[(VIEWS.indexOf(this.#view) + step + VIEWS.length) % VIEWS.length]!;
      show(next);
      this.#tabs[next].focus();
    } }, ...Object.values(this.#tabs));
    const tool = (name: 'export' | 'help', key: string, sign: 'save' | 'help', press: () => void): HTMLElement => h('button', { class: 'tool', title: `${t(name)} (${key})`, 'aria-label': t(name), onclick: press }, icon(sign));
    this.element = h('header', { class: 'page-head' },
      h('div', { class: 'run-title' }, h('h1', { title: dir }, info.experiment === info.project || info.experiment === '' ? info.project : `${info.project} / ${info.experiment}`), h('span', { class: 'dim' }, whenOf(info.created)), this.#runState),
      tabs, h('span', { class: 'spring' }), exports !== undefined && tool('export', 'e', 'save', exports), tool('help', '?', 'help', showKeys));
  }

  select(view: ViewName): void {
    this.#view = view;
    for (const name of VIEWS) {
      this.#tabs[name].setAttribute('aria-selected', String(name === view));
      this.#tabs[name].setAttribute('tabindex', name === view ? '0' : '-1');
    }
  }

  showState({ live, info }: ViewedRun): void {
    this.#runState.className = `run-state ${live ? 'live' : info.state}`;
    this.#runState.textContent = live ? t('live') : t(`state_${info.state}`);
  }
}

export const tabId = (view: ViewName): string => `tab-${view}`;

function whenOf(iso: string): string {
  const date = new Date(iso);
  return Number.isNaN(date.getTime()) ? '' : date.toLocaleString(document.documentElement.lang || undefined, { dateStyle: 'medium', timeStyle: 'short' });
}
