/** Runs what was chosen in the Testing view. */
import type * as vscode from 'vscode';
import { errorInfo } from '../../runtime/protocol/errors.ts';
import { requireTrust } from '../backbone/backbones.ts';
import type { Studio } from '../studio.ts';
import type { TestItems } from './items.ts';
import { messageOf } from './messages.ts';
import { Results } from './results.ts';
import { readSaved, runSaved } from './run-saved.ts';
import { runTasks, type ChosenTasks } from './run-tasks.ts';
import { groupsOf } from './saved-groups.ts';

export async function runChosen(studio: Studio, tests: TestItems, run: vscode.TestRun, chosen: readonly vscode.TestItem[], token: vscode.CancellationToken): Promise<void> {
  const results = new Results(run);
  try {
    requireTrust();
    const { tasks, files } = await plan(tests, chosen);
    for (const one of tasks) if (!token.isCancellationRequested) await runTasks(studio, tests, one, results, token);
    for (const group of groupsOf(await readSaved(run, files), studio.discovery.configs)) if (!token.isCancellationRequested) await runSaved(studio, group, results, token);
  } catch (error) {
    for (const item of chosen) run.errored(item, messageOf(errorInfo(error)));
  } finally {
    results.end();
  }
}

/** One run for each configuration. Of a workflow or a configuration as a whole the first tasks are run, as "Run Rollouts" does. */
async function plan(tests: TestItems, chosen: readonly vscode.TestItem[]): Promise<{ tasks: ChosenTasks[]; files: vscode.TestItem[] }> {
  const configs = new Map<string, ChosenTasks>();
  const files = new Set<vscode.TestItem>();
  const add = (item: vscode.TestItem): void => {
    const subject = tests.subject(item);
    if (subject?.kind === 'config') configs.set(item.id, { item, config: subject.config, workflow: subject.workflow, tasks: undefined });
    if (subject?.kind !== 'task') return;
    const parent = item.parent!;
    const known = configs.get(parent.id);
    if (known === undefined) configs.set(parent.id, { item: parent, config: subject.config, workflow: subject.workflow, tasks: [item] });
    else known.tasks?.push(item);
  };
  for (const item of chosen) {
    switch (tests.subject(item)?.kind) {
      case 'workflow':
        await tests.resolve(item);
        for (const [, child] of item.children) add(child);
        break;
      case 'saved':
        for (const [, child] of item.children) files.add(child);
        break;
      case 'file':
        files.add(item);
        break;
      default:
        add(item);
    }
  }
  return { tasks: [...configs.values()], files: [...files] };
}
