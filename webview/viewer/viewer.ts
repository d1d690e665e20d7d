/** The page: what run it shows, which view, which rollout, and what is kept of that when it is hidden. */
import type { Conversation, ExportChoice, Kin, Scores, Timeline, ViewedRun, ViewerAction, ViewerEvent, ViewerRequests, ViewFocus } from '../../runtime/protocol/viewer.ts';
import { count } from '../shared/format.ts';
import { errorOf, type Host } from '../shared/host.ts';
import { h } from '../shared/dom.ts';
import { CompareView } from './compare/view.ts';
import { showExport } from './export.ts';
import { Head, tabId, VIEWS, type ViewName } from './head.ts';
import { showKeys } from './keys.ts';
import { kinLines } from './kin.ts';
import { MessagesView } from './messages/view.ts';
import { Notices } from './notices.ts';
import { barLine } from './rollout-bar.ts';
import { RolloutTable, STATUS } from '../../runtime/view/rollout-table.ts';
import { RolloutsView } from './rollouts/view.ts';
import { BEGIN, type ViewerState } from './state.ts';
import { t } from './texts.ts';
import { beginIn, Timelines } from './timelines.ts';
import { TokensView } from './tokens/view.ts';
import { TreeView } from './tree/view.ts';

const SLOW_MS = 250;

export class Viewer {
  readonly host: Host<ViewerRequests, ViewerEvent>;
  run: ViewedRun;
  readonly table = new RolloutTable();
  state: ViewerState;
  readonly #timelines: Timelines;
  readonly #themed: (() => void)[] = [];
  readonly #head: Head;
  readonly #notices = new Notices();
  readonly #bar = h('div', { class: 'rollout-bar' });
  readonly #kinBar = h('div', { class: 'kin-bar', hidden: true });
  readonly #stage = h('div', { class: 'stage', id: 'stage', role: 'tabpanel' });
  readonly #rollouts: RolloutsView;
  readonly #tokens: TokensView;
  readonly #messages: MessagesView;
  readonly #tree: TreeView;
  readonly #compare: CompareView;
  /** Of the open rollout, in other runs. */
  kin: readonly Kin[] = [];
  #timeline: Timeline | undefined;
  #conversation: Conversation | undefined;
  /** Where the reader is: what views hand to each other. */
  #segment: number | null = null;

  constructor(host: Host<ViewerRequests, ViewerEvent>, run: ViewedRun) {
    this.host = host;
    this.#timelines = new Timelines(host);
    this.run = run;
    const kept = host.load<{ run: string; state: ViewerState }>();
    this.state = kept?.run === run.info.run ? { ...BEGIN, ...kept.state } : BEGIN;
    this.#head = new Head(run, { show: (view) => void this.show(view), exports: run.capabilities.includes('save') ? () => this.#export() : undefined });
    this.#head.showState(run);
    this.#rollouts = new RolloutsView(this, this.table);
    this.#tokens = new TokensView(this);
    this.#messages = new MessagesView(this);
    this.#tree = new TreeView(this);
    this.#compare = new CompareView(this);
  }

  async begin(root: HTMLElement): Promise<void> {
    this.#stage.append(this.#rollouts.element, this.#tokens.element, this.#messages.element, this.#tree.element, this.#compare.element);
    root.replaceChildren(this.#head.element, this.#notices.banner, this.#bar, this.#kinBar, this.#stage, this.#notices.toast);
    const { focus } = this.run;
    // A page that comes again is asked to begin where it began: it has moved on since.
    const asked = JSON.stringify(focus);
    const led = focus !== undefined && this.state.begun !== asked ? focus : undefined;
    const rollout = led?.rollout ?? this.state.rollout;
    // Asked for before the index: what one came for need not wait for the table of all. If it can't be had, opening it tells.
    if (rollout !== undefined) this.timeline(rollout).catch(() => {});
    const view = led !== undefined ? 'tokens' : rollout === undefined ? 'rollouts' : this.state.view;
    this.#reveal(view);
    document.addEventListener('keydown', (event) => this.#key(event));
    this.host.onEvent((event) => void this.#told(event));
    this.#notices.problems(this.run);
    await this.#refresh(0);
    if (view === 'rollouts') markPainted(view);
    if (led !== undefined) {
      this.remember({ begun: asked });
      await this.#focusOn(led);
    } else if (this.state.rollout !== undefined && this.table.place(this.state.rollout) !== -1) await this.open(this.state.rollout, { view: this.state.view, token: this.state.token });
    else await this.show('rollouts');
    if (this.state.view !== 'rollouts') markPainted(this.state.view);
  }

  remember(change: Partial<ViewerState>): void {
    this.state = { ...this.state, ...change };
    this.host.save({ run: this.run.info.run, state: this.state });
  }

  onTheme(listener: () => void): void {
    this.#themed.push(listener);
  }

  /** Whether a rollout goes on. */
  runs(rollout: string): boolean {
    return STATUS[this.table.codes.status[this.table.place(rollout)]!] === 'running';
  }

  themed(): void {
    for (const listener of this.#themed) listener();
  }

  timeline(rollout: string): Promise<Timeline> {
    return this.#timelines.of(rollout);
  }

  /** Undefined, and told, where they can't be had. */
  async scores(timeline: Timeline, checkpoint: string): Promise<Scores | undefined> {
    try {
      return await this.#timelines.scores(timeline, checkpoint);
    } catch (error) {
      this.#notices.error(errorOf(error));
      return undefined;
    }
  }

  act(action: ViewerAction): void {
    this.host.request('act', action).then((said) => said !== null && this.say(said), (error: unknown) => this.#notices.error(errorOf(error)));
  }

  /** Its host opens it, or gives an address. */
  async openRun(action: ViewerAction & { do: 'openRun' }): Promise<void> {
    try {
      const address = await this.host.request('act', action);
      if (address !== null) window.open(address, '_blank', 'noopener');
    } catch (error) {
      this.#notices.error(errorOf(error));
    }
  }

  /** Its host asks where it goes, or gives an address that this page downloads. */
  async download(choice: ExportChoice): Promise<void> {
    try {
      const address = await this.host.request('export', choice);
      if (address !== null) h('a', { href: address, download: true }).click();
    } catch (error) {
      this.#notices.error(errorOf(error));
    }
  }

  say(text: string): void {
    this.#notices.say(text);
  }

  /** How often one was asked for: what comes late, after another, opens nothing. */
  #opened = 0;
  #slow: ReturnType<typeof setTimeout> | undefined;

  /** Opens a rollout in the view asked for, in the tokens from the table. */
  async open(rollout: string, { view, token, call }: { view?: ViewName; token?: number; call?: number | undefined } = {}): Promise<void> {
    const mine = (this.#opened += 1);
    clearTimeout(this.#slow);
    this.#slow = setTimeout(() => this.#busy(t('reading', rollout)), SLOW_MS);
    const timeline = await this.timeline(rollout).catch(errorOf);
    if (mine !== this.#opened) return;
    clearTimeout(this.#slow);
    this.#busy(undefined);
    if ('code' in timeline) {
      this.#notices.error(timeline, () => void this.open(rollout, { ...(view !== undefined && { view }) }));
      return;
    }
    this.#timeline = timeline;
    const at = beginIn(this.#timeline, call, token);
    this.#conversation = undefined;
    this.#segment = this.#timeline.segment[at] ?? null;
    const inTable = this.state.view === 'rollouts' ? 'tokens' : this.state.view;
    if (rollout !== this.#kinOf) this.#setKin(rollout, []);
    void this.#askKin(rollout);
    this.remember({ rollout, token: at });
    this.#rollouts.redraw();
    await this.show(view ?? inTable, true);
  }

  async showSegment(segment: number): Promise<void> {
    this.#segment = segment;
    const from = this.#timeline?.segments[segment]?.from ?? 0;
    this.remember({ token: from });
    await this.show('tokens', true);
    this.#tokens.moveTo(from);
    this.#tokens.focus();
  }

  async show(view: ViewName, keepPlace = false): Promise<void> {
    if (!keepPlace) this.#takePlace();
    const before = this.state.view;
    if (view !== 'rollouts' && this.#timeline === undefined) {
      const order = this.#rollouts.order;
      if (order.length === 0) {
        this.say(t('chooseRollout'));
        return;
      }
      await this.open(this.table.ids[order[0]!]!, { view });
      return;
    }
    this.remember({ view });
    this.#reveal(view);
    await this.#fill(view, before !== view);
    if (document.activeElement === document.body || document.activeElement === null || this.#stage.contains(document.activeElement) || !this.#head.element.contains(document.activeElement)) this.#viewOf(view).focus();
  }

  #viewOf(view: ViewName): RolloutsView | TokensView | MessagesView | TreeView | CompareView {
    return { rollouts: this.#rollouts, tokens: this.#tokens, messages: this.#messages, tree: this.#tree, compare: this.#compare }[view];
  }

  /** The segment that the view in sight is at becomes everybody's. */
  #takePlace(): void {
    if (this.#timeline === undefined) return;
    const segment = this.#segmentInSight(this.#timeline);
    if (segment === null) return;
    this.#segment = segment;
    const { from, to } = this.#timeline.segments[segment]!;
    if (this.state.token < from || this.state.token >= to) this.remember({ token: from });
  }

  /** A view that still shows the rollout before has no say. */
  #segmentInSight(timeline: Timeline): number | null {
    switch (this.state.view) {
      case 'tokens': return this.#tokens.timeline === timeline ? timeline.segment[this.#tokens.cursor] ?? null : this.#segment;
      case 'messages': return this.#conversation === undefined ? this.#segment : this.#messages.segment;
      case 'tree': return this.#tree.segment;
      default: return this.#segment;
    }
  }

  async #fill(view: ViewName, anew: boolean): Promise<void> {
    const timeline = this.#timeline;
    if (view === 'rollouts') {
      if (this.state.rollout !== undefined) this.#rollouts.reveal(this.state.rollout);
      return;
    }
    if (timeline === undefined) return;
    if (view === 'tokens') {
      if (this.#tokens.timeline !== timeline) this.#tokens.show(timeline, this.#advantage(), this.state.token);
      else if (anew) this.#tokens.moveTo(this.state.token);
    } else if (view === 'messages') {
      const { rollout } = timeline;
      if (this.#conversation === undefined) {
        const conversation = await this.host.request('conversation', { rollout }).catch(errorOf);
        if (this.#timeline?.rollout !== rollout) return;
        if ('code' in conversation) {
          this.#notices.error(conversation, () => void this.#fill(view, anew));
          return;
        }
        this.#conversation = conversation;
        this.#messages.show(conversation, this.#timeline, this.#segment);
        this.#drawBar();
      } else if (anew) this.#messages.goToSegment(this.#segment);
    } else if (view === 'tree') {
      this.#tree.show(timeline, this.#segment);
      if (anew && this.#segment !== null) this.#tree.goToSegment(this.#segment);
    } else this.#compare.show(timeline.rollout);
  }

  #reveal(view: ViewName): void {
    for (const name of VIEWS) this.#viewOf(name).element.hidden = name !== view;
    this.#head.select(view);
    this.#stage.setAttribute('aria-labelledby', tabId(view));
    this.#bar.hidden = view === 'rollouts' || this.state.rollout === undefined;
    this.#kinBar.hidden = this.#bar.hidden || this.kin.length === 0;
    if (!this.#bar.hidden) this.#drawBar();
  }

  #advantage(): number {
    return this.table.numbers.advantage[this.table.place(this.state.rollout ?? '')] ?? NaN;
  }

  #drawBar(): void {
    const { rollout } = this.state;
    const row = this.table.place(rollout ?? '');
    if (rollout === undefined || row === -1) return;
    this.#bar.replaceChildren(...barLine(this.table, row, {
      step: (by) => this.#step(by),
      debug: this.run.capabilities.includes('debug') ? () => this.act({ do: 'debug', rollout }) : undefined,
    }));
  }

  compareForks(): void {
    this.remember({ compare: 'forks' });
    void this.show('compare');
  }

  #kinOf: string | undefined;

  async #askKin(rollout: string): Promise<void> {
    const kin = await this.host.request('kin', { rollout }).catch(() => []);
    if (this.state.rollout === rollout) this.#setKin(rollout, kin);
  }

  #setKin(rollout: string, kin: readonly Kin[]): void {
    this.#kinOf = rollout;
    if (kin.length === 0 && this.kin.length === 0) return;
    this.kin = kin;
    this.#kinBar.replaceChildren(...kinLines(this, kin));
    this.#kinBar.hidden = this.#bar.hidden || kin.length === 0;
    if (this.state.view === 'compare') this.#compare.show(rollout);
  }

  #export(): void {
    if (this.run.capabilities.includes('save')) showExport(this, this.#rollouts.order);
  }

  #step(by: 1 | -1): void {
    const { order } = this.#rollouts;
    const place = order.indexOf(this.table.place(this.state.rollout ?? ''));
    const next = order[place === -1 ? 0 : place + by];
    if (next !== undefined) void this.open(this.table.ids[next]!);
  }

  async #refresh(from: number): Promise<void> {
    try {
      const [sealed, inFlight] = await Promise.all([this.host.request('rollouts', { from }), this.host.request('inFlight', null)]);
      if (sealed.from === this.table.sealed) this.table.append(sealed);
      this.table.setInFlight(inFlight);
    } catch (error) {
      this.#notices.error(errorOf(error), () => void this.#refresh(this.table.sealed));
      return;
    }
    this.#rollouts.grown();
  }

  async #told(event: ViewerEvent): Promise<void> {
    if (event.type === 'focus') {
      await this.#focusOn(event.focus);
      return;
    }
    if (event.type === 'forked') {
      if (event.rollout === this.state.rollout) await this.#askKin(event.rollout);
      return;
    }
    if (event.type === 'exported') {
      const [problem] = event.problems;
      this.say(t('exported', count(event.rollouts), event.file));
      if (problem !== undefined) this.#notices.error(problem);
      return;
    }
    if (event.type === 'gone') {
      this.#notices.error({ code: event.error.code, message: t('gone', event.error.message) });
      return;
    }
    if (event.type === 'changed' && event.live !== this.run.live) {
      this.run = await this.host.request('open', null);
      this.#head.showState(this.run);
    }
    await this.#refreshOnce();
    if (event.type !== 'changed') return;
    this.#timelines.forget(event.rollouts);
    const { rollout, view } = this.state;
    if (rollout === undefined || !event.rollouts.includes(rollout) || this.#timeline === undefined) return;
    this.#timeline = await this.timeline(rollout);
    this.#conversation = undefined;
    await this.#fill(view, false);
    this.#drawBar();
  }

  #refreshing: Promise<void> | undefined;
  #again = false;

  /** Events that come while one is read are answered together. */
  async #refreshOnce(): Promise<void> {
    if (this.#refreshing !== undefined) {
      this.#again = true;
      return this.#refreshing;
    }
    do {
      this.#again = false;
      this.#refreshing = this.#refresh(this.table.sealed);
      await this.#refreshing;
    } while (this.#again);
    this.#refreshing = undefined;
  }

  async #focusOn({ rollout, call, token }: ViewFocus): Promise<void> {
    if (this.table.place(rollout) === -1) await this.#refreshOnce();
    await this.open(rollout, { view: 'tokens', call, ...(token !== undefined && { token }) });
  }

  #key(event: KeyboardEvent): void {
    const { target, key } = event;
    if (target instanceof HTMLInputElement || target instanceof HTMLSelectElement || event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    const view = VIEWS[Number(key) - 1];
    if (view !== undefined) void this.show(view);
    else if (key === ',') this.#step(-1);
    else if (key === '.') this.#step(1);
    else if (key === '?') showKeys();
    else if (key === 'e') this.#export();
    else if (key === 'Escape' && this.state.view !== 'rollouts') void this.show('rollouts');
    else return;
    event.preventDefault();
  }

  /** Undefined: no longer. */
  #busy(text: string | undefined): void {
    this.#stage.classList.toggle('busy', text !== undefined);
    this.#notices.wait(text);
  }
}

/** For measuring: when the browser had drawn it. */
function markPainted(view: ViewName): void {
  requestAnimationFrame(() => setTimeout(() => performance.mark(`painted-${view}`)));
}
