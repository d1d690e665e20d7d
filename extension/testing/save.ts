/** "Save Rollout as Test": its record becomes a file of the project, and is run at once to see that it holds. */
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import * as vscode from 'vscode';
import { projectFolder } from '../../runtime/backbone/location.ts';
import { rolloutTest, TEST_SUFFIX, writeRolloutTest } from '../../runtime/trace/index.ts';
import type { RolloutPlace } from '../commands/table.ts';
import { pickRollout } from '../runs/pick.ts';
import { readerOf } from '../runs/readers.ts';
import type { Studio } from '../studio.ts';

/** The file; undefined where nobody gave it a name. */
export async function saveAsTest(studio: Studio, place?: RolloutPlace): Promise<string | undefined> {
  const which = place ?? await pickRollout(studio, vscode.l10n.t('Save which rollout as a test?'));
  if (which === undefined) return undefined;
  const reader = await readerOf(which.dir);
  const record = await reader.read(which.rollout);
  const folder = join(projectFolder(dirname(reader.info.conf)), 'tests', 'rollouts');
  const fileOf = (name: string): string => join(folder, `${name.trim()}${TEST_SUFFIX}`);
  // Refused before anybody has thought of a name.
  rolloutTest(record, reader.info, fileOf('test'));
  const name = await vscode.window.showInputBox({
    title: vscode.l10n.t('Save Rollout as Test'),
    prompt: vscode.l10n.t('A name for tests/rollouts/<name>.rollout.json. It runs your code again with the recorded answers, and needs no model.'),
    value: `${record.taskId}-${record.rollout}`.replace(/[^\p{L}\p{N}._-]+/gu, '-').slice(0, 80),
    validateInput: (text) => {
      if (!/^[\p{L}\p{N}_][\p{L}\p{N}._ -]*$/u.test(text.trim())) return vscode.l10n.t('A name has letters, digits, dots, dashes and underscores.');
      return existsSync(fileOf(text)) ? { message: vscode.l10n.t('There is one of this name; it will be replaced.'), severity: vscode.InputBoxValidationSeverity.Warning } : undefined;
    },
  });
  if (name === undefined) return undefined;
  const file = fileOf(name);
  await mkdir(folder, { recursive: true });
  await writeRolloutTest(file, rolloutTest(record, reader.info, file));
  vscode.window.setStatusBarMessage(`$(beaker) ${vscode.l10n.t('Saved as {0}', vscode.workspace.asRelativePath(file))}`, 10_000);
  return file;
}
