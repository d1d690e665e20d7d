/** TypeScript says that it doesn't find `tuning-fork`: the package is one click away. */
import * as vscode from 'vscode';
import { commandOf } from '../commands/table.ts';

/** What TypeScript says of a module it can't find, and of one it finds no types for. */
const NOT_FOUND = [2307, 2792, 7016];

export const missingPackage: vscode.CodeActionProvider = {
  provideCodeActions(document, _range, { diagnostics }) {
    const told = diagnostics.filter((one) => one.source === 'ts' && NOT_FOUND.includes(Number(one.code)) && /^['"]tuning-fork['"/]/.test(document.getText(one.range)));
    if (told.length === 0) return [];
    const title = vscode.l10n.t('Add tuning-fork to This Project');
    const action = new vscode.CodeAction(title, vscode.CodeActionKind.QuickFix);
    action.command = commandOf('tuningFork.addPackage', title, document.uri.fsPath);
    action.diagnostics = told;
    action.isPreferred = true;
    return [action];
  },
};
