import { existsSync } from 'node:fs';
import { join } from 'node:path';
import * as vscode from 'vscode';
import { scaffold, TEMPLATES, type Template } from '../../runtime/cli/init/scaffold.ts';
import type { Studio } from '../studio.ts';
import { freeName, isFolderName } from './names.ts';
import { openFolder } from './later.ts';
import { showWorkflow } from './show.ts';
import { askFolder } from './place.ts';
import { ask, BACK, choose, write, type Answer, type Choice, type Where } from './steps.ts';

const LAST = 'tuningFork.lastTemplate';

interface Wanted {
  template: Template;
  name: string;
  /** The folder it is made in. */
  place: string;
}

export async function newWorkflow(studio: Studio): Promise<void> {
  const last = studio.context.globalState.get<Template>(LAST);
  const folder = vscode.workspace.workspaceFolders?.[0]?.uri.fsPath;
  const wanted = await ask<Partial<Wanted>>(vscode.l10n.t('New Workflow'), { template: last }, [askTemplate, (known, where) => askName(known, where, folder), askPlace]);
  if (wanted === undefined) return;
  const { template, name, place } = wanted as Wanted;
  await studio.context.globalState.update(LAST, template);
  const dir = join(place, name);
  await scaffold(dir, template);
  const workflow = join(dir, 'workflow.ts');
  if (vscode.workspace.getWorkspaceFolder(vscode.Uri.file(dir)) !== undefined) return showWorkflow(studio, workflow);
  await openFolder(studio, dir, workflow);
}

async function askTemplate({ template }: Partial<Wanted>, where: Where): Promise<Answer<Partial<Wanted>>> {
  const { l10n } = vscode;
  const about: Record<Template, [label: string, detail: string]> = {
    'tool-agent': [l10n.t('An Agent with a Tool'), l10n.t('It thinks, calls a calculator and answers; a judge of your own gives the reward.')],
    game: [l10n.t('A Game by Turns'), l10n.t('The model plays move by move in an environment, which gives the reward.')],
    'multi-agent': [l10n.t('Several Agents'), l10n.t('A solver and a checker, each in a role of its own; both are trained, or one of them.')],
    blank: [l10n.t('Next to Nothing'), l10n.t('One call of the model and a built-in judge.')],
  };
  const items = TEMPLATES.map((value): Choice<Template> => ({ value, label: about[value][0], description: value, detail: about[value][1] }));
  const answer = await choose(where, l10n.t('What to start from'), items, template);
  // Another template proposes another name.
  return answer === undefined || answer === BACK ? answer : { template: answer, ...(answer !== template && { name: undefined }) };
}

async function askName({ template, name }: Partial<Wanted>, where: Where, folder: string | undefined): Promise<Answer<Partial<Wanted>>> {
  const { l10n } = vscode;
  const taken = (text: string): boolean => folder !== undefined && existsSync(join(folder, text));
  const answer = await write(where, l10n.t('Name of its folder'), name ?? freeName(template === 'blank' ? 'my-agent' : template!, taken), (text) =>
    text === '' ? l10n.t('A name is wanted.')
    : !isFolderName(text) ? l10n.t('This can’t be the name of a folder.')
    : taken(text) ? l10n.t('{0} is there already.', text) : undefined);
  return answer === undefined || answer === BACK ? answer : { name: answer };
}

async function askPlace({ name }: Partial<Wanted>, where: Where): Promise<Answer<Partial<Wanted>>> {
  const { l10n } = vscode;
  const dialog = { openLabel: l10n.t('Make It Here'), title: l10n.t('The folder in which {0} is made', name!) };
  const answer = await askFolder(where, l10n.t('Where to make it'), dialog, (folder) => join(folder, name!));
  return answer === undefined || answer === BACK ? answer : { place: answer };
}
