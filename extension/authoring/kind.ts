import type * as vscode from 'vscode';
import { isConfig, isProgram, isYaml, mentionsUs } from '../language/signs.ts';

/** By its name alone: asked at every key stroke. */
export function mayBeOurs({ uri: { scheme, fsPath } }: vscode.TextDocument): boolean {
  return scheme === 'file' && !/[\\/]node_modules[\\/]/.test(fsPath) && (isProgram(fsPath) || isYaml(fsPath));
}

/** Which of the two kinds of file that are ours it is, if any. */
export function kindOf(document: vscode.TextDocument): 'program' | 'config' | undefined {
  if (!mayBeOurs(document)) return undefined;
  const { fsPath } = document.uri;
  if (isProgram(fsPath)) return mentionsUs(document.getText()) ? 'program' : undefined;
  return isConfig(fsPath, document.getText()) ? 'config' : undefined;
}
