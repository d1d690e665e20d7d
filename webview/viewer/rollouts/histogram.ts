/** Rewards of the rows shown; a click or a drag over bars keeps those rows alone. */
import { h, styled } from '../../shared/dom.ts';
import { count, decimal } from '../../shared/format.ts';
import { t } from '../texts.ts';
import type { Bar, RewardRange } from './order.ts';

export class Histogram {
  readonly element = h('div', { class: 'histogram', role: 'group', 'aria-label': t('rewards') });
  readonly #chosen: (range: RewardRange | undefined) => void;
  #bars: Bar[] = [];
  #range: RewardRange | undefined;
  #pressed = -1;
  #current = 0;
  #drawn = '';

  constructor(chosen: (range: RewardRange | undefined) => void) {
    this.#chosen = chosen;
    this.element.addEventListener('pointerdown', (event) => this.#press(event));
    this.element.addEventListener('pointerover', (event) => this.#pressed !== -1 && (event.buttons & 1) === 1 && this.#over(event));
    this.element.addEventListener('keydown', (event) => this.#key(event));
    window.addEventListener('pointerup', () => (this.#pressed = -1));
  }

  show(bars: Bar[], range: RewardRange | undefined): void {
    this.#bars = bars;
    this.#range = range;
    const most = Math.max(1, ...bars.map((bar) => bar.count));
    // What has the same bars keeps its elements: the focus stays where it is.
    const shape = bars.map(({ from, to }) => `${from}:${to}`).join(' ');
    if (shape !== this.#drawn) {
      this.#drawn = shape;
      this.#current = Math.min(this.#current, Math.max(0, bars.length - 1));
      this.element.replaceChildren(...bars.map((_, place) => h('button', { class: 'bar', 'data-bar': place, tabindex: place === this.#current ? '0' : '-1' }, h('span', { class: 'bar-fill' }), h('span', { class: 'bar-label' }))));
    }
    const every = Math.ceil(bars.length / 6);
    for (const [place, bar] of bars.entries()) {
      const button = this.element.children[place] as HTMLElement;
      const name = bar.exact ? decimal(bar.from) : t('rewardRange', decimal(bar.from), decimal(bar.to));
      const chosen = range !== undefined && within(bar, range);
      button.title = t('rewardBar', name, count(bar.count));
      button.setAttribute('aria-label', button.title);
      button.setAttribute('aria-pressed', String(chosen));
      button.classList.toggle('outside', range !== undefined && !chosen);
      styled(button.firstElementChild as HTMLElement, { height: bar.count === 0 ? '0' : `max(2px, ${(bar.count / most) * 100}%)` });
      button.lastElementChild!.textContent = bars.length <= 6 || place % every === 0 ? decimal(bar.from, 2) : '';
    }
  }

  #choose(one: number, other: number): void {
    const first = this.#bars[Math.min(one, other)];
    const last = this.#bars[Math.max(one, other)];
    if (first !== undefined && last !== undefined) this.#chosen({ from: first.from, to: last.to, exact: first.exact });
  }

  #press(event: PointerEvent): void {
    const place = barOf(event);
    if (place === -1 || event.button !== 0) return;
    const bar = this.#bars[place]!;
    const alone = this.#range !== undefined && this.#range.from === bar.from && this.#range.to === bar.to;
    this.#pressed = place;
    this.#current = place;
    if (alone) this.#chosen(undefined);
    else this.#choose(place, place);
  }

  #over(event: PointerEvent): void {
    const place = barOf(event);
    if (place !== -1) this.#choose(this.#pressed, place);
  }

  #key(event: KeyboardEvent): void {
    const { key, shiftKey } = event;
    if (key === 'ArrowLeft' || key === 'ArrowRight') {
      const next = Math.max(0, Math.min(this.#bars.length - 1, this.#current + (key === 'ArrowLeft' ? -1 : 1)));
      this.element.children[this.#current]?.setAttribute('tabindex', '-1');
      this.#current = next;
      const button = this.element.children[next] as HTMLElement | undefined;
      button?.setAttribute('tabindex', '0');
      button?.focus();
      if (shiftKey && this.#pressed !== -1) this.#choose(this.#pressed, next);
      else if (shiftKey) this.#choose(next, (this.#pressed = next));
      else this.#pressed = -1;
    } else if (key === 'Enter' || key === ' ') {
      const bar = this.#bars[this.#current];
      if (bar !== undefined) this.#chosen(this.#range?.from === bar.from && this.#range.to === bar.to ? undefined : { from: bar.from, to: bar.to, exact: bar.exact });
    } else if (key === 'Escape' && this.#range !== undefined) this.#chosen(undefined);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}

const barOf = (event: PointerEvent): number => Number((event.target as Element).closest<HTMLElement>('.bar')?.dataset.bar ?? -1);
const within = (bar: Bar, range: RewardRange): boolean => (range.exact ? bar.from >= range.from && bar.to <= range.to : bar.from >= range.from - 1e-12 && bar.to <= range.to + 1e-12);
