/** The open rollout as a conversation: messages, tools, the judge, errors. */
import type { ErrorInfo, Place } from '../../../runtime/protocol/errors.ts';
import type { ToolCall } from '../../../runtime/protocol/chat.ts';
import type { Conversation, Timeline } from '../../../runtime/protocol/viewer.ts';
import { count, decimal, duration, signed } from '../../shared/format.ts';
import { h, icon, styled } from '../../shared/dom.ts';
import type { Viewer } from '../viewer.ts';
import { roleText, t } from '../texts.ts';
import { blockAt, blocksOf, type Block } from '../tokens/blocks.ts';
import { placeText } from '../tokens/row.ts';
import { jsonTree } from './json-tree.ts';

const SHOWN_AT_FIRST = 20_000;

export class MessagesView {
  readonly element: HTMLElement;
  readonly #viewer: Viewer;
  readonly #side = h('aside', { class: 'messages-side' });
  readonly #turns = h('ol', { class: 'turns', 'aria-label': t('conversation'), tabindex: '0', onkeydown: (event: KeyboardEvent) => this.#key(event) });
  #conversation: Conversation | undefined;
  #blocks: Block[] = [];
  #current = 0;

  constructor(viewer: Viewer) {
    this.#viewer = viewer;
    this.element = h('section', { class: 'view messages-view', 'aria-label': t('messages') }, this.#turns, this.#side);
  }

  /** The segment of the turn under the cursor: where the tokens go on. */
  get segment(): number | null {
    return this.#conversation?.turns[this.#current]?.segment ?? null;
  }

  show(conversation: Conversation, timeline: Timeline, segment: number | null): void {
    const grown = this.#conversation?.rollout === conversation.rollout;
    const { scrollTop, scrollHeight, clientHeight } = this.#turns;
    const following = grown && scrollTop + clientHeight >= scrollHeight - 30;
    this.#conversation = conversation;
    this.#blocks = blocksOf(timeline);
    this.#turns.replaceChildren(...conversation.turns.map((turn, place) => this.#turn(turn, place, conversation, timeline)), ...(conversation.error === undefined ? [] : [h('li', {}, this.#error(conversation.error))]));
    this.#side.replaceChildren(...this.#facts(conversation));
    if (!grown) this.#go(this.#turnAt(conversation, segment), true);
    else {
      this.#go(Math.min(this.#current, conversation.turns.length - 1), false);
      this.#turns.scrollTop = following ? this.#turns.scrollHeight : scrollTop;
    }
  }

  goToSegment(segment: number | null): void {
    if (this.#conversation !== undefined) this.#go(this.#turnAt(this.#conversation, segment), true);
  }

  focus(): void {
    this.#turns.focus({ preventScroll: true });
  }

  /** The turn that a segment belongs to, or the last one before it. */
  #turnAt({ turns }: Conversation, segment: number | null): number {
    if (segment === null) return 0;
    const block = this.#blocks[blockAt(this.#blocks, segment)];
    const own = turns.findLastIndex((turn) => turn.segment !== null && block !== undefined && turn.segment >= block.first && turn.segment <= block.last);
    return own !== -1 ? own : Math.max(0, turns.findLastIndex((turn) => turn.segment !== null && turn.segment <= segment));
  }

  #go(place: number, scroll: boolean): void {
    const before = this.#turns.children[this.#current];
    before?.classList.remove('current');
    before?.removeAttribute('aria-current');
    this.#current = Math.max(0, place);
    const turn = this.#turns.children[this.#current];
    turn?.classList.add('current');
    turn?.setAttribute('aria-current', 'true');
    if (scroll) turn?.scrollIntoView({ block: 'nearest' });
  }

  #key(event: KeyboardEvent): void {
    if (event.target !== this.#turns || event.ctrlKey || event.metaKey || event.altKey) return;
    const last = (this.#conversation?.turns.length ?? 1) - 1;
    const to: Record<string, number> = { ArrowDown: this.#current + 1, ArrowUp: this.#current - 1, Home: 0, End: last };
    const place = to[event.key];
    if (place !== undefined) this.#go(Math.min(place, last), true);
    else if (event.key === 'Enter') this.#toTokens(this.#current);
    else return;
    event.preventDefault();
  }

  #toTokens(place: number): void {
    const segment = this.#conversation?.turns[place]?.segment;
    if (segment !== null && segment !== undefined) void this.#viewer.showSegment(segment);
  }

  #turn({ call, message, segment, branch }: Conversation['turns'][number], place: number, { tools, turns }: Conversation, timeline: Timeline): HTMLElement {
    const made = message.role === 'assistant' && call !== null ? timeline.calls.find(({ index }) => index === call) : undefined;
    const tool = message.role === 'tool' ? toolOf(place, turns, tools, message.tool_call_id) : undefined;
    const name = message.role === 'tool' ? nameOfCall(turns, message.tool_call_id) ?? message.name : message.name;
    const reply = made !== undefined && segment !== null && timeline.segments[segment]?.kind === 'answer';
    return h('li', { class: `turn role-${message.role}${branch > 0 ? ' on-branch' : ''}`, onclick: () => this.#go(place, false), ondblclick: () => this.#toTokens(place) },
      h('div', { class: 'turn-head' },
        h('span', { class: 'head-role' }, message.role === 'tool' && name !== undefined ? t('toolResult', name) : roleText(message.role), made !== undefined && made.role !== 'default' ? ` · ${made.role}` : null),
        reply && h('span', { class: 'dim' }, t('call', made.index)),
        reply && h('span', { class: 'dim' }, t('sampledCount', count(made.sampled))),
        reply && h('span', { class: 'dim' }, duration(made.duration)),
        reply && made.finish === 'length' && h('span', { class: 'chip warn' }, t('finish_length')),
        reply && made.malformed !== undefined && h('span', { class: 'chip warn', title: made.malformed }, t('malformed')),
        branch > 0 && h('span', { class: 'chip' }, icon('fork'), t('branchNumber', branch)),
        tool?.error === true && h('span', { class: 'chip bad' }, t('toolFailed')),
        tool !== undefined && h('span', { class: 'dim' }, duration(tool.duration)),
        h('span', { class: 'spring' }),
        reply && made.site !== undefined && this.#place(made.site),
        segment !== null && h('button', { class: 'link', tabindex: '-1', title: t('showTokens'), onclick: () => this.#toTokens(place) }, t('tokens'))),
      message.reasoning !== undefined && message.reasoning !== '' && h('details', { class: 'reasoning', open: true }, h('summary', {}, t('reasoning')), longText(message.reasoning)),
      message.content !== '' ? longText(message.content) : (message.tool_calls?.length ?? 0) === 0 && h('p', { class: 'dim' }, t('emptyMessage')),
      ...(message.tool_calls ?? []).map(toolCall));
  }

  #place(place: Place): HTMLElement {
    const can = this.#viewer.run.capabilities.includes('code');
    return can ? h('button', { class: 'link place', tabindex: '-1', title: place.file, onclick: () => this.#viewer.act({ do: 'code', place }) }, placeText(place)) : h('span', { class: 'place dim', title: place.file }, placeText(place));
  }

  #facts({ judge, reward, task, metadata, log, offered, error }: Conversation): HTMLElement[] {
    const parts = Object.entries(judge?.parts ?? {});
    return [
      h('section', { class: 'card reward-card' }, h('h2', {}, t('reward')), h('div', { class: 'reward-large' }, reward === null ? h('span', { class: 'dim' }, t('noReward')) : decimal(reward), judge === undefined ? null : h('span', { class: 'dim' }, `${t('judge')}: ${judge.name}`)),
        parts.length > 0 && h('dl', { class: 'facts' }, ...parts.flatMap(([name, value]) => [h('dt', {}, name), h('dd', { class: 'number part' }, partBar(value), signedPart(value))])),
        judge?.reason !== undefined && longText(judge.reason)),
      ...(error === undefined ? [] : [this.#error({ ...error, stack: undefined })]),
      ...(task === null ? [] : [section(t('taskData'), jsonTree(task), true)]),
      ...(metadata === null || isEmpty(metadata) ? [] : [section(t('metadata'), jsonTree(metadata), true)]),
      ...(log.length === 0 ? [] : [section(`${t('log')} (${log.length})`, longText(log.join('\n')), false)]),
      ...(offered.length === 0 ? [] : [section(`${t('tools')} (${offered.length})`, h('div', {}, ...offered.map((tool) => jsonTree(tool.function))), false)]),
    ];
  }

  #error({ code, message, next, where, stack }: ErrorInfo): HTMLElement {
    return h('section', { class: 'card error', role: 'note' }, h('h2', {}, t('error'), h('span', { class: 'chip bad' }, code)), h('p', {}, message),
      where !== undefined && h('p', {}, this.#place(where)), next !== undefined && h('p', { class: 'dim' }, t('nextStep', next)),
      stack !== undefined && h('details', { open: true }, h('summary', {}, t('stack')), h('pre', { class: 'stack' }, ...stack.split('\n').flatMap((line) => [this.#frame(line), '\n']))));
  }

  /** A line of a stack, its place a way to the code. */
  #frame(line: string): Node {
    const match = /^(.*?\(?)((?:file:\/\/)?(?:\/|[A-Za-z]:[\\/])[^():]*):(\d+):(\d+)(\)?)$/.exec(line);
    if (match === null || !this.#viewer.run.capabilities.includes('code')) return h('span', {}, line);
    const [, before, file, row, column, after] = match as unknown as [string, string, string, string, string, string];
    const place: Place = { file: file.replace(/^file:\/\//, ''), line: Number(row), column: Number(column) };
    return h('span', {}, before, h('button', { class: 'link', onclick: () => this.#viewer.act({ do: 'code', place }) }, `${file}:${row}:${column}`), after);
  }
}

function nameOfCall(turns: Conversation['turns'], id: string | undefined): string | undefined {
  return id === undefined ? undefined : turns.flatMap(({ message }) => message.tool_calls ?? []).find((call) => call.id === id)?.function.name;
}

/** Records of tools stand in the order of their calls. */
function toolOf(place: number, turns: Conversation['turns'], tools: Conversation['tools'], id: string | undefined): Conversation['tools'][number] | undefined {
  const name = nameOfCall(turns, id);
  const before = turns.slice(0, place).filter(({ message }) => message.role === 'tool' && nameOfCall(turns, message.tool_call_id) === name).length;
  return tools.filter((tool) => tool.name === name)[before];
}

function toolCall({ function: { name, arguments: text } }: ToolCall): HTMLElement {
  let value: unknown = text;
  try {
    value = JSON.parse(text);
  } catch {
    // Shown as it came.
  }
  return h('div', { class: 'tool-call' }, h('div', { class: 'tool-name' }, t('toolCall', name)), jsonTree(value));
}

/** A very long text is shown in part, until asked for. */
export function longText(text: string): HTMLElement {
  const body = h('div', { class: 'message-text' }, text.slice(0, SHOWN_AT_FIRST));
  if (text.length <= SHOWN_AT_FIRST) return body;
  const more = h('button', { class: 'link', onclick: () => {
    body.replaceWith(h('div', { class: 'message-text' }, text));
    more.remove();
  } }, t('showAll', count(text.length)));
  return h('div', {}, body, more);
}

function section(title: string, content: HTMLElement, open: boolean): HTMLElement {
  return h('details', { class: 'card', open }, h('summary', {}, h('h2', {}, title)), content);
}

function partBar(value: number): HTMLElement {
  return h('span', { class: 'meter', 'aria-hidden': 'true' }, styled(h('span', { class: value < 0 ? 'negative' : '' }), { width: `${Math.min(1, Math.abs(value)) * 100}%` }));
}

const signedPart = (value: number): string => (value < 0 ? signed(value) : decimal(value));
const isEmpty = (value: unknown): boolean => typeof value === 'object' && value !== null && Object.keys(value).length === 0;
