/** The views "Workflows" and "Runs". What they show is loaded when they are first opened. */
import * as vscode from 'vscode';
import { command } from '../commands/table.ts';
import type { Studio } from '../studio.ts';
import { LazyTree } from './lazy-tree.ts';
import type { MoreNode, Node as RunsNode } from './runs/nodes.ts';
import type { RunsTree } from './runs/tree.ts';
import type { Node as WorkflowsNode, WorkflowsTree } from './workflows.ts';

const FILTERED = 'tuningFork.runsFiltered';
/** The workspace was looked through. */
const LOOKED = 'tuningFork.looked';
/** Something here can be run: buttons that do so have a sense. */
const HAS_WORKFLOWS = 'tuningFork.hasWorkflows';
/** Somebody has seen the view "Runs" in this workspace. */
const SEEN = 'tuningFork.runsSeen';

export function registerViews(studio: Studio): void {
  const workflows = new LazyTree<WorkflowsNode, WorkflowsTree>(async () => new (await import('./workflows.ts')).WorkflowsTree(studio));
  const runs = new LazyTree<RunsNode, RunsTree>(async () => new (await import('./runs/tree.ts')).RunsTree(studio));
  const runsView = vscode.window.createTreeView('tuningFork.runs', { treeDataProvider: runs, showCollapseAll: true, canSelectMany: true });
  studio.context.subscriptions.push(
    workflows, runs, runsView,
    vscode.window.createTreeView('tuningFork.workflows', { treeDataProvider: workflows, showCollapseAll: true }),
    runsView.onDidChangeVisibility(({ visible }) => {
      if (runs.loaded !== undefined) runs.loaded.visible = visible;
    }),
  );

  const tellWorkflows = (): void => void vscode.commands.executeCommand('setContext', HAS_WORKFLOWS, studio.discovery.workflows.length + studio.discovery.configs.length > 0);
  studio.context.subscriptions.push(studio.discovery.onDidChange(tellWorkflows));
  // Nobody is told that there is nothing before it was looked for.
  void studio.discovery.ready.then(() => vscode.commands.executeCommand('setContext', LOOKED, true));

  const filter = async (text: string): Promise<void> => {
    const tree = await runs.provider();
    tree.setFilter(text);
    runsView.message = tree.filterText === '' ? undefined : vscode.l10n.t('Only rollouts with: {0}', tree.filterText);
    await vscode.commands.executeCommand('setContext', FILTERED, tree.filterText !== '');
  };
  command(studio, 'tuningFork.refreshRuns', async () => (await runs.provider()).reload());
  command(studio, 'tuningFork.showMoreRuns', async (node: MoreNode) => (await runs.provider()).showMore(node));
  command(studio, 'tuningFork.filterRuns', async (text) => {
    const { askFilter } = await import('./runs/ask-filter.ts');
    const asked = text ?? await askFilter((await runs.provider()).filterText);
    if (asked !== undefined) await filter(asked);
  });
  command(studio, 'tuningFork.failedOnly', () => filter('failed'));
  command(studio, 'tuningFork.clearRunsFilter', () => filter(''));
  // A key comes without what it is meant for.
  command(studio, 'tuningFork.deleteSelectedRuns', async () => {
    const selected = runsView.selection.filter((node) => node.kind === 'run');
    if (selected.length > 0) await (await import('../runs/actions.ts')).deleteRuns(studio, selected[0], selected);
  });
  command(studio, 'tuningFork.showRun', async (dir, quietly = false) => {
    const { workspaceState } = studio.context;
    if (quietly && !runsView.visible && workspaceState.get(SEEN, false)) return;
    await workspaceState.update(SEEN, true);
    const node = await (await runs.provider()).find(dir);
    if (node !== undefined) await runsView.reveal(node, { select: true, focus: false, expand: !quietly });
  });
}
