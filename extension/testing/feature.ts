/** The Testing view: tasks of workflows, and saved rollouts. What stands there is looked for when the view is opened. */
import * as vscode from 'vscode';
import { command } from '../commands/table.ts';
import type { Studio } from '../studio.ts';
import type { TestItems } from './items.ts';

export function registerTesting(studio: Studio): void {
  const { subscriptions } = studio.context;
  const controller = vscode.tests.createTestController('tuningFork', 'Tuning Fork');
  subscriptions.push(controller);

  let loaded: Promise<TestItems> | undefined;
  const items = (): Promise<TestItems> => loaded ??= import('./items.ts').then(({ TestItems }) => {
    const made = new TestItems(studio, controller);
    subscriptions.push(made);
    return made;
  });
  const run = async ({ include, exclude = [] }: Pick<vscode.TestRunRequest, 'include' | 'exclude'>, request: vscode.TestRunRequest, token: vscode.CancellationToken): Promise<void> => {
    const tests = await items();
    const { runChosen } = await import('./run.ts');
    const chosen = (include ?? [...controller.items].map(([, item]) => item)).filter((item) => !exclude.includes(item));
    await runChosen(studio, tests, controller.createTestRun(request), chosen, token);
  };

  controller.resolveHandler = async (item) => (await items()).resolve(item);
  controller.refreshHandler = async () => (await items()).refresh();
  controller.createRunProfile(vscode.l10n.t('Run'), vscode.TestRunProfileKind.Run, (request, token) => run(request, request, token), true);
  controller.createRunProfile(vscode.l10n.t('Debug'), vscode.TestRunProfileKind.Debug, async (request) => {
    const { debugChosen } = await import('./debug.ts');
    await debugChosen(studio, await items(), request.include ?? [...controller.items].map(([, item]) => item));
  }, true);

  command(studio, 'tuningFork.saveRolloutAsTest', async (rollout) => {
    const file = await (await import('./save.ts')).saveAsTest(studio, rollout);
    if (file === undefined || !vscode.workspace.isTrusted) return file;
    const request = new vscode.TestRunRequest([await (await items()).fileItem(file)]);
    await run(request, request, new vscode.CancellationTokenSource().token);
    return file;
  });
}
