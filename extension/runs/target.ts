/** From what was clicked to what is run: one configuration, and the project whose backbone runs it. */
import { dirname, sep } from 'node:path';
import * as vscode from 'vscode';
import { projectFolder } from '../../runtime/backbone/location.ts';
import { requireTrust } from '../backbone/backbones.ts';
import { execute, type RunTarget } from '../commands/table.ts';
import type { FoundConfig, FoundWorkflow, Given } from '../discovery/discovery.ts';
import { NothingYetError } from '../errors.ts';
import { realPath } from '../real-path.ts';
import type { Studio } from '../studio.ts';
import { withoutLinks } from '../without-links.ts';

export interface ResolvedTarget {
  project: string;
  conf: string;
  /** Undefined where the workspace's index doesn't know the class, yet. */
  workflow: { file: string; className: string } | undefined;
  given?: Given | undefined;
}

const LAST = 'tuningFork.lastConfig';

/** Asks only where there is more than one answer. Undefined: nobody wanted to choose. */
export async function resolveTarget(studio: Studio, target: RunTarget | vscode.Uri = {}): Promise<ResolvedTarget | undefined> {
  requireTrust();
  await studio.discovery.ready;
  const { conf, workflow } = target instanceof vscode.Uri ? ofFile(studio, target.fsPath) : target;
  if (conf !== undefined) return ofConfig(studio, conf, workflow);
  if (workflow !== undefined) return ofWorkflow(studio, workflow);
  const active = vscode.window.activeTextEditor;
  const here = active && ofFile(studio, active.document.uri.fsPath, active.selection.active.line);
  if (here?.conf !== undefined) return ofConfig(studio, here.conf);
  if (here?.workflow !== undefined) return ofWorkflow(studio, here.workflow);
  return ofWorkspace(studio);
}

/** What a run reads from the disk is what the person sees. */
export async function saveDirty(project: string): Promise<void> {
  const dirty = vscode.workspace.textDocuments.filter(({ isDirty, uri }) => isDirty && uri.scheme === 'file' && realPath(uri.fsPath).startsWith(project + sep));
  await Promise.all(dirty.map((document) => document.save()));
}

/** Several functions may be tuned with one configuration. */
async function ofConfig(studio: Studio, conf: string, workflow?: RunTarget['workflow']): Promise<ResolvedTarget | undefined> {
  const several = studio.discovery.configs.filter(({ file }) => file === conf);
  return workflow === undefined && several.length > 1 ? choose(studio, several) : resolved(studio, conf, workflow);
}

function resolved({ discovery }: Studio, conf: string, wanted?: RunTarget['workflow']): ResolvedTarget {
  const all = discovery.configs.filter(({ file }) => file === conf);
  const known = all.find(({ workflow }) => workflow?.file === wanted?.file && workflow?.className === wanted?.className) ?? all[0];
  return { conf, project: known?.project ?? projectFolder(dirname(conf)), workflow: known?.workflow, given: known?.given };
}

/** A configuration, a workflow's file, or a file that one configuration names. */
function ofFile({ discovery }: Studio, file: string, line = 0): RunTarget {
  if (discovery.configs.some((config) => config.file === file)) return { conf: file };
  const workflows = discovery.workflowsIn(file);
  const around = workflows.filter((one) => one.line <= line).at(-1) ?? workflows[0];
  if (around !== undefined) return { workflow: { file, className: around.className } };
  // Of a workflow that can't be parsed it is known who names it: a run tells the mistake.
  const naming = discovery.configs.filter(({ workflow, judge }) => workflow?.file === file || judge?.file === file);
  return naming.length === 1 ? { conf: naming[0]!.file } : {};
}

async function ofWorkflow(studio: Studio, workflow: NonNullable<RunTarget['workflow']>): Promise<ResolvedTarget | undefined> {
  const { file, className } = workflow;
  const configs = studio.discovery.configsOf({ file, className });
  if (configs.length > 0) return choose(studio, configs);
  const create = vscode.l10n.t('Create Config');
  const { tuned = [] } = studio.discovery.workflowsIn(file).find((one) => one.className === className) ?? {};
  const chosen = await vscode.window.showInformationMessage(withoutLinks(withoutConfig(file, className, tuned)), create);
  if (chosen !== create) return undefined;
  const made = await execute('tuningFork.createConfig', { file, className });
  return typeof made === 'string' ? resolved(studio, made) : undefined;
}

function withoutConfig(file: string, className: string, tuned: NonNullable<FoundWorkflow['tuned']>): string {
  const absent = tuned.find(({ config }) => config !== undefined)?.config;
  if (absent !== undefined) return vscode.l10n.t('tune() gets {0} with the configuration {1}, and there is no such file, neither beside it nor in its project.', className, absent);
  if (tuned.length > 0) return vscode.l10n.t('The call of tune() says in the code what {0} is trained with: "node {1}" trains it. With a configuration it runs here, too.', className, vscode.workspace.asRelativePath(file));
  return vscode.l10n.t('{0} has no configuration that says with which tasks, model and judge it runs.', className);
}

async function ofWorkspace(studio: Studio): Promise<ResolvedTarget | undefined> {
  const { configs, workflows } = studio.discovery;
  const runnable = configs.filter(({ workflow }) => workflow !== undefined);
  if (runnable.length > 0) return choose(studio, runnable);
  if (workflows.length === 1) return ofWorkflow(studio, workflows[0]!);
  if (workflows.length > 1) {
    const picked = await vscode.window.showQuickPick(workflows.map((workflow) => ({ ...labelOf(workflow), workflow })), {
      title: vscode.l10n.t('Which workflow?'), matchOnDescription: true,
    });
    return picked && ofWorkflow(studio, picked.workflow);
  }
  throw new NothingYetError('workflow', vscode.l10n.t('There is no workflow in this workspace.'), vscode.l10n.t('Make one, or look at an example.'));
}

async function choose(studio: Studio, configs: readonly FoundConfig[]): Promise<ResolvedTarget | undefined> {
  if (configs.length === 1) return resolved(studio, configs[0]!.file, configs[0]!.workflow);
  const { workspaceState } = studio.context;
  const last = workspaceState.get<string>(LAST);
  const items = configs.map(({ file, workflow }) => ({ label: vscode.workspace.asRelativePath(file), description: workflow?.className ?? '', file, workflow }));
  // The last choice is one key away.
  items.sort((a, b) => Number(b.file === last) - Number(a.file === last));
  const picked = await vscode.window.showQuickPick(items, { title: vscode.l10n.t('Which configuration?'), matchOnDescription: true });
  if (picked === undefined) return undefined;
  await workspaceState.update(LAST, picked.file);
  return resolved(studio, picked.file, picked.workflow);
}

function labelOf({ className, file }: FoundWorkflow): vscode.QuickPickItem {
  return { label: className, description: vscode.workspace.asRelativePath(file) };
}
