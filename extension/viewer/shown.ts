/** Editors of runs that are open, by folder, the one that was looked at last at the end: links go there, and back. */
import type * as vscode from 'vscode';
import type { ViewerEvent } from '../../runtime/protocol/viewer.ts';

export interface Shown {
  panel: vscode.WebviewPanel;
  tell(event: ViewerEvent): void;
}

export const shown = new Map<string, Shown>();

export function lookedAt(dir: string, one: Shown): void {
  shown.delete(dir);
  shown.set(dir, one);
}

export function tellForked(rollout: string): void {
  for (const { tell } of shown.values()) tell({ type: 'forked', rollout });
}
