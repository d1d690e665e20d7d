import { basename, join } from 'node:path';
import * as vscode from 'vscode';
import type { Studio } from '../studio.ts';
import { copyExamples, EXAMPLES, FOLDER, type Example } from './copy-examples.ts';
import { openFolder } from './later.ts';
import { showWorkflow } from './show.ts';
import { askFolder } from './place.ts';
import { ask, BACK, choose, type Answer, type Choice, type Where } from './steps.ts';

const LAST = 'tuningFork.lastExample';

interface Wanted {
  example: Example;
  place: string;
}

/** The extension's own folder is never worked in: an update would take it away. */
export async function openExample(studio: Studio, name?: string): Promise<void> {
  const { l10n } = vscode;
  const asked = EXAMPLES.find((one) => one === name);
  const start: Partial<Wanted> = { example: asked ?? studio.context.globalState.get<Example>(LAST) };
  const wanted = await ask(l10n.t('Open Example'), start, [...(asked === undefined ? [askExample] : []), askPlace]);
  if (wanted === undefined) return;
  const { example, place } = wanted as Wanted;
  await studio.context.globalState.update(LAST, example);
  const dir = basename(place) === FOLDER ? place : join(place, FOLDER);
  const workflow = join(dir, 'examples', example, 'workflow.ts');
  await copyExamples(dir);
  if (vscode.workspace.getWorkspaceFolder(vscode.Uri.file(dir)) !== undefined) return showWorkflow(studio, workflow);
  await openFolder(studio, dir, workflow);
}

async function askExample({ example }: Partial<Wanted>, where: Where): Promise<Answer<Partial<Wanted>>> {
  const { l10n } = vscode;
  const about: Record<Example, string> = {
    'math-agent': l10n.t('Word problems with a calculator: one tool, the built-in judge math_answer.'),
    countdown: l10n.t('Three numbers to a target: one call, thinking line by line.'),
    frozenlake: l10n.t('A game by turns: the environment gives the reward.'),
    duel: l10n.t('Two roles: one is trained against its frozen self.'),
  };
  const answer = await choose(where, l10n.t('The example to copy and open'), EXAMPLES.map((value): Choice<Example> => ({ value, label: value, detail: about[value] })), example);
  return answer === undefined || answer === BACK ? answer : { example: answer };
}

async function askPlace(_: Partial<Wanted>, where: Where): Promise<Answer<Partial<Wanted>>> {
  const { l10n } = vscode;
  const dialog = { openLabel: l10n.t('Copy It Here'), title: l10n.t('The folder to copy the examples to') };
  const answer = await askFolder(where, l10n.t('Where to copy it to'), dialog, (folder) => join(folder, FOLDER));
  return answer === undefined || answer === BACK ? answer : { place: answer };
}
