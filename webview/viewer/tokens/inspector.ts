/** All that is known of the token under the cursor. */
import { TOKEN, type Alternative, type SampledAgain, type Scores, type Timeline } from '../../../runtime/protocol/viewer.ts';
import { count, decimal, NONE, percent, signed } from '../../shared/format.ts';
import { h, icon, styled } from '../../shared/dom.ts';
import { visible } from '../../shared/visible.ts';
import { reasonText, roleText, t } from '../texts.ts';
import { hex, piecesOf } from './cells.ts';
import { placeText } from './row.ts';

export interface InspectorActions {
  alternatives(rollout: string, token: number): Promise<Alternative[]>;
  code?: ((call: number) => void) | undefined;
  fork?: ((call: number, token: number) => void) | undefined;
}

/** Time for keys that move on, before the host is asked. */
const REST_MS = 60;

export class Inspector {
  readonly element = h('aside', { class: 'inspector', 'aria-label': t('inspector') });
  readonly #actions: InspectorActions;
  readonly #status = h('div', { class: 'unseen', role: 'status', 'aria-live': 'polite' });
  readonly #body = h('div', { class: 'inspector-body' });
  readonly #known = new Map<string, Alternative[]>();
  #shown = '';
  #timer = 0;

  constructor(actions: InspectorActions) {
    this.#actions = actions;
    this.element.append(this.#body, this.#status);
  }

  forget(): void {
    this.#known.clear();
  }

  show(timeline: Timeline, token: number, advantage: number, scores: Scores | undefined, [from, to]: readonly [from: number, to: number] = [token, token + 1]): void {
    const segment = timeline.segments[timeline.segment[token]!];
    if (segment === undefined) {
      this.#body.replaceChildren();
      return;
    }
    const flags = timeline.flags[token]!;
    const sampled = (flags & TOKEN.sampled) !== 0;
    const call = timeline.calls.find(({ index }) => index === segment.call);
    const logprob = timeline.logprob[token]!;
    const change = (scores?.logprob[token] ?? NaN) - logprob;
    const bytes = timeline.bytes.subarray(timeline.byteStart[token], timeline.byteStart[token + 1]);
    const glyphs = h('span', { class: `glyphs token-glyphs${(flags & TOKEN.special) === 0 ? '' : ' special'}` });
    for (const piece of piecesOf(timeline, token)) glyphs.append(h('span', { class: piece.kind }, piece.text));
    const kinds = [(flags & TOKEN.special) !== 0 && t('special'), (flags & TOKEN.partial) !== 0 && t('partial'), (flags & TOKEN.invalid) !== 0 && bytes.length > 0 && t('invalid')].filter((kind) => kind !== false);
    const alternatives = h('div', { class: 'alternatives' });
    const again = timeline.again.filter((one) => one.segment === timeline.segment[token]);
    const list = h('dl', { class: 'facts' });
    const fact = (name: string, value: Node | string | undefined, kind = ''): void => {
      if (value !== undefined) list.append(h('dt', {}, name), h('dd', { class: kind }, value));
    };
    fact(t('id'), String(timeline.id[token]), 'number');
    fact(t('bytes'), bytes.length === 0 ? undefined : hex(bytes), 'number');
    if (sampled) {
      fact(t('probability'), Number.isNaN(logprob) ? undefined : h('span', { class: 'probability' }, meter(Math.exp(logprob)), percent(Math.exp(logprob))), 'number');
      fact(t(scores === undefined ? 'logprob' : 'oldLogprob'), Number.isNaN(logprob) ? undefined : decimal(logprob, 5), 'number');
      fact(t('rank'), Number.isNaN(timeline.entropy[token]!) ? undefined : timeline.rank[token] === 0 ? t('unranked') : `#${timeline.rank[token]!}`, 'number');
      fact(t('entropy'), Number.isNaN(timeline.entropy[token]!) ? undefined : t('entropyBound', decimal(timeline.entropy[token]!, 4)), 'number');
      if (scores !== undefined && !Number.isNaN(change)) {
        fact(t('newLogprob'), decimal(scores.logprob[token]!, 5), 'number');
        fact(t('ratio'), decimal(Math.exp(change), 4), 'number');
        fact(t('kl'), decimal(Math.exp(change) - 1 - change, 6), 'number');
      }
      const why = call === undefined ? segment.why : call.why;
      fact(t('target'), why === null ? h('span', { class: 'yes' }, t('yes')) : h('span', { class: 'why' }, `${t('no')}: ${reasonText(why)}`));
      fact(t('advantage'), Number.isNaN(advantage) ? undefined : signed(advantage), 'number');
    }
    fact(t('role'), segment.kind === 'answer' && call !== undefined && call.role !== 'default' ? `${roleText('assistant')} · ${call.role}` : roleText(segment.role));
    if (call !== undefined) {
      fact(t('call_'), `${call.index}${sampled ? '' : ` · ${t('prompt')}`}`);
      if (sampled) {
        fact(t('policy'), call.policy);
        fact(t('version'), call.version === null ? undefined : String(call.version), 'number');
        fact(t('temperature'), decimal(call.sampling.temperature), 'number');
      }
      if (call.site !== undefined) {
        const { site } = call;
        const { code } = this.#actions;
        fact(t('code'), code === undefined ? placeText(site) : h('button', { class: 'link', title: site.file, onclick: () => code(call.index) }, placeText(site)));
      }
    }
    const { fork } = this.#actions;
    this.#body.replaceChildren(
      h('div', { class: 'inspector-head' }, h('h2', {}, t('tokenAt', token)), ...kinds.map((kind) => h('span', { class: 'chip' }, kind))),
      glyphs, selectionText(timeline, from, to), list, ...(again.length === 0 ? [] : [h('h3', {}, t('sampledAgain')), againList(timeline, again, token - segment.from)]),
      sampled ? h('h3', {}, t('alternatives')) : '', alternatives,
      sampled && fork !== undefined && call !== undefined ? h('button', { class: 'action', title: t('forkBefore'), onclick: () => fork(call.index, answerPlace(timeline, token)) }, icon('fork'), t('forkHere')) : '',
    );
    const spoken = timeline.text.slice(timeline.start[token], timeline.start[token + 1]);
    this.#status.textContent = t('say', token, spoken.trim() === '' ? glyphs.textContent : visible(spoken), Number.isNaN(logprob) ? roleText(segment.role) : t('sayProbability', percent(Math.exp(logprob))));
    if (sampled) this.#showAlternatives(timeline, token, alternatives);
  }

  #showAlternatives(timeline: Timeline, token: number, into: HTMLElement): void {
    const key = `${timeline.rollout} ${token}`;
    this.#shown = key;
    clearTimeout(this.#timer);
    if (Number.isNaN(timeline.entropy[token]!)) {
      into.replaceChildren(h('p', { class: 'dim' }, t('noAlternatives')));
      return;
    }
    const draw = (all: readonly Alternative[]): void => {
      if (this.#shown !== key) return;
      const rest = 1 - all.reduce((sum, { logprob }) => sum + Math.exp(logprob), 0);
      into.replaceChildren(
        h('ol', {}, ...all.map((one) => h('li', { class: one.sampled ? 'sampled' : '' },
          h('span', { class: 'glyphs' }, alternativeText(one)), meter(Math.exp(one.logprob)), h('span', { class: 'number', title: `#${one.id}` }, percent(Math.exp(one.logprob))),
          one.sampled && h('span', { class: 'unseen' }, t('sampledMark'))))),
        ...(rest > 5e-5 ? [h('div', { class: 'rest' }, h('span', { class: 'dim' }, t('otherMass')), meter(rest), h('span', { class: 'number dim' }, percent(rest)))] : []),
      );
    };
    const known = this.#known.get(key);
    if (known !== undefined) {
      draw(known);
      return;
    }
    this.#timer = window.setTimeout(() => {
      void this.#actions.alternatives(timeline.rollout, token).then((all) => {
        this.#known.set(key, all);
        draw(all);
      }, (error: Error) => this.#shown === key && into.replaceChildren(h('p', { class: 'mistake' }, error.message)));
    }, REST_MS);
  }
}

/** Each call's own view: two roles that sampled the same token need not have found it as likely. */
function againList({ calls }: Timeline, again: readonly SampledAgain[], place: number): HTMLElement {
  return h('ul', { class: 'again' }, ...again.map(({ call: index, logprob }) => {
    const call = calls.find((one) => one.index === index)!;
    const own = logprob[place]!;
    return h('li', {},
      h('span', {}, call.role === 'default' ? `${t('call_')} ${index}` : `${t('call_')} ${index} · ${call.role}`),
      h('span', { class: 'number' }, Number.isNaN(own) ? NONE : percent(Math.exp(own))),
      h('span', { class: 'number dim', title: t('logprob') }, decimal(own, 5)),
      h('span', { class: call.why === null ? 'yes' : 'why' }, call.why === null ? t('trained') : reasonText(call.why)),
      call.version !== null && h('span', { class: 'dim' }, t('versionOf', call.version)));
  }));
}

/** What is selected beyond the token itself, and how likely all of it was. */
function selectionText(timeline: Timeline, from: number, to: number): HTMLElement | string {
  if (to - from < 2) return '';
  let sum = 0;
  let told = 0;
  for (let token = from; token < to; token++) {
    if (Number.isNaN(timeline.logprob[token]!)) continue;
    sum += timeline.logprob[token]!;
    told++;
  }
  return h('p', { class: 'dim' }, t('selected', count(to - from)), told === 0 ? null : ` · ${t('jointly', percent(Math.exp(sum)))}`);
}

/** Place in the call's answer, which a branch may have cut into several segments. */
export function answerPlace({ segments, segment }: Timeline, token: number): number {
  let own = segments[segment[token]!]!;
  let place = token - own.from;
  while (own.parent !== null) {
    const above = segments[own.parent]!;
    if (above.kind !== 'answer' || above.call !== own.call) break;
    place += above.to - above.from;
    own = above;
  }
  return place;
}

function alternativeText({ id, text, bytes }: Alternative): string {
  if (bytes.length === 0) return `#${id}`;
  if (text.includes('\ufffd')) return `⟨${hex(bytes)}⟩`;
  const one = { id: Int32Array.of(id), text, start: Uint32Array.of(0, text.length), bytes, byteStart: Uint32Array.of(0, bytes.length), flags: Uint8Array.of(0) } as unknown as Timeline;
  return piecesOf(one, 0).map((piece) => piece.text).join('');
}

function meter(part: number): HTMLElement {
  return h('span', { class: 'meter', 'aria-hidden': 'true' }, styled(h('span', {}), { width: `${Math.max(0, Math.min(1, part)) * 100}%` }));
}
