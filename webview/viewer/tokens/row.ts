/** Elements of a row of tokens. */
import { TOKEN, type Timeline } from '../../../runtime/protocol/viewer.ts';
import { fileName } from '../../shared/format.ts';
import { h, icon } from '../../shared/dom.ts';
import { reasonText, roleText, t } from '../texts.ts';
import type { Block } from './blocks.ts';
import { piecesOf, type Piece } from './cells.ts';

export interface Drawn {
  timeline: Timeline;
  cell: number;
  /** Classes of a token beyond what it is itself. */
  look(token: number): string;
}

/** Pieces `from` to the next newline or, in a row that goes on, to `to`. */
export function tokenElement({ timeline, cell, look }: Drawn, token: number, from = 0, to = Infinity): HTMLElement {
  const flags = timeline.flags[token]!;
  const element = document.createElement('span');
  const more = look(token);
  element.className = `t${(flags & TOKEN.sampled) === 0 ? ' cx' : ''}${(flags & TOKEN.partial) !== 0 ? ' joined' : ''}${more === '' ? '' : ` ${more}`}`;
  element.dataset.i = String(token);
  const text = timeline.text.slice(timeline.start[token], timeline.start[token + 1]);
  if (from === 0 && (flags & (TOKEN.special | TOKEN.invalid)) === 0 && PLAIN.test(text)) {
    // Most tokens: one text node; the dot of a leading space is drawn by the style sheet.
    if (text.startsWith(' ')) element.classList.add('led');
    element.append(text);
    return element;
  }
  for (const piece of piecesOf(timeline, token).slice(from, to)) element.append(pieceElement(piece, cell));
  return element;
}

const PLAIN = /^ ?[!-~]{1,64}$/;

function pieceElement({ kind, text, cells }: Piece, cell: number): Node {
  if (kind === 'text') return document.createTextNode(text);
  const element = document.createElement('span');
  element.className = kind;
  element.append(text);
  // Glyphs of other fonts keep to the cells.
  if (kind !== 'break') element.style.width = `${cells * cell}px`;
  return element;
}

export interface HeadActions {
  code?: ((call: number) => void) | undefined;
}

export function headElement(block: Block, timeline: Timeline, { code }: HeadActions): HTMLElement {
  const { call, role } = block;
  const segment = timeline.segments[block.last]!;
  const why = call === undefined ? null : segment.why;
  const site = call?.site;
  const agent = call !== undefined && call.role !== 'default' ? ` · ${call.role}` : '';
  return h('div', { class: `head role-${role}` },
    h('span', { class: 'head-role' }, roleText(role) + agent),
    block.branch && h('span', { class: 'chip branch' }, icon('fork'), t('branchFrom')),
    call !== undefined && h('span', { class: 'head-call' }, t('call', call.index)),
    alsoText(block) !== '' && h('span', { class: 'dim' }, alsoText(block)),
    call !== undefined && h('span', { class: 'dim' }, t('sampledCount', block.sampled)),
    call?.version !== null && call?.version !== undefined && h('span', { class: 'dim' }, `v${call.version}`),
    why !== null && h('span', { class: 'chip untrained', title: reasonText(why) }, `${t('notTrained')}: ${reasonText(why)}`),
    call?.finish === 'length' && h('span', { class: 'chip warn' }, t('finish_length')),
    call?.malformed !== undefined && h('span', { class: 'chip warn', title: call.malformed }, t('malformed')),
    call !== undefined && call.restored > 0 && h('span', { class: 'chip' }, t('restored', call.restored)),
    call?.edited === true && h('span', { class: 'chip' }, t('edited')),
    site !== undefined && (code === undefined ? h('span', { class: 'place dim' }, placeText(site)) : h('button', { class: 'link place', tabindex: '-1', title: t('goToCode', placeText(site)), onclick: () => code(call!.index) }, placeText(site))),
  );
}

/** `also call 4 · rival`: calls that sampled the same. */
export function alsoText({ also }: Block): string {
  return also.length === 0 ? '' : t('also', also.map((call) => (call.role === 'default' ? call.index : `${call.index} · ${call.role}`)).join(', '));
}

export function placeText({ file, line }: { file: string; line?: number }): string {
  return line === undefined ? fileName(file) : `${fileName(file)}:${line}`;
}
