/** The tokens of the open rollout: text, colours, legend, minimap, find, inspector. */
import type { Scores, Timeline } from '../../../runtime/protocol/viewer.ts';
import { count, NONE } from '../../shared/format.ts';
import { h, icon } from '../../shared/dom.ts';
import type { Viewer } from '../viewer.ts';
import { reasonText, roleText, t } from '../texts.ts';
import { blocksOf } from './blocks.ts';
import { colourOf, MODES, type Colouring, type Mode, type Words } from './colour.ts';
import { find, nextPlace, type Found } from './find.ts';
import { Inspector } from './inspector.ts';
import { Minimap } from './minimap.ts';
import { TokenTable } from './table.ts';
import { TextPane } from './text-pane.ts';

const FIND_REST_MS = 120;

export class TokensView {
  readonly element: HTMLElement;
  readonly #viewer: Viewer;
  readonly #pane: TextPane;
  readonly #table: TokenTable;
  readonly #minimap: Minimap;
  readonly #inspector: Inspector;
  readonly #mode: HTMLSelectElement;
  readonly #weights = h('select', { 'aria-label': t('weights'), onchange: () => void this.#ask(this.#weights.value) });
  readonly #legend = h('div', { class: 'legend', role: 'group', 'aria-label': t('colour') });
  readonly #find: HTMLInputElement;
  readonly #findCount = h('span', { class: 'find-count', role: 'status' });
  readonly #notes = h('div', { class: 'notes' });
  readonly #tableButton: HTMLButtonElement;
  readonly #glyphsButton: HTMLButtonElement;
  #timeline: Timeline | undefined;
  #advantage = NaN;
  #scores: Scores | undefined;
  #colouring: Colouring | undefined;
  #found: Found | undefined;
  #findTimer = 0;

  constructor(viewer: Viewer) {
    this.#viewer = viewer;
    const can = viewer.run.capabilities;
    const code = can.includes('code') ? (call: number) => this.#toCode(call) : undefined;
    this.#pane = new TextPane({
      code,
      moved: (token) => this.#moved(token),
      laidOut: () => this.#drawMinimap(),
      scrolled: (first, rows) => this.#minimap.setWindow(first, rows),
    });
    this.#minimap = new Minimap(t('minimap'), { go: (row) => this.#pane.scrollToRow(row) });
    this.#table = new TokenTable((token) => this.#pane.moveTo(token));
    this.#inspector = new Inspector({
      code, alternatives: (rollout, token) => viewer.host.request('alternatives', { rollout, token }),
      fork: can.includes('fork') ? (call, token) => viewer.act({ do: 'fork', rollout: this.#timeline!.rollout, call, token }) : undefined,
    });
    this.#mode = h('select', { 'aria-label': t('colour'), onchange: () => this.setMode(this.#mode.value as Mode) }, ...MODES.map((mode) => h('option', { value: mode }, t(`mode_${mode}`))));
    this.#find = h('input', {
      type: 'search', placeholder: `${t('find')}: ${t('findHint')}`, 'aria-label': t('find'), spellcheck: 'false',
      oninput: () => {
        clearTimeout(this.#findTimer);
        this.#findTimer = window.setTimeout(() => this.search(this.#find.value), this.#timeline !== undefined && this.#timeline.count > 20_000 ? FIND_REST_MS : 0);
      },
      onkeydown: (event: KeyboardEvent) => this.#findKey(event),
    });
    this.#glyphsButton = h('button', { class: 'tool', 'aria-pressed': 'true', title: t('whitespace'), 'aria-label': t('whitespace'), onclick: () => this.#setGlyphs(!this.#viewer.state.glyphs) }, '␣');
    this.#tableButton = h('button', { class: 'tool', 'aria-pressed': 'false', title: t('tokenTable'), 'aria-label': t('tokenTable'), onclick: () => this.#setTable(!this.#viewer.state.table) }, icon('table'));
    const asks = can.includes('score') && viewer.run.checkpoints.length > 0;
    if (asks) this.#weights.append(h('option', { value: '' }, t('askWeights')), ...viewer.run.checkpoints.map(({ name }) => h('option', { value: name }, name)));
    this.element = h('section', { class: 'view tokens-view', 'aria-label': t('tokens'), onkeydown: (event: KeyboardEvent) => this.#key(event) },
      h('div', { class: 'toolbar' },
        this.#mode, asks && this.#weights, this.#legend, h('span', { class: 'spring' }),
        h('div', { class: 'find' }, this.#find, this.#findCount,
          h('button', { class: 'tool', title: t('findPrevious'), 'aria-label': t('findPrevious'), onclick: () => this.#hit(-1) }, icon('up')),
          h('button', { class: 'tool', title: t('findNext'), 'aria-label': t('findNext'), onclick: () => this.#hit(1) }, icon('down'))),
        this.#glyphsButton, this.#tableButton),
      this.#notes,
      h('div', { class: 'tokens-body' }, this.#pane.element, this.#table.element, this.#minimap.element, this.#inspector.element));
    this.#mode.value = viewer.state.mode;
    this.#setGlyphs(viewer.state.glyphs);
    this.#setTable(viewer.state.table);
    new ResizeObserver(() => this.#minimap.soon()).observe(this.#minimap.element);
    viewer.onTheme(() => this.#minimap.soon());
  }

  get cursor(): number {
    return this.#pane.cursor;
  }

  /** For measuring and tests: what stands in the pane. */
  get timeline(): Timeline | undefined {
    return this.#timeline;
  }

  show(timeline: Timeline, advantage: number, cursor: number): void {
    const other = this.#timeline?.rollout !== timeline.rollout;
    this.#timeline = timeline;
    this.#advantage = advantage;
    this.#inspector.forget();
    if (other || (this.#scores !== undefined && this.#scores.logprob.length !== timeline.count)) {
      this.#scores = undefined;
      this.#weights.value = '';
      this.#find.value = '';
      this.#findCount.textContent = '';
      this.#found = undefined;
    }
    this.#colour();
    this.#pane.show(timeline, blocksOf(timeline), this.#colouring!, cursor);
    const blind = timeline.notes.find((note) => note.startsWith('no-token-ids'));
    this.#notes.replaceChildren(...(blind === undefined ? [] : [h('p', { class: 'note' }, t('blind', blind.split(' ').slice(1).join(', ')))]), ...(timeline.count === 0 ? [h('p', { class: 'note' }, t(this.#viewer.runs(timeline.rollout) ? 'noTokensYet' : 'noTokens'))] : []));
    if (this.#viewer.state.table) this.#table.show(timeline, this.#pane.cursor);
    if (timeline.count > 0) this.#inspect();
    if (!other && this.#find.value !== '') this.search(this.#find.value, false);
  }

  focus(): void {
    if (this.#viewer.state.table) this.#table.focus();
    else this.#pane.focus();
  }

  moveTo(token: number): void {
    this.#pane.moveTo(token, { where: 'center' });
  }

  setMode(mode: Mode): void {
    this.#mode.value = mode;
    this.#viewer.remember({ mode });
    if (this.#timeline === undefined) return;
    this.#colour();
    this.#pane.recolour(this.#colouring!);
    this.#drawMinimap();
  }

  search(query: string, go = true): void {
    if (this.#timeline === undefined) return;
    this.#found = query === '' ? undefined : find(this.#timeline, query);
    this.#pane.mark(this.#found?.marks);
    this.#drawMinimap();
    if (this.#found === undefined) this.#findCount.textContent = '';
    else if (this.#found.at.length === 0) this.#findCount.textContent = t('foundNone');
    else if (go) this.#hit(1, this.#pane.cursor - 1);
  }

  #hit(step: 1 | -1, from = this.#pane.cursor): void {
    if (this.#found === undefined || this.#found.at.length === 0) return;
    const place = nextPlace(this.#found.at, from, step);
    this.#findCount.textContent = t('found', count(place + 1), count(this.#found.at.length));
    this.#pane.moveTo(this.#found.at[place]!, { where: 'center' });
  }

  #findKey(event: KeyboardEvent): void {
    if (event.key === 'Enter') this.#hit(event.shiftKey ? -1 : 1);
    else if (event.key === 'Escape') {
      this.#find.value = '';
      this.search('');
      this.focus();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  #key(event: KeyboardEvent): void {
    const find_ = event.key === 'f' && (event.ctrlKey || event.metaKey);
    const typing = event.target instanceof HTMLInputElement || event.target instanceof HTMLSelectElement;
    if (event.key === 'F3') this.#hit(event.shiftKey ? -1 : 1);
    else if (find_ || (event.key === '/' && !typing)) this.#find.select();
    else if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
    else if (event.key === 'c') this.setMode(MODES[(MODES.indexOf(this.#viewer.state.mode) + 1) % MODES.length]!);
    else if (event.key === 'C') this.setMode(MODES.at(MODES.indexOf(this.#viewer.state.mode) - 1)!);
    else if (event.key === 'g' && this.#timeline !== undefined) this.#toCode(this.#timeline.segments[this.#timeline.segment[this.cursor]!]!.call);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  #moved(token: number): void {
    this.#viewer.remember({ token });
    this.#inspect();
  }

  #inspect(): void {
    this.#inspector.show(this.#timeline!, this.#pane.cursor, this.#advantage, this.#scores, this.#pane.selection);
  }

  #toCode(call: number): void {
    const site = this.#timeline?.calls.find(({ index }) => index === call)?.site;
    if (site !== undefined && this.#viewer.run.capabilities.includes('code')) this.#viewer.act({ do: 'code', place: site });
  }

  #colour(): void {
    const words: Words = {
      context: t('context'), trained: t('trained'), missing: t('missing'), reason: reasonText, role: roleText,
      version: (version) => (version === null ? t('versionNone') : t('versionOf', version)),
    };
    const timeline = this.#timeline!;
    const { mode } = this.#viewer.state;
    this.#colouring = colourOf(mode, timeline, { advantage: this.#advantage, scored: this.#scores?.logprob }, words);
    const empty = mode === 'ratio' && this.#scores === undefined ? t('noWeights') : mode === 'advantage' && Number.isNaN(this.#advantage) ? t('noAdvantage')
      : mode === 'entropy' && !timeline.entropy.some((value) => !Number.isNaN(value)) ? t('noEntropy') : undefined;
    this.#legend.replaceChildren(...(empty !== undefined ? [h('span', { class: 'dim' }, empty)] : this.#colouring.bins.slice(1).flatMap((bin, place) => (bin.count === 0 && mode !== 'probability' && mode !== 'entropy' ? [] : [
      h('button', { class: 'legend-bin', title: `${bin.label}: ${count(bin.count)}`, disabled: bin.count === 0, onclick: () => this.#nextIn(place + 1) }, h('span', { class: `swatch t ${bin.look}` }), h('span', {}, bin.label), h('span', { class: 'dim' }, bin.count === 0 ? NONE : count(bin.count))),
    ]))));
  }

  /** The next token that has this colour. */
  #nextIn(bin: number): void {
    const { of } = this.#colouring!;
    const next = of.indexOf(bin, this.cursor + 1);
    const token = next === -1 ? of.indexOf(bin) : next;
    if (token !== -1) this.#pane.moveTo(token, { where: 'center' });
  }

  async #ask(checkpoint: string): Promise<void> {
    const { rollout } = this.#timeline!;
    this.#scores = undefined;
    if (checkpoint !== '') {
      this.#legend.replaceChildren(h('span', { class: 'dim' }, t('scoring', checkpoint)));
      const scores = await this.#viewer.scores(this.#timeline!, checkpoint);
      if (this.#timeline?.rollout !== rollout || this.#weights.value !== checkpoint) return;
      this.#scores = scores;
    }
    this.setMode(checkpoint === '' || this.#scores === undefined ? 'probability' : 'ratio');
    this.#inspect();
  }

  #drawMinimap(): void {
    const { rows } = this.#pane;
    if (rows === undefined || this.#timeline === undefined || this.#colouring === undefined) return;
    this.#minimap.show({ timeline: this.#timeline, rows, colouring: this.#colouring, found: this.#found?.marks });
  }

  #setGlyphs(glyphs: boolean): void {
    this.#viewer.remember({ glyphs });
    this.#glyphsButton.setAttribute('aria-pressed', String(glyphs));
    this.#pane.element.classList.toggle('no-glyphs', !glyphs);
  }

  #setTable(table: boolean): void {
    this.#viewer.remember({ table });
    this.#tableButton.setAttribute('aria-pressed', String(table));
    this.#pane.element.hidden = table;
    this.#minimap.element.hidden = table;
    this.#table.element.hidden = !table;
    if (this.#timeline === undefined) return;
    if (table) this.#table.show(this.#timeline, this.#pane.cursor);
    else this.#pane.moveTo(this.#pane.cursor, { where: 'center' });
  }
}

