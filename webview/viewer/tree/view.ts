/** How the calls of a rollout became one tree of tokens: what they share, where they part, what is trained. */
import { TOKEN, type Timeline } from '../../../runtime/protocol/viewer.ts';
import { count, percent } from '../../shared/format.ts';
import { h, styled, svg } from '../../shared/dom.ts';
import { VirtualRows } from '../../shared/virtual-rows.ts';
import type { Viewer } from '../viewer.ts';
import { reasonText, roleText, t } from '../texts.ts';
import { blockAt, blocksOf, segmentOf, type Block } from '../tokens/blocks.ts';
import { alsoText, placeText } from '../tokens/row.ts';
import { lanesOf, type Lane } from './lanes.ts';

const ROW_HEIGHT = 30;
const LANE = 18;
const MOST_LANES = 24;
const EXCERPT = 160;

export class TreeView {
  readonly element: HTMLElement;
  readonly #viewer: Viewer;
  readonly #summary = h('div', { class: 'tree-summary' });
  readonly #grid: HTMLElement;
  readonly #list: VirtualRows;
  #timeline: Timeline | undefined;
  #blocks: Block[] = [];
  #lanes: Lane[] = [];
  #width = 1;
  #current = 0;

  constructor(viewer: Viewer) {
    this.#viewer = viewer;
    this.#grid = h('div', { class: 'tree-rows', role: 'tree', tabindex: '0', 'aria-label': t('tree'), onkeydown: (event: KeyboardEvent) => this.#key(event) });
    this.#list = new VirtualRows({ scroller: this.#grid, rowHeight: ROW_HEIGHT, draw: (row) => this.#draw(row) });
    this.#list.layer.setAttribute('role', 'presentation');
    this.element = h('section', { class: 'view tree-view', 'aria-label': t('tree') }, this.#summary, this.#grid);
  }

  focus(): void {
    this.#grid.focus({ preventScroll: true });
  }

  show(timeline: Timeline, segment: number | null): void {
    const grown = this.#timeline?.rollout === timeline.rollout;
    this.#timeline = timeline;
    this.#blocks = blocksOf(timeline);
    const { rows, width } = lanesOf(this.#blocks.map(({ parent }) => parent));
    this.#lanes = rows;
    this.#width = Math.min(width, MOST_LANES);
    this.#list.reset(this.#blocks.length);
    this.#summarise();
    if (!grown && segment !== null) this.goToSegment(segment);
  }

  goToSegment(segment: number): void {
    this.#go(Math.max(0, blockAt(this.#blocks, segment)), 'center');
  }

  get segment(): number | null {
    const block = this.#blocks[this.#current];
    return block === undefined ? null : segmentOf(block);
  }

  #summarise(): void {
    const { calls, count: kept } = this.#timeline!;
    const tracked = calls.filter(({ continuation }) => continuation !== 'untracked');
    const sent = tracked.reduce((sum, call) => sum + call.prompt + call.sampled, 0);
    const saved = sent === 0 ? 0 : 1 - kept / sent;
    const branches = this.#blocks.filter(({ branch }) => branch).length;
    const trained = this.#blocks.reduce((sum, block) => sum + block.trained, 0);
    this.#summary.replaceChildren(
      h('span', {}, t('treeSummary', tracked.length, count(sent), count(kept))),
      h('span', { class: 'meter wide', 'aria-hidden': 'true' }, styled(h('span', {}), { width: `${(1 - saved) * 100}%` })),
      h('strong', {}, t('savedTokens', percent(saved))),
      h('span', { class: 'dim' }, branches === 0 ? t('oneBranch') : t('branches', branches)),
      h('span', { class: 'dim' }, t('treeTrains', count(trained))),
    );
  }

  #draw(row: number): HTMLElement {
    const block = this.#blocks[row]!;
    const why = this.#timeline!.segments[block.last]!.why;
    const { call } = block;
    const how = call?.continuation === 'rewritten' || call?.continuation === 'template' ? t(`continuation_${call.continuation}`) : undefined;
    return h('div', { class: `row tree-row role-${block.role}${row === this.#current ? ' current' : ''}`, role: 'treeitem', id: `block-${row}`, 'aria-level': this.#lanes[row]!.lane + 1, 'aria-selected': String(row === this.#current), onclick: () => this.#open(row) },
      this.#graph(row),
      h('span', { class: 'head-role' }, roleText(block.role), call !== undefined && call.role !== 'default' ? ` · ${call.role}` : null),
      h('span', { class: 'tree-call dim' }, call === undefined ? '' : t('call', call.index)),
      how !== undefined && h('span', { class: 'chip' }, how),
      call?.edited === true && h('span', { class: 'chip' }, t('edited')),
      alsoText(block) !== '' && h('span', { class: 'chip' }, alsoText(block)),
      h('span', { class: 'excerpt' }, excerptOf(block, this.#timeline!)),
      h('span', { class: 'number dim' }, count(block.to - block.from)),
      h('span', { class: 'tree-trained' }, block.trained > 0 ? h('span', { class: 'chip trained' }, t('treeTrains', count(block.trained))) : block.sampled > 0 && why !== null ? h('span', { class: 'chip untrained', title: reasonText(why) }, reasonText(why)) : null),
      h('span', { class: 'place dim' }, call?.site === undefined ? '' : placeText(call.site)));
  }

  #graph(row: number): SVGSVGElement {
    const { lane, parent, passing, opens } = this.#lanes[row]!;
    const x = (place: number): number => Math.min(place, MOST_LANES) * LANE + LANE / 2;
    const middle = ROW_HEIGHT / 2;
    const lines: string[] = passing.map((other) => `M${x(other)} 0V${ROW_HEIGHT}`);
    if (parent !== null) lines.push(`M${x(lane)} 0V${middle}`);
    const goesOn = this.#lanes[row + 1]?.parent === row;
    if (goesOn) lines.push(`M${x(lane)} ${middle}V${ROW_HEIGHT}`);
    for (const other of opens) lines.push(`M${x(lane)} ${middle}C${x(lane)} ${ROW_HEIGHT} ${x(other)} ${middle} ${x(other)} ${ROW_HEIGHT}`);
    const block = this.#blocks[row]!;
    const look = block.trained > 0 ? 'dot trained' : block.sampled > 0 ? 'dot sampled' : 'dot';
    return styled(svg('svg', { class: 'graph', 'aria-hidden': 'true', width: this.#width * LANE + 4, height: ROW_HEIGHT }, svg('path', { class: 'line', d: lines.join('') }), svg('circle', { class: look, cx: x(lane), cy: middle, r: block.sampled > 0 ? 5 : 3.5 })), {});
  }

  #go(row: number, where: 'nearest' | 'center' = 'nearest'): void {
    const before = this.#current;
    this.#current = Math.max(0, Math.min(row, this.#blocks.length - 1));
    this.#list.scrollTo(this.#current, where);
    this.#list.replace(before);
    this.#list.replace(this.#current);
    this.#grid.setAttribute('aria-activedescendant', `block-${this.#current}`);
  }

  #open(row: number): void {
    this.#go(row);
    const block = this.#blocks[row];
    if (block === undefined) return;
    void this.#viewer.showSegment(segmentOf(block));
  }

  #key(event: KeyboardEvent): void {
    const to: Record<string, number> = { ArrowDown: this.#current + 1, ArrowUp: this.#current - 1, PageDown: this.#current + this.#list.page, PageUp: this.#current - this.#list.page, Home: 0, End: Infinity, ArrowLeft: this.#blocks[this.#current]?.parent ?? this.#current };
    const row = to[event.key];
    if (event.key === 'Enter') this.#open(this.#current);
    else if (row !== undefined && !event.ctrlKey && !event.altKey) this.#go(row);
    else return;
    event.preventDefault();
  }
}

/** What is said, without the tokens that open it: they tell the role, and it stands before. */
function excerptOf({ from, to, answer, role }: Block, { text, start, flags, segments }: Timeline): string {
  const opened = answer === null && (flags[from]! & TOKEN.special) !== 0 ? from + 1 : segments[answer ?? -1]?.from ?? from;
  const begin = start[Math.min(opened, to)]! + (opened > from && text.startsWith(role, start[opened]) ? role.length : 0);
  return text.slice(begin, Math.min(start[to]!, begin + EXCERPT)).replace(/\s+/g, ' ').trim();
}
