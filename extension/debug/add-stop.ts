/** Stops on meaning for those who don't know how their breakpoints are written: they are chosen, and added as function breakpoints. */
import * as vscode from 'vscode';
import type { Studio } from '../studio.ts';

type Kind = 'now' | 'model' | 'answer' | 'tool' | 'judge';

export async function addStop({ discovery }: Studio, session: vscode.DebugSession | undefined): Promise<void> {
  const kinds: (vscode.QuickPickItem & { at: Kind })[] = [
    { at: 'model', label: vscode.l10n.t('Before a model call'), detail: vscode.l10n.t('See the exact prompt, edit it, or answer in place of the model.'), iconPath: new vscode.ThemeIcon('comment') },
    { at: 'answer', label: vscode.l10n.t('After an answer'), detail: vscode.l10n.t('See what was sampled before the agent gets it.'), iconPath: new vscode.ThemeIcon('comment-discussion') },
    { at: 'tool', label: vscode.l10n.t('Before a tool runs'), detail: vscode.l10n.t('Tools of a Toolkit, with their arguments.'), iconPath: new vscode.ThemeIcon('tools') },
    { at: 'judge', label: vscode.l10n.t('Before the judge'), detail: vscode.l10n.t('The workflow has given its output, and nobody has graded it yet.'), iconPath: new vscode.ThemeIcon('law') },
  ];
  if (session !== undefined) kinds.unshift({ at: 'now', label: vscode.l10n.t('Right now'), detail: vscode.l10n.t('Holds the running rollouts at whatever they do next.'), iconPath: new vscode.ThemeIcon('debug-pause') });
  const picked = await vscode.window.showQuickPick(kinds, { title: vscode.l10n.t('Where are rollouts to be held?') });
  if (picked === undefined) return;
  if (picked.at === 'now') return pauseAll(session!);
  const name = picked.at === 'judge' ? '' : await askName(picked.at, [...new Set(discovery.workflows.flatMap(({ roles }) => roles))]);
  if (name === undefined) return;
  const written = name === '' ? picked.at : `${picked.at}:${name}`;
  if (vscode.debug.breakpoints.some((one) => one instanceof vscode.FunctionBreakpoint && one.functionName === written)) return;
  vscode.debug.addBreakpoints([new vscode.FunctionBreakpoint(written)]);
  await vscode.commands.executeCommand('workbench.debug.action.focusBreakpointsView');
}

/** Empty: all of them. Undefined: nobody wanted to say. */
async function askName(kind: Kind, roles: readonly string[]): Promise<string | undefined> {
  if (kind === 'tool') return (await vscode.window.showInputBox({ title: vscode.l10n.t('Which tool?'), prompt: vscode.l10n.t('Its name; empty for all tools.') }))?.trim();
  if (roles.length === 0) return '';
  const all = vscode.l10n.t('All roles');
  const picked = await vscode.window.showQuickPick([all, ...roles], { title: vscode.l10n.t('Of which role?') });
  return picked === undefined ? undefined : picked === all ? '' : picked;
}

async function pauseAll(session: vscode.DebugSession): Promise<void> {
  const { threads } = await session.customRequest('threads') as { threads: { id: number }[] };
  await Promise.all(threads.map(({ id }) => session.customRequest('pause', { threadId: id })));
}
