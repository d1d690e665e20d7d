/** Rollouts side by side, aligned turn by turn after what their prompts share; what differs from one of them is marked. */
import type { Scores, Timeline } from '../../../runtime/protocol/viewer.ts';
import { count, decimal, signed } from '../../shared/format.ts';
import { h, icon, styled } from '../../shared/dom.ts';
import type { Viewer } from '../viewer.ts';
import { roleText, t } from '../texts.ts';
import { blocksOf, type Block } from '../tokens/blocks.ts';
import { colourOf, type Colouring } from '../tokens/colour.ts';
import { tokenElement } from '../tokens/row.ts';
import { kinLink, pointText } from '../kin.ts';
import { candidatesOf, KINDS, type Kind } from './candidates.ts';
import { differenceOf } from './difference.ts';

const CELL_TOKENS = 400;
const MODES = ['none', 'probability', 'entropy', 'ratio'] as const;
const WORDS = { context: '', trained: '', missing: '', reason: String, role: String, version: String };

interface Side {
  rollout: string;
  timeline: Timeline;
  blocks: Block[];
  colouring: Colouring;
  differs: Uint8Array;
  scores: Scores | undefined;
}

export class CompareView {
  readonly element: HTMLElement;
  readonly #viewer: Viewer;
  readonly #kinds = h('div', { class: 'segmented', role: 'group', 'aria-label': t('compareWhat') });
  readonly #weights = h('select', { 'aria-label': t('weights'), onchange: () => void this.#load() });
  readonly #mode = h('select', { 'aria-label': t('colour'), onchange: () => this.#recolour() });
  readonly #notice = h('span', { class: 'dim', role: 'status' });
  readonly #grid = h('div', { class: 'compare-grid', tabindex: '0', role: 'region', 'aria-label': t('compare') });
  #rollout = '';
  #kind: Kind = 'group';
  #reference = '';
  #sharedShown = false;
  #shared = 0;
  #rollouts: string[] = [];
  #sides: Side[] = [];
  /** Of the last load, so that a slower one before it is dropped. */
  #loads = 0;

  constructor(viewer: Viewer) {
    this.#viewer = viewer;
    const asks = viewer.run.capabilities.includes('score') && viewer.run.checkpoints.length > 0;
    if (asks) this.#weights.append(h('option', { value: '' }, t('ownWeights')), ...viewer.run.checkpoints.map(({ name }) => h('option', { value: name }, name)));
    this.#mode.append(...MODES.filter((mode) => mode !== 'ratio' || asks).map((mode) => h('option', { value: mode }, mode === 'none' ? t('colourless') : t(`mode_${mode}`))));
    this.element = h('section', { class: 'view compare-view', 'aria-label': t('compare') },
      h('div', { class: 'toolbar' }, this.#kinds, this.#mode, asks && h('label', {}, `${t('weights')} `, this.#weights), this.#notice), this.#grid);
  }

  focus(): void {
    this.#grid.focus({ preventScroll: true });
  }

  show(rollout: string): void {
    if (rollout !== this.#rollout) this.#reference = '';
    this.#rollout = rollout;
    const { marked } = this.#viewer.state;
    const found = candidatesOf(this.#viewer.table, rollout, marked, this.#viewer.kin);
    const wished = this.#viewer.state.compare;
    this.#kind = found[wished] === undefined ? KINDS.find((kind) => found[kind] !== undefined) ?? 'group' : wished;
    const step = this.#viewer.table.numbers.step[this.#viewer.table.place(rollout)] ?? 0;
    const names: Record<Kind, string> = { group: t('groupOfStep', step), steps: t('otherSteps'), forks: t('forks'), marked: t('markedOnes', marked.length) };
    this.#kinds.replaceChildren(...KINDS.map((kind) => h('button', { 'aria-pressed': String(kind === this.#kind), disabled: found[kind] === undefined, onclick: () => {
      this.#viewer.remember({ compare: kind });
      this.show(this.#rollout);
    } }, names[kind])));
    this.#rollouts = found[this.#kind] ?? [];
    void this.#load();
  }

  async #load(): Promise<void> {
    const load = (this.#loads += 1);
    const rollouts = this.#rollouts;
    if (rollouts.length < 2) {
      this.#sides = [];
      this.#grid.replaceChildren(h('p', { class: 'empty' }, t('nothingToCompare')));
      return;
    }
    this.#notice.textContent = t('reading', rollouts.length);
    const { host } = this.#viewer;
    const checkpoint = this.#weights.value;
    const { shared } = await host.request('group', { rollouts });
    const sides: Side[] = [];
    for (const rollout of rollouts) {
      const timeline = await this.#viewer.timeline(rollout);
      const scores = checkpoint === '' ? undefined : await this.#viewer.scores(timeline, checkpoint);
      if (load !== this.#loads) return;
      sides.push({ rollout, timeline, blocks: blocksOf(timeline), colouring: colourOf('none', timeline, { advantage: NaN, scored: undefined }, WORDS), scores, differs: new Uint8Array(timeline.count) });
    }
    this.#notice.textContent = '';
    this.#shared = shared;
    this.#sides = sides;
    if ((checkpoint === '') === (this.#mode.value === 'ratio')) this.#mode.value = checkpoint === '' ? 'none' : 'ratio';
    this.#recolour(false);
    this.#compare();
  }

  #recolour(draw = true): void {
    for (const side of this.#sides) side.colouring = colourOf(this.#mode.value as (typeof MODES)[number], side.timeline, { advantage: NaN, scored: side.scores?.logprob }, WORDS);
    if (draw) this.#draw();
  }

  #compare(): void {
    const reference = this.#sides.find(({ rollout }) => rollout === this.#reference) ?? this.#sides.find(({ rollout }) => rollout === this.#rollout) ?? this.#sides[0];
    if (reference === undefined) return;
    this.#reference = reference.rollout;
    const shared = this.#shared;
    reference.differs.fill(0);
    for (const side of this.#sides) {
      if (side !== reference) side.differs = withPrefix(differenceOf(reference.timeline.id.subarray(shared), side.timeline.id.subarray(shared)).right, shared);
    }
    this.#draw();
  }

  #draw(): void {
    const skip = (blocks: readonly Block[]): number => Math.max(0, blocks.findIndex(({ to }) => to > this.#shared));
    const turns = Math.max(0, ...this.#sides.map(({ blocks }) => blocks.length - skip(blocks)));
    const cells: HTMLElement[] = this.#sides.map((side) => this.#head(side));
    cells.push(h('div', { class: 'compare-shared' },
      h('button', { class: 'link', 'aria-expanded': String(this.#sharedShown), onclick: () => {
        this.#sharedShown = !this.#sharedShown;
        this.#draw();
      } }, icon(this.#sharedShown ? 'down' : 'right'), t('shared', count(this.#shared))),
      this.#sharedShown && tokensOf(this.#sides[0]!, 0, this.#shared)));
    for (let turn = 0; turn < turns; turn++) {
      for (const side of this.#sides) {
        const block = side.blocks[skip(side.blocks) + turn];
        cells.push(block === undefined ? h('div', { class: 'compare-cell none' }) : this.#cell(side, block));
      }
    }
    styled(this.#grid, { '--sides': String(this.#sides.length) });
    this.#grid.replaceChildren(...cells);
  }

  #head({ rollout, timeline, differs }: Side): HTMLElement {
    const { table } = this.#viewer;
    const row = table.place(rollout);
    const kin = this.#viewer.kin.find(({ key }) => key === rollout);
    const reward = kin === undefined ? table.numbers.reward[row] ?? NaN : kin.reward ?? NaN;
    const advantage = table.numbers.advantage[row] ?? NaN;
    const isReference = rollout === this.#reference;
    const different = differs.reduce((sum, mark) => sum + mark, 0);
    return h('div', { class: `compare-head${rollout === this.#rollout ? ' own' : ''}` },
      h('div', { class: 'compare-name' }, kin === undefined ? h('button', { class: 'link', onclick: () => void this.#viewer.open(rollout) }, rollout) : kinLink(this.#viewer, kin), h('span', { class: 'dim' }, kin === undefined ? `${t('step')} ${decimal(table.numbers.step[row] ?? NaN)}` : t(kin.kind === 'parent' ? 'parent' : 'forkFrom', pointText(kin)))),
      h('div', { class: 'compare-reward' }, h('span', { class: 'meter', 'aria-hidden': 'true' }, styled(h('span', { class: reward < 0 ? 'negative' : '' }), { width: `${Math.min(1, Math.abs(reward) || 0) * 100}%` })), h('strong', { title: t('reward') }, decimal(reward)), !Number.isNaN(advantage) && h('span', { class: 'dim', title: t('advantage') }, signed(advantage, 2))),
      h('div', { class: 'compare-facts' }, h('span', { class: 'dim' }, t('sampledCount', count(timeline.calls.reduce((sum, call) => sum + call.sampled, 0)))),
        isReference ? h('span', { class: 'chip' }, t('reference')) : h('button', { class: 'link', title: `${t('against')} ${kin?.rollout ?? rollout}`, onclick: () => {
          this.#reference = rollout;
          this.#compare();
        } }, different === 0 ? t('same') : t('differs', count(different)))));
  }

  #cell(side: Side, block: Block): HTMLElement {
    const from = Math.max(block.from, this.#shared);
    const { call } = block;
    return h('div', { class: `compare-cell role-${block.role}` },
      h('div', { class: 'compare-turn' }, h('span', { class: 'head-role' }, roleText(block.role)), call !== undefined && h('span', { class: 'dim' }, t('call', call.index)), block.branch && h('span', { class: 'chip' }, icon('fork'), t('branch'))),
      tokensOf(side, from, block.to));
  }
}

/** Flowing text: the browser breaks the lines. */
function tokensOf({ timeline, colouring, differs }: Side, from: number, to: number): HTMLElement {
  const text = h('div', { class: 'token-flow' });
  const drawn = { timeline, cell: 0, look: (token: number) => `${colouring.bins[colouring.of[token]!]!.look}${differs[token] === 1 ? ' differs' : ''}` };
  const add = (first: number, end: number): void => {
    for (let token = first; token < end; token++) {
      const element = tokenElement(drawn, token);
      // Widths are the browser's here.
      for (const piece of element.querySelectorAll<HTMLElement>('[style]')) piece.removeAttribute('style');
      text.append(element);
      if (timeline.text.slice(timeline.start[token], timeline.start[token + 1]).endsWith('\n')) text.append('\n');
    }
  };
  add(from, Math.min(to, from + CELL_TOKENS));
  if (to - from > CELL_TOKENS) {
    const more = h('button', { class: 'link', onclick: () => {
      more.remove();
      add(from + CELL_TOKENS, to);
    } }, t('moreTokens', count(to - from - CELL_TOKENS)));
    text.append(more);
  }
  return text;
}

function withPrefix(marks: Uint8Array, prefix: number): Uint8Array {
  const whole = new Uint8Array(marks.length + prefix);
  whole.set(marks, prefix);
  return whole;
}
