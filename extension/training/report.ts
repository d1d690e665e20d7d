/** What a training changed, as the page it wrote, in the language of the window: no script runs in it, nothing is fetched. */
import * as vscode from 'vscode';
import { TuningForkError } from '../../runtime/protocol/errors.ts';
import { reportPage } from '../../runtime/view/report-page.ts';
import type { RunPlace } from '../commands/table.ts';
import { NothingYetError, windowLanguage } from '../errors.ts';
import type { Studio } from '../studio.ts';
import { pickStored, storedTrainings } from './choose.ts';
import { storedReport } from './checkpoints.ts';

/** Before the page's own: whoever wrote the file, it may do no more than this. */
const POLICY = `<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">`;
/** The colours of the editor in place of the page's own. */
const COLOURS = `<style>:root, body { --ink: var(--vscode-editor-foreground); --quiet: var(--vscode-descriptionForeground); --paper: var(--vscode-editor-background);
--line: var(--vscode-contrastBorder, var(--vscode-widget-border, var(--vscode-descriptionForeground))); --own: var(--vscode-textCodeBlock-background);
--one: var(--vscode-charts-blue); --two: var(--vscode-charts-yellow) } body { font: var(--vscode-font-size) / 1.5 var(--vscode-font-family) } body pre { font-family: var(--vscode-editor-font-family) }
summary:focus-visible { outline: 1px solid var(--vscode-focusBorder) }</style>`;

export async function showReport(studio: Studio, place?: RunPlace): Promise<void> {
  const meant = place ?? await chooseReported(studio);
  if (meant === undefined) return;
  const stored = await storedReport(meant.dir);
  if (stored === undefined) {
    throw new TuningForkError('usage', vscode.l10n.t('The training {0} has no report yet.', meant.run), { next: vscode.l10n.t('It is written at the end.') });
  }
  const panel = vscode.window.createWebviewPanel('tuningFork.report', vscode.l10n.t('Report: {0}', stored.report.workflow), vscode.ViewColumn.Active, {
    enableScripts: false, enableFindWidget: true, localResourceRoots: [],
  });
  panel.webview.html = withEditorColours(reportPage(stored.report, windowLanguage()));
}

export function withEditorColours(page: string): string {
  return page.replace(/<html[^>]*>/, (html) => `${html}\n${POLICY}`).replace('</style>', `</style>${COLOURS}`);
}

async function chooseReported(studio: Studio): Promise<RunPlace | undefined> {
  const trainings = await storedTrainings(studio);
  const reports = await Promise.all(trainings.map(async (one) => (await storedReport(one.dir) === undefined ? [] : [one])));
  const reported = reports.flat();
  if (reported.length === 0) throw new NothingYetError('training', vscode.l10n.t('No training has written a report yet.'), vscode.l10n.t('"Start Training" begins one.'));
  return pickStored(reported, vscode.l10n.t('Which report?'));
}
