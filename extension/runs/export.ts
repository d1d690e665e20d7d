/** A run as a file for other tools. It only reads, so an untrusted workspace can do it too. */
import { basename, dirname, join } from 'node:path';
import * as vscode from 'vscode';
import { TuningForkError } from '../../runtime/protocol/errors.ts';
import type { ExportChoice } from '../../runtime/protocol/viewer.ts';
import { openRunReader } from '../../runtime/trace/index.ts';
import { exportChosen, fileNameOf, type Exported } from '../../runtime/view/export.ts';
import type { RunPlace } from '../commands/table.ts';
import { showError } from '../errors.ts';
import type { Studio } from '../studio.ts';
import { withoutLinks } from '../without-links.ts';
import { pickRun } from './pick.ts';

const SAID_MS = 10_000;
const NAMES: Record<ExportChoice['format'], string> = { parquet: 'Parquet', csv: 'CSV', jsonl: 'JSON Lines' };

/** Where the last one went: the next one is likely to go there too. */
let folder: string | undefined;

export async function exportRun(studio: Studio, place?: RunPlace, asked?: ExportChoice | readonly RunPlace[]): Promise<void> {
  const run = place ?? await pickRun(studio, vscode.l10n.t('Export which run?'));
  if (run === undefined) return;
  const choice = asked !== undefined && 'format' in asked ? asked : await choose(run);
  if (choice === undefined) return;
  const reader = await openRunReader(run.dir);
  const target = await vscode.window.showSaveDialog({
    title: vscode.l10n.t('Export Run {0}', run.run),
    defaultUri: vscode.Uri.file(join(folder ?? run.project, fileNameOf(reader.info, choice))),
    filters: { [NAMES[choice.format]]: [choice.format] },
  });
  if (target === undefined) return;
  if (target.scheme !== 'file') throw new TuningForkError('usage', vscode.l10n.t('A run can be exported to a file of this machine only.'));
  folder = dirname(target.fsPath);
  const exported = await withProgress(run, (options) => exportChosen(reader, target.fsPath, choice, options));
  if (exported === undefined) return;
  vscode.window.setStatusBarMessage(`$(check) ${vscode.l10n.t('{0} rollouts written to {1}', exported.rollouts, basename(target.fsPath))}`, SAID_MS);
  if (exported.problems.length > 0) await showError(studio, exported.problems[0]);
}

async function choose({ run }: RunPlace): Promise<ExportChoice | undefined> {
  const kinds: { what: ExportChoice['what']; name: string; detail: string; formats: ExportChoice['format'][] }[] = [
    { what: 'rollouts', name: vscode.l10n.t('Rollouts'), detail: vscode.l10n.t('One row a rollout: task, reward, tokens, flags, error'), formats: ['parquet', 'csv', 'jsonl'] },
    { what: 'tokens', name: vscode.l10n.t('Tokens'), detail: vscode.l10n.t('One row a token: id, text, log-probability, whether it is trained and why not'), formats: ['parquet', 'csv', 'jsonl'] },
    { what: 'records', name: vscode.l10n.t('Whole rollouts'), detail: vscode.l10n.t('Everything that is kept of each: messages, tools, judge, tokens'), formats: ['jsonl'] },
  ];
  const items = kinds.flatMap(({ what, name, detail, formats }) => [
    { label: name, kind: vscode.QuickPickItemKind.Separator },
    ...formats.map((format) => ({ label: vscode.l10n.t('{0} as {1}', name, NAMES[format]), detail, choice: { what, format } })),
  ]);
  const picked = await vscode.window.showQuickPick(items, { title: vscode.l10n.t('Export Run {0}', run), placeHolder: vscode.l10n.t('What of it, and in which format?') });
  return picked !== undefined && 'choice' in picked ? picked.choice : undefined;
}

/** Undefined: it was cancelled, and nothing is left of it. The dialog has asked whether a file is replaced. */
async function withProgress({ run }: RunPlace, work: (options: NonNullable<Parameters<typeof exportChosen>[3]>) => Promise<Exported>): Promise<Exported | undefined> {
  const options = { location: vscode.ProgressLocation.Notification, title: withoutLinks(vscode.l10n.t('Exporting {0}…', run)), cancellable: true };
  return vscode.window.withProgress(options, async (bar, cancelled) => {
    const ending = new AbortController();
    cancelled.onCancellationRequested(() => ending.abort());
    let told = 0;
    try {
      return await work({
        overwrite: true, signal: ending.signal,
        progress: (done, total) => {
          const percent = Math.floor((done / total) * 100);
          if (percent <= told) return;
          bar.report({ increment: percent - told, message: vscode.l10n.t('{0} of {1} rollouts', done, total) });
          told = percent;
        },
      });
    } catch (error) {
      if (ending.signal.aborted) return undefined;
      throw error;
    }
  });
}
