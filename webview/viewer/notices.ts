/** What the page says by itself: what is wrong stays above the views until it is closed, what went well passes by. */
import type { ErrorInfo } from '../../runtime/protocol/errors.ts';
import type { ViewedRun } from '../../runtime/protocol/viewer.ts';
import { h, icon } from '../shared/dom.ts';
import { t } from './texts.ts';

const SAID_MS = 5_000;

export class Notices {
  readonly banner = h('div', { class: 'banner', role: 'alert', hidden: true });
  readonly toast = h('div', { class: 'toast', role: 'status', hidden: true });
  #timer = 0;
  #waiting = false;

  say(text: string): void {
    clearTimeout(this.#timer);
    this.#waiting = false;
    this.toast.replaceChildren(h('span', {}, text));
    this.toast.hidden = false;
    this.#timer = window.setTimeout(() => (this.toast.hidden = true), SAID_MS);
  }

  /** While something takes long; undefined: it is over. */
  wait(text: string | undefined): void {
    if (text !== undefined) {
      this.say(text);
      this.#waiting = true;
    } else if (this.#waiting) this.toast.hidden = true;
  }

  error({ message, next }: ErrorInfo, retry?: () => void): void {
    this.#show(h('div', {}, h('p', {}, message), next !== undefined && h('p', { class: 'dim' }, t('nextStep', next))),
      ...(retry === undefined ? [] : [h('button', { class: 'action', onclick: () => {
        this.banner.hidden = true;
        retry();
      } }, t('retry'))]));
  }

  /** Of the run's files. */
  problems({ problems, vocabulary }: ViewedRun): void {
    if (problems.length === 0 && vocabulary) return;
    this.#show(h('div', {}, ...(vocabulary ? [] : [h('p', {}, t('vocabularyMissing'))]),
      ...(problems.length === 0 ? [] : [h('details', {}, h('summary', {}, problems.length === 1 ? t('problem') : t('problems', problems.length)), ...problems.map(({ message, next }) => h('p', {}, message, next === undefined ? null : ` ${t('nextStep', next)}`)))])));
  }

  #show(...content: Node[]): void {
    this.banner.hidden = false;
    this.banner.replaceChildren(icon('warning'), ...content, h('button', { class: 'tool', title: t('close'), 'aria-label': t('close'), onclick: () => (this.banner.hidden = true) }, icon('close')));
  }
}
