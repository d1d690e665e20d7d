/** The dashboard: what is shown of which trainings, kept over hiding and reload, and brought up to date as they go on. */
import type { DashboardAction, DashboardEvent, DashboardRequests, DashboardView, ListedTraining, NotableRollouts, StepFigure, TrainingDetail } from '../../runtime/protocol/dashboard.ts';
import type { TrainingReport } from '../../runtime/protocol/training.ts';
import { h } from '../shared/dom.ts';
import { errorOf, type Host } from '../shared/host.ts';
import type { Board, Line } from './board.ts';
import { ChartGrid } from './grid.ts';
import { Head } from './head.ts';
import { inkOf, paintNow, type Paint } from './inks.ts';
import { checkpointsPanel, configPanel, evaluationsPanel, noticesPanel, panel, processesPanel, stepPanel } from './panels.ts';
import type { Range } from './plot.ts';
import { reportPanel } from './report.ts';
import { Series } from './series.ts';
import { t } from './texts.ts';
import { TrainingsList } from './trainings.ts';

interface Kept {
  shown: string[];
  main: string | null;
  smoothing: number;
  range: Range | null;
  side: boolean;
  tables: string[];
  config: boolean;
  scroll: number;
}

interface Closer {
  from: number;
  to: number;
  rewards?: [number, number];
}

/** The next of 10, 20, 50, 100, 200 … */
function roomFor(steps: number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(10, steps)));
  return [1, 2, 5, 10].map((each) => each * power).find((each) => each >= steps)!;
}

/** More lines than that can't be told apart. */
const MOST_AT_ONCE = 20;
/** Told in the head and in the list. */
const ALWAYS: ReadonlySet<StepFigure> = new Set(['rewardMean', 'success']);
const HEAT_COLUMNS = 360;
const HEAT_BINS = 20;
/** Processes breathe without a step being made. */
const DETAIL_MS = 2_000;

export class Dashboard implements Board {
  lines: Line[] = [];
  main: Line | undefined;
  paint: Paint = paintNow();
  crosshair: number | null = null;
  readonly #host: Host<DashboardRequests, DashboardEvent>;
  readonly #view: DashboardView;
  readonly #series = new Map<string, Series>();
  readonly #details = new Map<string, TrainingDetail>();
  readonly #grid: ChartGrid;
  readonly #kept: Kept;
  readonly #head: Head;
  readonly #list: TrainingsList;
  readonly #side = h('aside', { class: 'side' });
  readonly #step = h('div', { class: 'step-place' });
  readonly #panels = h('div', { class: 'panels' });
  readonly #reportPlace = h('div', { class: 'panels' });
  readonly #scroller = h('main', { class: 'charts', tabindex: -1 });
  readonly #all = h('button', { class: 'link all', title: t('showAllHint', MOST_AT_ONCE), onclick: () => this.#toggleAll(), onpointerenter: () => this.#bringAhead() });
  readonly #said = h('div', { class: 'unseen', role: 'status' });
  readonly #toast = h('div', { class: 'toast', role: 'alert', hidden: true });
  #trainings: ListedTraining[];
  #report: TrainingReport | null = null;
  #closer: Closer | undefined;
  #notable: NotableRollouts | undefined;
  #shownPanels = '';
  #toastTimer = 0;

  constructor(host: Host<DashboardRequests, DashboardEvent>, view: DashboardView) {
    this.#host = host;
    this.#view = view;
    this.#trainings = view.trainings;
    this.#kept = { shown: [], main: null, smoothing: 0.6, range: null, side: true, tables: [], config: false, scroll: 0, ...host.load<Partial<Kept>>() };
    this.#grid = new ChartGrid(this, {
      scroller: this.#scroller, beside: this.#step,
      chosen: ({ from, to, low, high }) => void this.#look({ from, to, rewards: [low, high] }),
      tableToggled: () => this.#keep(),
      seen: () => void Promise.all(this.lines.map((line) => this.#bring(line.series))).then(() => this.#grid.paintSoon(), (error: unknown) => this.#fail(error)),
      painted: () => {
        this.#head.zoomed(this.#kept.range);
        this.#markPainted();
      },
    });
    this.#head = new Head({
      control: view.capabilities.includes('control'), smoothing: this.smoothing,
      smooth: (weight) => {
        this.#kept.smoothing = weight;
        this.#keep();
        this.#grid.paintSoon();
      },
      act: (what) => this.main !== undefined && void this.#act({ do: what, dir: this.main.dir }, t(what)),
      side: () => this.#showSide(!this.#kept.side),
      reset: () => this.zoom(null),
      keys: () => this.#tellKeys(),
      report: () => this.#reportPlace.scrollIntoView(),
    });
    this.#list = new TrainingsList((dir, shown) => this.#toggle(dir, shown), (dir) => void this.#show(this.#kept.shown.includes(dir) ? this.#kept.shown : [...this.#kept.shown, dir], dir).catch((error: unknown) => this.#fail(error)));
    host.onEvent((event) => void this.#hear(event).catch((error: unknown) => this.#fail(error)));
  }

  get smoothing(): number {
    return this.#kept.smoothing;
  }

  get whole(): Range {
    const ends = this.lines.flatMap(({ series: { step }, evaluations }) => [...(step.length === 0 ? [] : [step[0]!, step.at(-1)!]), ...evaluations.map((row) => row.step)]);
    const last = Math.max(...ends, 2);
    const going = this.#trainings.find(({ dir, state }) => dir === this.main?.dir && state === 'running');
    // One that goes on fills the width by and by, so that not every step moves all others.
    return { from: Math.min(...ends, 1), to: going === undefined ? last : Math.min(Math.max(last, going.steps ?? Infinity), roomFor(last)) };
  }

  get range(): Range {
    return this.#kept.range ?? this.whole;
  }

  async begin(root: HTMLElement): Promise<void> {
    root.replaceChildren(h('div', { class: 'dashboard' }, this.#head.element, this.#side, this.#scroller, this.#said, this.#toast));
    if (this.#trainings.length === 0) return this.#drawEmpty();
    const there = new Set(this.#trainings.map(({ dir }) => dir));
    const { focus } = this.#view;
    const main = this.#kept.main !== null && there.has(this.#kept.main) ? this.#kept.main : focus ?? this.#trainings[0]!.dir;
    const shown = this.#kept.shown.filter((dir) => there.has(dir));
    this.#layOut();
    await this.#show(shown.includes(main) ? shown : [main, ...shown], main);
    this.#scroller.scrollTop = this.#kept.scroll;
    setInterval(() => void this.#refreshDetail().catch(() => {}), DETAIL_MS);
  }

  themed(): void {
    this.paint = paintNow();
    this.lines = this.lines.map((line, i) => ({ ...line, ink: inkOf(i, this.paint) }));
    this.main = this.lines.find(({ dir }) => dir === this.main?.dir);
    this.#list.show(this.#trainings, this);
    this.#grid.paintSoon();
  }

  zoom(range: Range | null): void {
    this.#kept.range = range;
    this.#keep();
    this.#grid.paintSoon();
  }

  point(step: number | null, from?: object): void {
    if (this.crosshair === step && this.#grid.pointed === from) return;
    this.crosshair = step;
    this.#grid.pointFrom(from);
  }

  choose(step: number): void {
    const { step: steps } = this.main?.series ?? { step: new Int32Array(0) };
    if (steps.length === 0) return;
    const at = Math.max(steps[0]!, Math.min(steps.at(-1)!, step));
    void this.#look({ from: at, to: at });
  }

  async #show(dirs: readonly string[], main: string): Promise<void> {
    const before = this.main?.dir;
    this.lines = dirs.map((dir, i) => ({ dir, name: this.#nameOf(dir), series: this.#seriesOf(dir), ink: inkOf(i, this.paint), evaluations: this.#details.get(dir)?.evaluations ?? [] }));
    this.main = this.lines.find(({ dir }) => dir === main) ?? this.lines[0];
    this.#all.textContent = t(this.lines.length > 1 ? 'showOne' : 'showAll');
    this.#all.hidden = this.#trainings.length < 2;
    [this.#kept.shown, this.#kept.main] = [[...dirs], this.main?.dir ?? null];
    this.#keep();
    this.#list.show(this.#trainings, this);
    await Promise.all(this.lines.map((line) => this.#bring(line.series)));
    this.#grid.paintSoon();
    await Promise.all([this.#refreshDetail(), ...this.lines.filter((line) => line !== this.main && !this.#details.has(line.dir)).map(({ dir }) => this.#detail(dir))]);
    if (before !== this.main?.dir) {
      this.#closer = undefined;
      await this.#bringMain();
    }
    this.#list.show(this.#trainings, this);
    this.#grid.paintSoon();
  }

  #seriesOf(dir: string): Series {
    const series = this.#series.get(dir) ?? new Series(dir, (of, figures, from) => this.#host.request('series', { dir: of, figures, from }));
    this.#series.set(dir, series);
    return series;
  }

  /** What the charts in sight need of a training. */
  #bring(series: Series): Promise<void> {
    return series.bring(new Set([...this.#grid.needed, ...ALWAYS]));
  }

  /** Who points at the button is about to press it. */
  #bringAhead(): void {
    for (const { dir } of this.#newest) this.#bring(this.#seriesOf(dir)).catch(() => {});
  }

  async #detail(dir: string): Promise<TrainingDetail> {
    const detail = await this.#host.request('detail', { dir });
    this.#details.set(dir, detail);
    const line = this.lines.findIndex((one) => one.dir === dir);
    if (line >= 0) this.lines[line]!.evaluations = detail.evaluations;
    return detail;
  }

  /** Of the training whose details are shown. */
  async #refreshDetail(): Promise<void> {
    if (this.main === undefined || document.hidden) return;
    const { dir } = this.main;
    const before = this.#details.get(dir)?.evaluations.length;
    const detail = await this.#detail(dir);
    if (this.main?.dir !== dir) return;
    if (detail.report && this.#report?.run !== detail.run) this.#report = await this.#host.request('report', { dir });
    this.#head.show(detail, this, this.#report);
    this.#drawPanels(detail);
    if (before !== detail.evaluations.length) this.#grid.paintSoon();
  }

  async #bringMain(): Promise<void> {
    this.#report = null;
    const { dir } = this.main ?? {};
    if (dir === undefined) return;
    await Promise.all([this.#bringHeat(), this.#bringNotable(), this.#details.get(dir)?.report === true && this.#host.request('report', { dir }).then((report) => (this.#report = report))]);
    const detail = this.#details.get(dir);
    if (detail !== undefined) {
      this.#head.show(detail, this, this.#report);
      this.#drawPanels(detail);
    }
  }

  async #bringHeat(): Promise<void> {
    const { dir } = this.main!;
    const heat = await this.#host.request('heat', { dir, columns: HEAT_COLUMNS, bins: HEAT_BINS });
    if (this.main?.dir === dir) this.#grid.heat.show(heat);
  }

  async #look(closer: Closer): Promise<void> {
    this.#closer = closer;
    try {
      await this.#bringNotable();
    } catch (error) {
      this.#fail(error);
    }
  }

  /** The newest step unless somebody chose one. */
  async #bringNotable(): Promise<void> {
    if (this.main === undefined) return;
    const { dir, series } = this.main;
    const last = series.step.at(-1);
    const { from, to, rewards } = this.#closer ?? { from: last ?? 0, to: last ?? 0 };
    if (last === undefined && this.#closer === undefined) return this.#drawStep();
    const notable = await this.#host.request('notable', { dir, from, to, ...(rewards !== undefined && { low: rewards[0], high: rewards[1] }) });
    if (this.main?.dir !== dir) return;
    this.#notable = notable;
    this.#drawStep();
  }

  async #hear(event: DashboardEvent): Promise<void> {
    if (event.type === 'focus') return this.#show(this.#kept.shown.includes(event.dir) ? this.#kept.shown : [event.dir], event.dir);
    if (event.type === 'listed') {
      const first = this.#trainings.length === 0;
      this.#trainings = event.trainings;
      if (first && this.#trainings.length > 0) {
        this.#layOut();
        return this.#show([this.#trainings[0]!.dir], this.#trainings[0]!.dir);
      }
      this.#list.show(this.#trainings, this);
      return this.#refreshDetail();
    }
    const line = this.lines.find(({ dir }) => dir === event.dir);
    if (line === undefined) return;
    line.series.grown(event.count, event.anew);
    await this.#bring(line.series);
    await (line === this.main ? Promise.all([this.#refreshDetail(), this.#bringHeat(), this.#closer === undefined && !this.#step.matches(':hover, :focus-within') && this.#bringNotable()]) : this.#detail(line.dir));
    this.#list.show(this.#trainings, this);
    this.#grid.paintSoon();
  }

  async #act(action: DashboardAction, told?: string): Promise<void> {
    try {
      await this.#host.request('act', action);
      if (told !== undefined) this.#said.textContent = t('asked', told);
      if (action.do === 'rollout' && location.protocol.startsWith('http') && !('acquireVsCodeApi' in globalThis)) location.assign(`../${location.hash}`);
      else await this.#refreshDetail();
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    const { message, next } = errorOf(error);
    this.#toast.replaceChildren(h('p', {}, message), h('p', { class: 'dim' }, next ?? ''));
    this.#toast.hidden = false;
    clearTimeout(this.#toastTimer);
    this.#toastTimer = window.setTimeout(() => (this.#toast.hidden = true), 8_000);
  }

  get #openRollout(): ((rollout: string) => void) | undefined {
    const dir = this.main?.dir;
    if (dir === undefined || !this.#view.capabilities.includes('rollout')) return undefined;
    return (rollout) => void this.#act({ do: 'rollout', dir, rollout });
  }

  #nameOf(dir: string): string {
    const training = this.#trainings.find((one) => one.dir === dir);
    return training === undefined ? dir : `${training.experiment} ${training.run.slice(-8)}`;
  }

  #drawEmpty(): void {
    this.#scroller.replaceChildren(h('div', { class: 'empty' }, h('p', {}, t('noTrainings')), h('p', { class: 'dim' }, t('noTrainingsNext'))));
    this.#side.hidden = true;
  }

  #layOut(): void {
    this.#side.replaceChildren(h('div', { class: 'side-head' }, h('h2', { title: t('trainingsHint') }, t('trainings')), this.#all), this.#list.element);
    this.#grid.showTables(this.#kept.tables);
    this.#showSide(this.#kept.side);
    this.#scroller.replaceChildren(this.#grid.element, this.#panels, this.#reportPlace);
    this.#scroller.addEventListener('scroll', () => {
      this.#kept.scroll = this.#scroller.scrollTop;
      this.#keep();
    }, { passive: true });
  }

  #toggle(dir: string, shown: boolean): void {
    const dirs = shown ? [...this.#kept.shown, dir] : this.#kept.shown.filter((one) => one !== dir);
    if (dirs.length === 0) return this.#list.show(this.#trainings, this);
    void this.#show(dirs, dirs.includes(this.#kept.main ?? '') ? this.#kept.main! : dirs[0]!).catch((error: unknown) => this.#fail(error));
  }

  #toggleAll(): void {
    const { main } = this.#kept;
    if (main === null) return;
    const others = this.#newest.map(({ dir }) => dir).filter((dir) => dir !== main);
    void this.#show(this.lines.length > 1 ? [main] : [main, ...others].slice(0, MOST_AT_ONCE), main).catch((error: unknown) => this.#fail(error));
  }

  get #newest(): ListedTraining[] {
    return this.#trainings.slice(0, MOST_AT_ONCE);
  }

  #showSide(shown: boolean): void {
    this.#kept.side = shown;
    this.#side.hidden = !shown;
    this.#head.sideShown(shown);
    this.#keep();
  }

  #tellKeys(): void {
    const shown = !this.#toast.hidden && this.#toast.textContent === t('keys');
    this.#toast.replaceChildren(...(shown ? [] : [h('p', {}, t('keys'))]));
    this.#toast.hidden = shown;
    clearTimeout(this.#toastTimer);
  }

  #drawStep(): void {
    this.#step.replaceChildren(stepPanel(this.#notable, this.#closer?.rewards, () => void this.#look({ from: this.#closer!.from, to: this.#closer!.to }), this.#openRollout));
  }

  /** Only what has changed: a text that is being read stays where it is. */
  #drawPanels(detail: TrainingDetail): void {
    const told = JSON.stringify([detail.dir, detail.evaluations.length, detail.checkpoints, detail.notices, detail.error, detail.state, this.#report?.run]);
    const seen = processesPanel(detail);
    if (told === this.#shownPanels) return void this.#panels.querySelector('.processes')!.replaceChildren(seen);
    this.#shownPanels = told;
    const control = this.#view.capabilities.includes('code');
    this.#panels.replaceChildren(evaluationsPanel(detail), h('div', { class: 'processes' }, seen), noticesPanel(detail), checkpointsPanel(detail),
      configPanel(detail, this.#kept.config, (open) => {
        this.#kept.config = open;
        this.#keep();
      }, control ? () => void this.#act({ do: 'config', dir: detail.dir }) : undefined));
    this.#reportPlace.replaceChildren(this.#report === null ? panel(t('report'), h('p', { class: 'dim' }, t('noReport'))) : reportPanel(this.#report, this.#openRollout));
  }

  #keep(): void {
    this.#kept.tables = this.#grid.tables;
    this.#host.save(this.#kept);
  }

  /** For measuring: how many trainings stand in all charts in sight, once the browser had drawn them. */
  #markPainted(): void {
    const whole = this.lines.filter((line) => this.#grid.isWhole(line)).length;
    setTimeout(() => performance.mark('painted-dashboard', { detail: whole }));
  }
}
