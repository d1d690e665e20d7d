/** Feeds the results from this workspace: its `runs` folders, and the events of what runs. */
import { dirname, join } from 'node:path';
import * as vscode from 'vscode';
import { projectFolder } from '../../runtime/backbone/location.ts';
import { Results } from '../results/results.ts';
import type { Studio } from '../studio.ts';

/** How often a run is looked at that another window or a terminal has started. */
const GLANCE_MS = 1_500;
const GLANCED_AT = 3;

export class WorkspaceResults implements vscode.Disposable {
  readonly results = new Results();
  readonly #studio: Studio;
  readonly #watched = new Set<string>();
  /** Folders of followed runs, by project and name: their last event comes when they are no longer live. */
  readonly #dirs = new Map<string, string>();
  readonly #subscriptions: vscode.Disposable[] = [];
  readonly #glances: NodeJS.Timeout;

  constructor(studio: Studio) {
    this.#studio = studio;
    const { backbones, discovery } = studio;
    this.#subscriptions.push(
      discovery.onDidChange(() => this.#watchProjects()),
      vscode.workspace.onDidChangeWorkspaceFolders(() => this.#watchProjects()),
      backbones.onDidChangeLive(() => this.#follow()),
      backbones.onEvent(({ project, event }) => {
        const dir = event.type === 'started' ? event.dir : this.#dirs.get(`${project}\n${event.run}`);
        if (dir !== undefined) this.results.receive(dir, event);
      }),
    );
    this.#glances = setInterval(() => this.#glance(), GLANCE_MS);
    this.#follow();
    this.#watchProjects();
  }

  dispose(): void {
    clearInterval(this.#glances);
    this.results.dispose();
    for (const one of this.#subscriptions) one.dispose();
  }

  #follow(): void {
    for (const { project, run, dir, status } of this.#studio.backbones.live) {
      if (this.#dirs.get(`${project}\n${run}`) === dir) continue;
      this.#dirs.set(`${project}\n${run}`, dir);
      this.#watch(dirname(dirname(dirname(dir))));
      if (this.results.info(dir) === undefined) this.results.receive(dir, { type: 'started', info: status.info, dir, run, seq: 0, time: 0 });
    }
  }

  #watchProjects(): void {
    const folders = (vscode.workspace.workspaceFolders ?? []).filter(({ uri }) => uri.scheme === 'file').map(({ uri }) => projectFolder(uri.fsPath));
    for (const project of new Set([...folders, ...this.#studio.discovery.configs.map(({ project }) => project)])) this.#watch(join(project, 'runs'));
  }

  #watch(root: string): void {
    if (this.#watched.has(root)) return;
    this.#watched.add(root);
    const watcher = vscode.workspace.createFileSystemWatcher(new vscode.RelativePattern(vscode.Uri.file(root), '*/*/*/run.json'));
    const look = ({ fsPath }: vscode.Uri): void => void this.results.look(dirname(fsPath));
    this.#subscriptions.push(watcher, watcher.onDidCreate(look), watcher.onDidChange(look), watcher.onDidDelete(look));
    this.results.addRoot(root).catch((error: unknown) => this.#studio.log.warn(`The runs in ${root} were not read: ${String(error)}`));
  }

  #glance(): void {
    const followed = new Set(this.#studio.backbones.live.map(({ dir }) => dir));
    const running = this.results.runs.filter(({ dir, info }) => info.state === 'running' && !followed.has(dir));
    void this.results.seek();
    // Those whose process died without a word say so for ever, and are old.
    for (const { dir } of running.slice(0, GLANCED_AT)) void this.results.glance(dir);
  }
}
