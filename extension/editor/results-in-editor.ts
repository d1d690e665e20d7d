/** What runs said, in the editor: the parts and how they hang together. Loaded once an editor shows code of ours. */
import * as vscode from 'vscode';
import type { RunPlace } from '../commands/table.ts';
import { readRunInfo } from '../../runtime/trace/index.ts';
import type { Target } from '../results/results.ts';
import { realPath } from '../real-path.ts';
import type { Studio } from '../studio.ts';
import { Board, type Choice } from './board.ts';
import { chooseRun } from './choose-run.ts';
import { InlineValues } from './inline-values.ts';
import { JudgeKeeper } from './judge-keeper.ts';
import { Lenses } from './lenses.ts';
import { ValuesStatus } from './values-status.ts';
import { WorkspaceResults } from './workspace-results.ts';

const CHOICES = 'tuningFork.inlineChoices';
/** News of several runs at once are drawn once. */
const DRAW_MS = 100;

export class ResultsInEditor implements vscode.Disposable {
  readonly lenses: Lenses;
  readonly inline: InlineValues;
  readonly #studio: Studio;
  readonly #source: WorkspaceResults;
  readonly #board: Board;
  readonly #keeper: JudgeKeeper;
  readonly #subscriptions: { dispose(): void }[];
  #drawing: NodeJS.Timeout | undefined;

  constructor(studio: Studio) {
    this.#studio = studio;
    this.#source = new WorkspaceResults(studio);
    const { results } = this.#source;
    const theOnly = (path: string): string | undefined => studio.discovery.workflows.find(({ file }) => realPath(file) === path)?.className;
    this.#board = new Board(results, studio.context.workspaceState.get<Record<string, Choice>>(CHOICES), theOnly);
    this.inline = new InlineValues(studio, this.#board);
    this.#keeper = new JudgeKeeper(studio, results, this.#board);
    this.lenses = new Lenses(studio, this.#board, this.inline, this.#keeper);
    const status = new ValuesStatus(this.inline);
    const draw = (): void => this.#draw();
    this.#subscriptions = [
      this.#source, this.inline, this.#keeper, this.lenses, status,
      { dispose: results.onChange(draw) },
      studio.discovery.onDidChange(draw),
      studio.backbones.onDidChangeLive(draw),
      vscode.workspace.onDidChangeConfiguration((event) => {
        if (event.affectsConfiguration('tuningFork.editor')) draw();
      }),
      vscode.workspace.onDidGrantWorkspaceTrust(draw),
      this.#keeper.onDidChange(() => this.lenses.refresh()),
      this.inline.onDidChange(() => this.lenses.refresh()),
    ];
    this.inline.refresh();
  }

  async rejudge(place: RunPlace | undefined): Promise<void> {
    const dir = place?.dir ?? this.#targets().map((target) => this.#board.shown(target)?.dir).find((dir) => dir !== undefined) ?? this.#source.results.runs[0]?.dir;
    if (dir === undefined) return void vscode.window.showInformationMessage(vscode.l10n.t('There is no run yet.'));
    await this.#keeper.rejudge({ dir, info: await readRunInfo(dir) });
    this.inline.refresh();
  }

  async choose(file?: string): Promise<void> {
    if (await chooseRun(this.#board, this.#source.results, this.#targets(file))) await this.#chosen();
  }

  async clear(file?: string): Promise<void> {
    for (const target of this.#targets(file)) this.#board.choose(target, { cleared: this.#source.results.runs[0]?.info.created ?? '' });
    await this.#chosen();
  }

  dispose(): void {
    clearTimeout(this.#drawing);
    for (const one of this.#subscriptions) one.dispose();
  }

  async #chosen(): Promise<void> {
    await this.#studio.context.workspaceState.update(CHOICES, this.#board.choices);
    this.inline.refresh();
  }

  #targets(file = activeFile()): Target[] {
    return file === undefined ? [] : this.inline.targetsOf(file);
  }

  #draw(): void {
    this.#drawing ??= setTimeout(() => {
      this.#drawing = undefined;
      this.inline.refresh();
      this.lenses.refresh();
    }, DRAW_MS);
  }
}

function activeFile(): string | undefined {
  const uri = vscode.window.activeTextEditor?.document.uri;
  return uri?.scheme === 'file' ? uri.fsPath : undefined;
}
