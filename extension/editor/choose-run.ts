/** Which run's values stand beside the code: another one, the newest again, or none. */
import * as vscode from 'vscode';
import { TuningForkError } from '../../runtime/protocol/errors.ts';
import type { Results, Target } from '../results/results.ts';
import { keyOf, type Board } from './board.ts';
import { rewardText } from './values.ts';

/** So many are told with their rewards; older ones without. */
const WITH_REWARDS = 20;

interface RunItem extends vscode.QuickPickItem {
  choice?: { run?: string };
  target?: Target;
}

/** True when something was chosen. */
export async function chooseRun(board: Board, results: Results, targets: readonly Target[]): Promise<boolean> {
  const items = (await Promise.all(targets.map((target) => itemsOf(board, results, target)))).flat();
  if (items.length === 0) throw new TuningForkError('usage', vscode.l10n.t('No run has told anything of this file yet.'), { next: vscode.l10n.t('Run rollouts of its workflow.') });
  const picked = await vscode.window.showQuickPick(items, { title: vscode.l10n.t('Show the values of which run?'), matchOnDescription: true, matchOnDetail: true });
  if (picked?.target === undefined) return false;
  board.choose(picked.target, picked.choice ?? {});
  return true;
}

async function itemsOf(board: Board, results: Results, target: Target): Promise<RunItem[]> {
  const runs = board.runsOf(target);
  if (runs.length === 0) return [];
  const { run: chosen } = board.choices[keyOf(target)] ?? {};
  const told = await Promise.all(runs.slice(0, WITH_REWARDS).map(({ dir }) => results.figures(dir)));
  const items = runs.map(({ dir, info }, at): RunItem => {
    const figures = told[at];
    const words = figures && rewardText({ ...figures, info: { ...info, source: undefined } }, undefined, vscode.l10n);
    return { label: new Date(info.created).toLocaleString(vscode.env.language, { dateStyle: 'medium', timeStyle: 'short' }), description: [kindOf(info.kind), info.policy].filter(Boolean).join(' · '), detail: words, choice: { run: dir }, target, ...(dir === chosen && { iconPath: new vscode.ThemeIcon('pinned') }) };
  });
  return [{ label: target.className, kind: vscode.QuickPickItemKind.Separator }, { label: `$(sync) ${vscode.l10n.t('Always the newest')}`, choice: {}, target }, ...items];
}

function kindOf(kind: string): string {
  return kind === 'training' ? vscode.l10n.t('Training') : kind === 'rejudge' ? vscode.l10n.t('Scored again') : vscode.l10n.t('Rollouts');
}
