import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import * as vscode from 'vscode';
import { projectFolder } from '../../runtime/backbone/location.ts';
import type { FoundWorkflow } from '../discovery/discovery.ts';
import { NothingYetError } from '../errors.ts';
import type { Studio } from '../studio.ts';
import { draftConfig, findData } from './config-draft.ts';
import { freeName, kebab } from './names.ts';

/** The file, so that whoever wanted to run can go on. */
export async function createConfig(studio: Studio, asked?: { file: string; className: string }): Promise<string | undefined> {
  const workflow = await workflowFor(studio, asked);
  if (workflow === undefined) return undefined;
  const dir = dirname(workflow.file);
  const project = projectFolder(dir);
  // The usual name goes to the only configuration of a folder.
  const name = freeName(existsSync(join(dir, 'tuning-fork.yaml')) ? kebab(workflow.className) : 'tuning-fork', (one) => existsSync(join(dir, `${one}.yaml`)));
  const file = join(dir, `${name}.yaml`);
  const source = await vscode.workspace.openTextDocument(workflow.file);
  const text = draftConfig({
    file, workflow, grades: await studio.sources.ask('grades', source.getText(), workflow.file, workflow.className), data: await findData(dir, project),
    schema: [dir, project].map((folder) => join(folder, 'node_modules/tuning-fork/snippets/tuning-fork.schema.json')).find((path) => existsSync(path)),
    // A judge is meant for what stands beside it.
    judges: studio.discovery.judges.filter((judge) => dirname(judge.file) === dir),
  });
  await writeFile(file, text, { flag: 'wx' });
  await vscode.window.showTextDocument(await vscode.workspace.openTextDocument(file), { preview: false });
  return file;
}

/** The one that is asked for, else the one in the editor, else the only one there is, else one is chosen. */
async function workflowFor({ discovery }: Studio, asked: { file: string; className: string } | undefined): Promise<FoundWorkflow | undefined> {
  await discovery.ready;
  const { l10n, window } = vscode;
  if (asked !== undefined) return discovery.workflowsIn(asked.file).find(({ className }) => className === asked.className);
  const active = window.activeTextEditor?.document.uri.fsPath;
  const here = active === undefined ? [] : discovery.workflowsIn(active);
  const candidates = (here.length > 0 ? here : discovery.workflows).filter(({ exported }) => exported);
  if (candidates.length === 0) throw new NothingYetError('workflow', l10n.t('There is no exported workflow class in this workspace.'), l10n.t('Make one, or look at an example.'));
  if (candidates.length === 1) return candidates[0];
  const items = candidates.map((workflow) => ({ workflow, label: `$(symbol-class) ${workflow.className}`, description: vscode.workspace.asRelativePath(workflow.file) }));
  return (await window.showQuickPick(items, { title: l10n.t('Create Config'), placeHolder: l10n.t('The workflow it is for'), matchOnDescription: true }))?.workflow;
}
