/** Rollouts that were saved as tests, from their records. A run in which all pass has nothing to tell, and is not kept. */
import { dirname, join } from 'node:path';
import type * as vscode from 'vscode';
import { projectFolder } from '../../runtime/backbone/location.ts';
import { errorInfo } from '../../runtime/protocol/errors.ts';
import { deleteRun, difference, readRolloutTest, testNames, type RolloutTest } from '../../runtime/trace/index.ts';
import { sentenceOf } from '../errors.ts';
import { launch } from '../runs/launch.ts';
import { readerOf } from '../runs/readers.ts';
import { saveDirty } from '../runs/target.ts';
import type { Studio } from '../studio.ts';
import { located, messageOf } from './messages.ts';
import { print, type Results } from './results.ts';
import type { SavedGroup } from './saved-groups.ts';
import { terminalText } from './terminal-text.ts';

export interface SavedTest {
  item: vscode.TestItem;
  file: string;
  test: RolloutTest;
}

/** Those that can't be read fail at once. */
export async function readSaved(run: vscode.TestRun, items: readonly vscode.TestItem[]): Promise<SavedTest[]> {
  const saved: SavedTest[] = [];
  for (const item of items) {
    const file = item.uri!.fsPath;
    try {
      saved.push({ item, file, test: await readRolloutTest(file) });
    } catch (error) {
      const info = errorInfo(error);
      run.errored(item, located(messageOf(info), info.where));
    }
  }
  return saved;
}

export async function runSaved(studio: Studio, { conf, given, tests: group }: SavedGroup<SavedTest>, results: Results, token: vscode.CancellationToken): Promise<void> {
  const { run } = results;
  for (const { item } of group) run.started(item);
  try {
    const project = projectFolder(dirname(conf));
    await saveDirty(project);
    const { live: { dir }, error } = await launch(studio, {
      project, quiet: true, token, title: conf, request: { kind: 'test', conf, workflow: given?.workflow, test: { files: group.map(({ file }) => file) } },
      onEvent: (event) => print(run, event),
    });
    if (error !== undefined) return group.forEach(({ item }) => run.errored(item, located(messageOf(error), error.where)));
    const passed = await tellEach(dir, group, results);
    if (passed === group.length) await deleteRun(join(dir, '../../..'), dir);
  } catch (error) {
    const info = errorInfo(error);
    for (const { item } of group) run.errored(item, located(messageOf(info), info.where));
  }
}

/** How many passed. */
async function tellEach(dir: string, group: readonly SavedTest[], results: Results): Promise<number> {
  const reader = await readerOf(dir);
  let passed = 0;
  for (const [i, name] of testNames(group.map(({ test }) => test)).entries()) {
    const { item, test } = group[i]!;
    const index = reader.find(name);
    if (index < 0 || reader.entry(index).status === 'cancelled') {
      results.push((run) => run.skipped(item));
      continue;
    }
    const again = await reader.read(index);
    const wrong = difference(test, again);
    if (wrong === undefined) {
      passed++;
      results.push((run) => run.passed(item, again.duration));
    } else {
      const message = located(messageOf(wrong, { dir, rollout: name }), wrong.where);
      results.push((run) => run.appendOutput(terminalText(`${name}  ${sentenceOf(wrong)}\n`), message.location, item));
      results.push((run) => run.failed(item, message, again.duration));
    }
  }
  return passed;
}
