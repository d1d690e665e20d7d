/** The view "Workflows": the workflow classes of the workspace, with what they are run with and how they did. */
import { basename, dirname, join } from 'node:path';
import * as vscode from 'vscode';
import type { RunTarget } from '../commands/table.ts';
import { commandOf } from '../commands/table.ts';
import type { FoundConfig, FoundWorkflow } from '../discovery/discovery.ts';
import { realPath } from '../real-path.ts';
import { decimal, rolloutCount } from '../runs/progress-text.ts';
import { rewardsOf } from '../runs/rewards.ts';
import type { Studio } from '../studio.ts';
import { readRunInfo, findRuns, type RunInfo } from '../../runtime/trace/index.ts';
import { stateName } from './runs/items.ts';
import { stateOf } from './runs/library.ts';

/** Also the `RunTarget` of the commands on it, and the class that "Create Config" is for. */
interface WorkflowNode extends RunTarget {
  kind: 'workflow';
  workflow: FoundWorkflow;
  file: string;
  className: string;
  configs: readonly FoundConfig[];
}

interface ConfigNode extends RunTarget {
  kind: 'config';
  conf: string;
  /** The workflow it names in a file that is there. */
  missing?: FoundConfig['workflow'];
  parent: WorkflowNode | undefined;
}

interface RoleNode {
  kind: 'role';
  role: string;
  parent: WorkflowNode;
}

interface ResultNode {
  kind: 'result';
  dir: string;
  info: RunInfo;
  parent: WorkflowNode;
}

export type Node = WorkflowNode | ConfigNode | RoleNode | ResultNode;

/** Runs end in bursts, and files are saved in bursts. */
const SETTLE_MS = 200;

export class WorkflowsTree implements vscode.TreeDataProvider<Node>, vscode.Disposable {
  readonly #studio: Studio;
  readonly #changed = new vscode.EventEmitter<undefined>();
  readonly onDidChangeTreeData = this.#changed.event;
  readonly #subscriptions: vscode.Disposable[];
  #timer: NodeJS.Timeout | undefined;

  constructor(studio: Studio) {
    this.#studio = studio;
    const soon = (): void => void (this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#changed.fire(undefined);
    }, SETTLE_MS));
    this.#subscriptions = [this.#changed, studio.discovery.onDidChange(soon), studio.backbones.onDidChangeLive(soon)];
  }

  async getChildren(node?: Node): Promise<Node[]> {
    if (node === undefined) return this.#roots();
    if (node.kind !== 'workflow') return [];
    const { trainableTargets, roles } = node.workflow;
    const last = await this.#lastRun(node);
    return [
      ...node.configs.map(({ file }): ConfigNode => ({ kind: 'config', conf: file, parent: node })),
      ...[...new Set([...roles, ...trainableTargets ?? []])].map((role): RoleNode => ({ kind: 'role', role, parent: node })),
      ...(last === undefined ? [] : [{ kind: 'result' as const, ...last, parent: node }]),
    ];
  }

  getTreeItem(node: Node): vscode.TreeItem | Promise<vscode.TreeItem> {
    switch (node.kind) {
      case 'workflow': return workflowItem(node);
      case 'config': return configItem(node);
      case 'role': return roleItem(node);
      case 'result': return resultItem(node);
    }
  }

  getParent(node: Node): Node | undefined {
    return node.kind === 'workflow' ? undefined : node.parent;
  }

  dispose(): void {
    clearTimeout(this.#timer);
    for (const subscription of this.#subscriptions) subscription.dispose();
  }

  async #roots(): Promise<Node[]> {
    const { discovery } = this.#studio;
    await discovery.ready;
    const workflows = discovery.workflows.filter(({ exported }) => exported).map((workflow): WorkflowNode => {
      const configs = discovery.configsOf(workflow);
      return { kind: 'workflow', workflow, file: workflow.file, className: workflow.className, configs, conf: configs.length === 1 ? configs[0]!.file : undefined };
    });
    workflows.sort((a, b) => a.workflow.className.localeCompare(b.workflow.className) || a.workflow.file.localeCompare(b.workflow.file));
    // A configuration whose class is nowhere to be found is not hidden with it.
    const used = new Set(workflows.flatMap(({ configs }) => configs.map(({ file }) => file)));
    return [...workflows, ...discovery.configs.filter(({ file }) => !used.has(file)).map(({ file, workflow }): ConfigNode => ({ kind: 'config', conf: file, missing: workflow, parent: undefined }))];
  }

  async #lastRun({ configs }: WorkflowNode): Promise<{ dir: string; info: RunInfo } | undefined> {
    const files = new Set(configs.map(({ file }) => realPath(file)));
    const found = await Promise.all([...new Set(configs.map(({ project }) => project))].map((project) => findRuns(join(project, 'runs'))));
    const runs = found.flatMap(({ places }) => places).filter(({ info }) => (info.kind === 'rollout' || info.kind === 'training') && files.has(realPath(info.conf)));
    return runs.sort((a, b) => b.info.created.localeCompare(a.info.created))[0];
  }
}

function workflowItem({ workflow: { className, file, line }, configs }: WorkflowNode): vscode.TreeItem {
  const item = new vscode.TreeItem(className, vscode.TreeItemCollapsibleState.Collapsed);
  item.id = `${file} ${className}`;
  item.description = vscode.workspace.asRelativePath(file);
  item.iconPath = new vscode.ThemeIcon('symbol-class');
  item.contextValue = configs.length === 0 ? 'workflow.unconfigured' : 'workflow';
  item.tooltip = configs.length === 0 ? vscode.l10n.t('No configuration says with which tasks, model and judge it runs.') : `${className} · ${file}`;
  item.command = openAt(file, line);
  return item;
}

function configItem({ conf, parent, missing }: ConfigNode): vscode.TreeItem {
  const item = new vscode.TreeItem(basename(conf));
  item.id = `${parent === undefined ? '' : `${parent.workflow.file} ${parent.workflow.className} `}${conf}`;
  item.description = parent === undefined ? missing === undefined ? vscode.l10n.t('its workflow was not found') : vscode.l10n.t('{0} was not found in {1}', missing.className, basename(missing.file)) : dirname(conf) === dirname(parent.workflow.file) ? '' : vscode.workspace.asRelativePath(dirname(conf));
  item.iconPath = parent === undefined ? new vscode.ThemeIcon('warning', new vscode.ThemeColor('list.warningForeground')) : new vscode.ThemeIcon('settings');
  item.contextValue = parent === undefined ? 'config.orphan' : 'config';
  item.tooltip = conf;
  // What keeps it from being found is marked there.
  item.command = openAt(missing?.file ?? conf, 0);
  return item;
}

function roleItem({ role, parent: { workflow } }: RoleNode): vscode.TreeItem {
  const trained = workflow.trainableTargets === undefined || workflow.trainableTargets.includes(role);
  const item = new vscode.TreeItem(role);
  item.id = `${workflow.file} ${workflow.className} role ${role}`;
  item.description = trained ? vscode.l10n.t('role, trained') : vscode.l10n.t('role');
  item.iconPath = new vscode.ThemeIcon(trained ? 'mortar-board' : 'person');
  item.contextValue = 'role';
  return item;
}

async function resultItem({ dir, info, parent }: ResultNode): Promise<vscode.TreeItem> {
  const { mean, rollouts } = await rewardsOf(dir).catch(() => ({ mean: undefined, rollouts: 0 }));
  const state = stateOf(await readRunInfo(dir).catch(() => info));
  const item = new vscode.TreeItem(vscode.l10n.t('Last result'));
  item.id = `${parent.workflow.file} ${parent.workflow.className} last`;
  item.description = [...(mean === undefined ? [] : [vscode.l10n.t('mean reward {0}', decimal(mean))]), rolloutCount(rollouts, vscode.l10n), ...(state === 'finished' ? [] : [stateName(state)])].join(' · ');
  item.iconPath = new vscode.ThemeIcon('history');
  item.contextValue = 'result';
  item.command = commandOf('tuningFork.showRun', vscode.l10n.t('Show in Runs'), dir);
  return item;
}

function openAt(file: string, line: number): vscode.Command {
  const at = new vscode.Range(line, 0, line, 0);
  return { command: 'vscode.open', title: vscode.l10n.t('Open'), arguments: [vscode.Uri.file(file), { selection: at, preview: true } satisfies vscode.TextDocumentShowOptions] };
}
