import type * as vscode from 'vscode';
import { isConfig, isProgram, isYaml, mentionsUs } from '../language/signs.ts';

/** Which of the two kinds of file that are ours it is, if any. */
export function kindOf(document: vscode.TextDocument): 'program' | 'config' | undefined {
  const { uri: { scheme, fsPath } } = document;
  if (scheme !== 'file' || /[\\/]node_modules[\\/]/.test(fsPath)) return undefined;
  if (isProgram(fsPath)) return mentionsUs(document.getText()) ? 'program' : undefined;
  return isYaml(fsPath) && isConfig(fsPath, document.getText()) ? 'config' : undefined;
}
