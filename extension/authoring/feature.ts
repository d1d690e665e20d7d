/** Help while writing: broken contracts with their fixes in TypeScript; mistakes, completion and help texts in configurations. */
import * as vscode from 'vscode';
import type { Studio } from '../studio.ts';
import { ConfigHelp } from './config-help.ts';
import { missingPackage } from './missing-package.ts';
import { Problems } from './problems.ts';

export function registerAuthoring(studio: Studio): void {
  const problems = new Problems(studio);
  const help = new ConfigHelp(studio);
  const programs = [{ language: 'typescript', scheme: 'file' }, { language: 'typescriptreact', scheme: 'file' }];
  const fixes = { providedCodeActionKinds: [vscode.CodeActionKind.QuickFix] };
  const yaml = { language: 'yaml', scheme: 'file' };
  studio.context.subscriptions.push(
    problems,
    vscode.languages.registerCodeActionsProvider([...programs, yaml], problems, fixes),
    vscode.languages.registerCodeActionsProvider(programs, missingPackage, fixes),
    vscode.languages.registerCompletionItemProvider(yaml, help, ' ', '/', '>', ','),
    vscode.languages.registerHoverProvider(yaml, help),
  );
}
