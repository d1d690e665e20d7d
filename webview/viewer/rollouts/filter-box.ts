/** Where a filter is typed: completes names, marks a mistake at its place. */
import type { RolloutTable } from '../../../runtime/view/rollout-table.ts';
import { complete, parseFilter, type Completion, type Test } from '../../../runtime/view/filter.ts';
import { h } from '../../shared/dom.ts';
import { t } from '../texts.ts';

export class FilterBox {
  readonly element: HTMLElement;
  readonly #input: HTMLInputElement;
  readonly #options = h('ul', { class: 'completions', id: 'filter-options', role: 'listbox', 'aria-label': t('filter'), hidden: true });
  readonly #mistake = h('div', { class: 'mistake', id: 'filter-mistake', role: 'alert', hidden: true });
  readonly #table: RolloutTable;
  readonly #changed: (expression: string, test: Test) => void;
  #completion: Completion | undefined;
  #chosen = -1;

  constructor(table: RolloutTable, changed: (expression: string, test: Test) => void) {
    this.#table = table;
    this.#changed = changed;
    this.#input = h('input', {
      type: 'text', class: 'filter-input', placeholder: t('filterHint'), 'aria-label': t('filter'), spellcheck: 'false', autocomplete: 'off',
      role: 'combobox', 'aria-expanded': 'false', 'aria-controls': 'filter-options', 'aria-autocomplete': 'list', 'aria-describedby': 'filter-mistake',
      oninput: () => this.#typed(), onclick: () => this.#offer(), onkeydown: (event: KeyboardEvent) => this.#key(event), onblur: () => this.#close(),
    });
    this.element = h('div', { class: 'filter-box' }, this.#input, this.#options, this.#mistake);
  }

  get value(): string {
    return this.#input.value;
  }

  set(expression: string): void {
    this.#input.value = expression;
    this.#apply();
  }

  focus(): void {
    this.#input.select();
  }

  #typed(): void {
    this.#apply();
    this.#offer();
  }

  #apply(): void {
    const filter = parseFilter(this.#input.value, this.#table);
    const wrong = 'mistake' in filter ? filter.mistake : undefined;
    this.#input.setAttribute('aria-invalid', String(wrong !== undefined));
    this.#mistake.hidden = wrong === undefined;
    if (wrong !== undefined) {
      // The place is shown under the text, in the same font.
      this.#mistake.replaceChildren(h('span', { class: 'mistake-place', 'aria-hidden': 'true' }, `${' '.repeat(wrong.at)}${'^'.repeat(Math.min(wrong.length, 40))}`), t(`mistake_${wrong.problem}`, wrong.text));
    } else if ('test' in filter) this.#changed(this.#input.value.trim(), filter.test);
  }

  #offer(): void {
    this.#completion = complete(this.#input.value, this.#input.selectionStart ?? this.#input.value.length, this.#table);
    this.#chosen = -1;
    this.#draw();
  }

  #draw(): void {
    const options = this.#completion?.options ?? [];
    this.#options.hidden = options.length === 0;
    this.#input.setAttribute('aria-expanded', String(options.length > 0));
    this.#options.replaceChildren(...options.map((option, place) => h('li', {
      role: 'option', id: `filter-option-${place}`, 'aria-selected': String(place === this.#chosen), class: place === this.#chosen ? 'chosen' : '',
      onpointerdown: (event: PointerEvent) => {
        event.preventDefault();
        this.#take(option);
      },
    }, option)));
    if (this.#chosen === -1) this.#input.removeAttribute('aria-activedescendant');
    else this.#input.setAttribute('aria-activedescendant', `filter-option-${this.#chosen}`);
    this.#options.children[this.#chosen]?.scrollIntoView({ block: 'nearest' });
  }

  #take(option: string): void {
    const { from, to } = this.#completion!;
    const text = /[^\p{L}\p{N}_.:/-]/u.test(option) && !/^(?:[<>=!~]|= none)/.test(option) ? `"${option}"` : option;
    this.#input.setRangeText(`${text} `, from, to, 'end');
    this.#typed();
  }

  #close(): void {
    this.#completion = undefined;
    this.#draw();
  }

  #key(event: KeyboardEvent): void {
    const options = this.#completion?.options ?? [];
    const { key } = event;
    event.stopPropagation();
    if ((key === 'ArrowDown' || key === 'ArrowUp') && options.length > 0) {
      const places = options.length + 1;
      this.#chosen = ((this.#chosen + 1 + (key === 'ArrowDown' ? 1 : -1) + places) % places) - 1;
      this.#draw();
    } else if (key === 'ArrowDown' || (key === 'Enter' && this.#chosen === -1)) {
      this.#close();
      this.#input.dispatchEvent(new CustomEvent('leave', { bubbles: true }));
    } else if ((key === 'Enter' || key === 'Tab') && this.#chosen !== -1) this.#take(options[this.#chosen]!);
    else if (key === 'Escape' && options.length > 0) this.#close();
    else if (key === 'Escape') {
      this.set('');
      this.#input.dispatchEvent(new CustomEvent('leave', { bubbles: true }));
    } else return;
    event.preventDefault();
  }
}
