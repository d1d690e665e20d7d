/** Tells of runs that appear, change or grow on the disk, so that those of a terminal are seen too. */
import { join, relative, sep } from 'node:path';
import * as vscode from 'vscode';

export type Change = 'info' | 'rollouts';

export class RunsWatcher implements vscode.Disposable {
  readonly #watchers = new Map<string, vscode.FileSystemWatcher>();
  readonly #tell: (dir: string, change: Change) => void;

  constructor(tell: (dir: string, change: Change) => void) {
    this.#tell = tell;
  }

  /** These folders of runs, beside those that are watched already. */
  watch(roots: readonly string[]): void {
    for (const root of roots) {
      if (this.#watchers.has(root)) continue;
      const watcher = vscode.workspace.createFileSystemWatcher(new vscode.RelativePattern(vscode.Uri.file(root), '*/*/*{,/run.json,/traces/*.idx}'));
      const tell = ({ fsPath }: vscode.Uri): void => {
        const [project, experiment, time, file] = relative(root, fsPath).split(sep);
        // A folder that goes away is told of alone, without what was in it.
        if (time !== undefined) this.#tell(join(root, project!, experiment!, time), file === 'traces' ? 'rollouts' : 'info');
      };
      watcher.onDidCreate(tell);
      watcher.onDidChange(tell);
      watcher.onDidDelete(tell);
      this.#watchers.set(root, watcher);
    }
  }

  dispose(): void {
    for (const watcher of this.#watchers.values()) watcher.dispose();
  }
}
