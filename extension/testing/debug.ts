/** "Debug" in the Testing view: one thing at a time. */
import * as vscode from 'vscode';
import { DEBUG_TYPE } from '../../runtime/protocol/debug.ts';
import { readRolloutTest } from '../../runtime/trace/index.ts';
import { execute } from '../commands/table.ts';
import type { Studio } from '../studio.ts';
import type { TestItems } from './items.ts';
import { givenOf } from './saved-groups.ts';

export async function debugChosen(studio: Studio, tests: TestItems, chosen: readonly vscode.TestItem[]): Promise<void> {
  const [first] = chosen.flatMap((item) => (tests.subject(item)?.kind === 'saved' ? [...item.children].map(([, child]) => child) : [item]));
  const subject = first && tests.subject(first);
  switch (subject?.kind) {
    case 'workflow': return void await execute('tuningFork.debugRollouts', { workflow: subject.workflow });
    case 'config': return void await execute('tuningFork.debugRollouts', { conf: subject.config.file, workflow: subject.workflow });
    case 'task': return void await execute('tuningFork.debugRollouts', { conf: subject.config.file, workflow: subject.workflow, tasks: [subject.task] });
    case 'file': {
      const test = await readRolloutTest(subject.file);
      const { conf } = test;
      await studio.discovery.ready;
      await vscode.debug.startDebugging(vscode.workspace.getWorkspaceFolder(vscode.Uri.file(conf)), { type: DEBUG_TYPE, request: 'launch', name: first!.label, conf, workflow: givenOf(test, studio.discovery.configs)?.workflow, test: subject.file });
    }
  }
}
