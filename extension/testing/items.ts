/** What stands in the Testing view: workflows > configurations > tasks, and rollouts that were saved as tests. */
import { basename } from 'node:path';
import * as vscode from 'vscode';
import { errorInfo } from '../../runtime/protocol/errors.ts';
import { TEST_SUFFIX } from '../../runtime/trace/index.ts';
import type { FoundConfig, FoundWorkflow } from '../discovery/discovery.ts';
import { sentenceOf } from '../errors.ts';
import type { Studio } from '../studio.ts';

/** VS Code's view stalls with thousands; whoever wants all tasks runs them from a terminal. */
export const MOST_TASKS = 200;

export type Subject =
  | { kind: 'workflow'; workflow: FoundWorkflow }
  | { kind: 'config'; config: FoundConfig; workflow: FoundWorkflow }
  | { kind: 'task'; config: FoundConfig; workflow: FoundWorkflow; task: string }
  | { kind: 'more' }
  | { kind: 'saved' }
  | { kind: 'file'; file: string };

export class TestItems implements vscode.Disposable {
  readonly #studio: Studio;
  readonly #controller: vscode.TestController;
  readonly #subjects = new WeakMap<vscode.TestItem, Subject>();
  readonly #subscriptions: vscode.Disposable[] = [];
  #files: Map<string, vscode.TestItem> | undefined;

  constructor(studio: Studio, controller: vscode.TestController) {
    this.#studio = studio;
    this.#controller = controller;
    const watcher = vscode.workspace.createFileSystemWatcher(`**/*${TEST_SUFFIX}`);
    this.#subscriptions.push(watcher, studio.discovery.onDidChange(() => this.#placeWorkflows()));
    watcher.onDidCreate((uri) => this.fileItem(uri.fsPath));
    watcher.onDidDelete((uri) => this.#forget(uri.fsPath));
  }

  subject(item: vscode.TestItem): Subject | undefined {
    return this.#subjects.get(item);
  }

  /** Everything is looked for anew. */
  async refresh(): Promise<void> {
    this.#controller.items.replace([]);
    this.#files = undefined;
    await this.#roots();
  }

  async resolve(item: vscode.TestItem | undefined): Promise<void> {
    if (item === undefined) return this.#roots();
    const subject = this.#subjects.get(item);
    if (subject?.kind === 'workflow') this.#configs(item, subject.workflow);
    if (subject?.kind !== 'config') return;
    try {
      await this.tasks(item);
      item.error = undefined;
    } catch (error) {
      item.error = sentenceOf(errorInfo(error));
    }
  }

  /** The tasks below a configuration, listed if they aren't yet. */
  async tasks(item: vscode.TestItem): Promise<vscode.TestItem[]> {
    const subject = this.#subjects.get(item);
    if (subject?.kind !== 'config') return [];
    if (item.children.size === 0) {
      const { config, workflow } = subject;
      const { project, file, given } = config;
      const { backbones, secrets } = this.#studio;
      const list = await backbones.request(project, 'tasks', { conf: file, workflow: given?.workflow, cwd: project, env: await secrets.environment(), first: MOST_TASKS });
      const children = list.tasks.map(({ id, query, line }) => {
        const child = this.#item(`${item.id} ${id}`, id, list.file, { kind: 'task', config, workflow, task: id });
        child.description = query.replace(/\s+/g, ' ');
        child.range = line === undefined ? undefined : lineRange(line - 1);
        return child;
      });
      if (list.more) {
        const more = this.#item(`${item.id} more`, vscode.l10n.t('More tasks are not listed'), undefined, { kind: 'more' });
        more.description = vscode.l10n.t('these are the first {0}', MOST_TASKS);
        more.sortText = '\uffff';
        children.push(more);
      }
      item.children.replace(children.map((child, i) => {
        child.sortText ??= String(i).padStart(6, '0');
        return child;
      }));
    }
    return [...item.children].map(([, child]) => child).filter((child) => this.#subjects.get(child)?.kind === 'task');
  }

  /** Of a file that holds a rollout as a test. */
  async fileItem(file: string): Promise<vscode.TestItem> {
    const files = await this.#saved();
    const known = files.get(file);
    if (known !== undefined) return known;
    const item = this.#item(`file ${file}`, basename(file, TEST_SUFFIX), file, { kind: 'file', file });
    item.description = vscode.workspace.asRelativePath(file);
    files.set(file, item);
    this.#placeFiles(files);
    return item;
  }

  dispose(): void {
    for (const subscription of this.#subscriptions) subscription.dispose();
  }

  async #roots(): Promise<void> {
    await this.#studio.discovery.ready;
    this.#placeWorkflows();
    await this.#saved();
  }

  #placeWorkflows(): void {
    const { items } = this.#controller;
    const { workflows } = this.#studio.discovery;
    const found = workflows.filter((workflow) => workflow.exported && this.#studio.discovery.configsOf(workflow).length > 0);
    const ids = new Set(found.map(workflowId));
    for (const [id, item] of items) if (this.#subjects.get(item)?.kind === 'workflow' && !ids.has(id)) items.delete(id);
    for (const workflow of found) {
      const item = items.get(workflowId(workflow)) ?? this.#item(workflowId(workflow), workflow.className, workflow.file, { kind: 'workflow', workflow });
      this.#subjects.set(item, { kind: 'workflow', workflow });
      item.range = lineRange(workflow.line);
      item.canResolveChildren = true;
      item.sortText = `1 ${workflow.className}`;
      if (items.get(item.id) === undefined) items.add(item);
      else if (item.children.size > 0) this.#configs(item, workflow);
    }
  }

  #configs(item: vscode.TestItem, workflow: FoundWorkflow): void {
    const configs = this.#studio.discovery.configsOf(workflow);
    const files = new Set(configs.map(({ file }) => `${item.id} ${file}`));
    for (const [id] of item.children) if (!files.has(id)) item.children.delete(id);
    for (const config of configs) {
      const id = `${item.id} ${config.file}`;
      if (item.children.get(id) !== undefined) continue;
      const child = this.#item(id, basename(config.file), config.file, { kind: 'config', config, workflow });
      child.canResolveChildren = true;
      item.children.add(child);
    }
  }

  async #saved(): Promise<Map<string, vscode.TestItem>> {
    if (this.#files !== undefined) return this.#files;
    const files = (this.#files = new Map<string, vscode.TestItem>());
    for (const uri of await vscode.workspace.findFiles(`**/*${TEST_SUFFIX}`, '**/{node_modules,runs,dist}/**')) await this.fileItem(uri.fsPath);
    return files;
  }

  #forget(file: string): void {
    if (this.#files?.delete(file)) this.#placeFiles(this.#files);
  }

  #placeFiles(files: Map<string, vscode.TestItem>): void {
    const { items } = this.#controller;
    if (files.size === 0) return items.delete('saved');
    let parent = items.get('saved');
    if (parent === undefined) {
      parent = this.#item('saved', vscode.l10n.t('Saved Rollouts'), undefined, { kind: 'saved' });
      parent.description = vscode.l10n.t('run from their records, without a model');
      // Above hundreds of tasks.
      parent.sortText = '0';
      items.add(parent);
    }
    for (const [id, child] of parent.children) if (![...files.values()].includes(child)) parent.children.delete(id);
    for (const child of files.values()) if (parent.children.get(child.id) === undefined) parent.children.add(child);
  }

  #item(id: string, label: string, file: string | undefined, subject: Subject): vscode.TestItem {
    const item = this.#controller.createTestItem(id, label, file === undefined ? undefined : vscode.Uri.file(file));
    this.#subjects.set(item, subject);
    return item;
  }
}

function workflowId({ file, className }: FoundWorkflow): string {
  return `workflow ${file} ${className}`;
}

export function lineRange(line: number): vscode.Range {
  return new vscode.Range(line, 0, line, 0);
}
