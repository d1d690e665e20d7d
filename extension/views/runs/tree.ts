/** The view "Runs": run > step > task > rollouts, of all projects of the workspace, as they lie on the disk. */
import { setTimeout as wait } from 'node:timers/promises';
import * as vscode from 'vscode';
import type { ProjectEvent } from '../../backbone/backbones.ts';
import type { Studio } from '../../studio.ts';
import { projectsOf } from '../projects.ts';
import { readFilter } from './filter.ts';
import { moreItem, projectItem, rolloutItem, runItem, stepItem, taskItem } from './items.ts';
import { Library, stateOf } from './library.ts';
import { page, PAGE, ProjectNode, RunNode, type Filter, type MoreNode, type Node } from './nodes.ts';
import { rolloutTooltip, runTooltip } from './tooltips.ts';
import { RunsWatcher } from './watcher.ts';

/** A live run redraws what grew this often, and its own line, with all that is open below it, at most this often. */
const GROW_MS = 200;
const LINE_MS = 1_000;
/** A run is shown without its counts where they take longer to read. */
const COUNT_MS = 100;
/** How often folders are looked through: watchers miss those that are made within others at once, as the first run of a project is. */
const LOOK_MS = 2_000;
/** Of those that go on elsewhere, the newest. */
const LOOKED_AT = 3;

export class RunsTree implements vscode.TreeDataProvider<Node>, vscode.Disposable {
  readonly library = new Library();
  readonly #studio: Studio;
  readonly #changed = new vscode.EventEmitter<Node | Node[] | undefined>();
  readonly onDidChangeTreeData = this.#changed.event;
  readonly #projects = new Map<string, ProjectNode>();
  /** Stands for the whole where there is one project. */
  readonly #top = new ProjectNode('');
  readonly #runs = new Map<string, RunNode>();
  readonly #watcher: RunsWatcher;
  readonly #subscriptions: vscode.Disposable[];
  readonly #dirty = new Map<string, { info: boolean }>();
  readonly #drawn = new Map<string, number>();
  readonly #looks: NodeJS.Timeout;
  #timer: NodeJS.Timeout | undefined;
  #visible = true;
  #loaded: Promise<void> | undefined;
  #filter: Filter;
  #filterText = '';

  constructor(studio: Studio) {
    this.#studio = studio;
    this.#watcher = new RunsWatcher((dir, what) => this.#touch(dir, what === 'info'));
    this.#subscriptions = [
      this.#changed, this.#watcher,
      studio.backbones.onEvent((event) => this.#follow(event)),
      studio.backbones.onDidChangeLive(() => this.#noticeLive()),
      studio.discovery.onDidChange(() => void this.#noticeProjects()),
      vscode.workspace.onDidChangeWorkspaceFolders(() => void this.#noticeProjects()),
    ];
    this.#looks = setInterval(() => void this.#look().catch((error: unknown) => studio.log.warn(String(error))), LOOK_MS);
  }

  get filterText(): string {
    return this.#filterText;
  }

  /** What is hidden now needn't be drawn now. */
  set visible(visible: boolean) {
    this.#visible = visible;
    if (visible && this.#dirty.size > 0) this.#soon();
  }

  setFilter(text: string): void {
    this.#filterText = text.trim();
    this.#filter = readFilter(text);
    this.#changed.fire(undefined);
  }

  async reload(): Promise<void> {
    this.#loaded = undefined;
    for (const node of this.#runs.values()) await node.grow();
    this.#changed.fire(undefined);
  }

  showMore({ parent }: MoreNode): void {
    parent.shown += PAGE;
    this.#changed.fire(parent === this.#top ? undefined : parent);
  }

  /** The node of a run, read anew if it isn't known yet. */
  async find(dir: string): Promise<RunNode | undefined> {
    await this.#load();
    if (this.library.get(dir) === undefined && await this.library.touch(dir) === 'added') this.#changed.fire(undefined);
    return this.#node(dir);
  }

  getTreeItem(node: Node): vscode.TreeItem | Thenable<vscode.TreeItem> {
    switch (node.kind) {
      case 'project': return projectItem(node);
      case 'run': return this.#runItem(node);
      case 'step': return stepItem(node);
      case 'task': return taskItem(node, node.step.parent.opened!);
      case 'rollout': return rolloutItem(node);
      case 'more': return moreItem(node);
    }
  }

  async getChildren(node?: Node): Promise<Node[]> {
    if (node === undefined) return this.#roots();
    switch (node.kind) {
      case 'project': return this.#runsOf(node);
      case 'run': return node.children(await node.index(this.#filter));
      case 'step': return node.children(await node.parent.index(this.#filter));
      case 'task': return node.children(await node.step.parent.index(this.#filter));
      case 'rollout': case 'more': return [];
    }
  }

  getParent(node: Node): Node | undefined {
    return node.parent === this.#top ? undefined : node.parent;
  }

  async resolveTreeItem(item: vscode.TreeItem, node: Node): Promise<vscode.TreeItem> {
    if (node.kind === 'run') item.tooltip = await runTooltip(node);
    if (node.kind === 'rollout') item.tooltip = await rolloutTooltip(node);
    return item;
  }

  dispose(): void {
    clearTimeout(this.#timer);
    clearInterval(this.#looks);
    for (const subscription of this.#subscriptions) subscription.dispose();
  }

  async #runItem(node: RunNode): Promise<vscode.TreeItem> {
    const counted = node.tally().catch(() => undefined);
    let late = true;
    const tally = await Promise.race([counted.finally(() => void (late = false)), wait(COUNT_MS, undefined)]);
    // VS Code hears nothing of a node that it has no item of yet.
    if (late) void counted.then((counts) => counts && wait(COUNT_MS).then(() => this.#changed.fire(node)));
    return runItem(node, this.#studio.backbones.live.find(({ dir }) => dir === node.dir)?.status, tally);
  }

  async #load(): Promise<void> {
    this.#loaded ??= (async () => {
      for (const project of await projectsOf(this.#studio)) this.library.addProject(project);
      this.#noticeLive();
      this.#watcher.watch(this.library.roots);
      await this.library.reload();
      for (const problem of this.library.problems) this.#studio.log.warn(problem.message);
    })();
    return this.#loaded;
  }

  async #roots(): Promise<Node[]> {
    await this.#load();
    const projects = [...new Set(this.library.list().map(({ project }) => project))];
    if (projects.length < 2) return this.#runsOf(this.#top);
    return projects.sort().map((project) => {
      const node = this.#projects.get(project) ?? new ProjectNode(project);
      this.#projects.set(project, node);
      return node;
    });
  }

  #runsOf(parent: ProjectNode): Node[] {
    const scored = new Set<string>();
    const listed = this.library.list().filter(({ project, info }) => {
      if (parent !== this.#top && project !== parent.project) return false;
      // Those that pass are gone in a moment.
      if (info.kind === 'test' && info.state === 'running') return false;
      // Whoever works on a judge scores a run again and again: its newest scores count.
      if (info.kind !== 'rejudge' || info.source === undefined) return true;
      return !scored.has(info.source) && scored.add(info.source).size > 0;
    });
    return page(parent, listed, ({ dir }) => {
      const node = this.#node(dir)!;
      node.parent = parent === this.#top ? undefined : parent;
      return node;
    });
  }

  #node(dir: string): RunNode | undefined {
    const stored = this.library.get(dir);
    if (stored === undefined) return void this.#runs.delete(dir);
    const node = this.#runs.get(dir) ?? new RunNode(stored);
    node.stored = stored;
    this.#runs.set(dir, node);
    return node;
  }

  #follow({ project, event }: ProjectEvent): void {
    const live = this.#studio.backbones.live.find((one) => one.run === event.run && one.project === project);
    if (live === undefined) return;
    if (event.type === 'rollout-finished' || event.type === 'progress') this.#touch(live.dir, false);
    if (event.type === 'workflow-ready') this.library.called(live.dir, event.name);
    if (event.type === 'workflow-ready' || event.type === 'paused') this.#touch(live.dir, true);
  }

  /** A run begins or ends, maybe in a folder that no configuration of this window names. */
  #noticeLive(): void {
    for (const { dir, project } of this.#studio.backbones.live) {
      if (this.library.addRoot(vscode.Uri.joinPath(vscode.Uri.file(dir), '../../..').fsPath, project)) this.#watcher.watch(this.library.roots);
      if (this.library.get(dir) === undefined) this.#touch(dir, true);
    }
    for (const { dir, info } of this.library.list()) {
      if (info.state === 'running' && !this.#studio.backbones.live.some((live) => live.dir === dir)) this.#touch(dir, true);
    }
  }

  async #noticeProjects(): Promise<void> {
    let found = false;
    for (const project of await projectsOf(this.#studio)) found = this.library.addProject(project) || found;
    if (!found) return;
    this.#loaded = undefined;
    this.#changed.fire(undefined);
  }

  /** What nobody tells of: runs that came or went, and those that go on elsewhere. */
  async #look(): Promise<void> {
    if (!this.#visible || this.#loaded === undefined) return;
    const followed = new Set(this.#studio.backbones.live.map(({ dir }) => dir));
    for (const dir of await this.library.moved()) this.#touch(dir, true);
    const elsewhere = this.library.list().filter(({ dir, info }) => info.state === 'running' && !followed.has(dir)).slice(0, LOOKED_AT);
    for (const { dir, info } of elsewhere) if (stateOf(info) === 'running') this.#touch(dir, true);
  }

  #touch(dir: string, info: boolean): void {
    const dirty = this.#dirty.get(dir);
    this.#dirty.set(dir, { info: info || dirty?.info === true });
    this.#soon();
  }

  #soon(): void {
    if (!this.#visible || this.#loaded === undefined) return;
    this.#timer ??= setTimeout(() => {
      void this.#flush().catch((error: unknown) => this.#studio.log.warn(String(error))).finally(() => {
        this.#timer = undefined;
        if (this.#dirty.size > 0) this.#soon();
      });
    }, GROW_MS);
  }

  async #flush(): Promise<void> {
    const dirty = [...this.#dirty];
    this.#dirty.clear();
    const redraw: Node[] = [];
    let listed = false;
    for (const [dir, { info }] of dirty) {
      const what = info || this.library.get(dir) === undefined ? await this.library.touch(dir) : 'grown';
      if (what === 'added' || what === 'removed') listed = true;
      const node = this.#node(dir);
      if (node !== undefined) redraw.push(...await this.#grown(node, what === 'changed'));
    }
    if (listed) this.#changed.fire(undefined);
    else if (redraw.length > 0) this.#changed.fire(redraw);
  }

  /** What of a run is to be drawn anew. */
  async #grown(node: RunNode, changed: boolean): Promise<Node[]> {
    const growth = await node.grow();
    const now = performance.now();
    const flat = node.opened?.steps.length === 1 || node.opened?.steps.length === growth?.size;
    if (changed || growth === undefined || (growth.size > 0 && flat) || now - (this.#drawn.get(node.dir) ?? 0) > LINE_MS) {
      this.#drawn.set(node.dir, now);
      return [node];
    }
    // Its own line is drawn with one of the next changes.
    return [...growth].map(node.step);
  }
}
