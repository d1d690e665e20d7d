/** Above each workflow class: run, debug, train, and what the last run said; above a judge what its last change did. */
import * as vscode from 'vscode';
import { commandOf, type RunTarget } from '../commands/table.ts';
import type { FoundWorkflow } from '../discovery/discovery.ts';
import type { RunFigures } from '../results/figures.ts';
import type { LiveRun } from '../backbone/backbones.ts';
import { isSameFile, realPath } from '../real-path.ts';
import { setting } from '../settings.ts';
import type { Studio } from '../studio.ts';
import type { Board } from './board.ts';
import type { InlineValues } from './inline-values.ts';
import type { JudgeKeeper } from './judge-keeper.ts';
import { classLine } from './verdicts.ts';
import { decimal, spread } from './words.ts';

/** A plain blank behind an icon is swallowed. */
const NARROW = '\u00A0';

export class Lenses implements vscode.CodeLensProvider, vscode.Disposable {
  readonly #studio: Studio;
  readonly #board: Board;
  readonly #inline: InlineValues;
  readonly #keeper: JudgeKeeper;
  readonly #changed = new vscode.EventEmitter<void>();
  readonly onDidChangeCodeLenses = this.#changed.event;

  constructor(studio: Studio, board: Board, inline: InlineValues, keeper: JudgeKeeper) {
    this.#studio = studio;
    this.#board = board;
    this.#inline = inline;
    this.#keeper = keeper;
  }

  refresh(): void {
    this.#changed.fire();
  }

  provideCodeLenses(document: vscode.TextDocument): vscode.CodeLens[] {
    if (!setting('editor.codeLens', document)) return [];
    const { workflows, judges } = { workflows: this.#studio.discovery.workflowsIn(document.uri.fsPath), judges: this.#judgesIn(document) };
    return [...workflows.flatMap((workflow) => this.#ofWorkflow(document, workflow)), ...judges.flatMap(({ className, conf }) => this.#ofJudge(document, className, conf))];
  }

  dispose(): void {
    this.#changed.dispose();
  }

  #ofWorkflow(document: vscode.TextDocument, workflow: FoundWorkflow): vscode.CodeLens[] {
    const range = new vscode.Range(workflow.line, 0, workflow.line, 0);
    const { file, className } = workflow;
    const configs = this.#studio.discovery.configsOf({ file, className });
    const target: RunTarget = { workflow: { file, className }, ...(configs.length === 1 && { conf: configs[0]!.file }) };
    const actions = !vscode.workspace.isTrusted || !workflow.exported ? [] : [
      commandOf('tuningFork.runRollouts', `$(play)${NARROW}${vscode.l10n.t('Run Rollouts')}`, target),
      commandOf('tuningFork.debugRollouts', `$(debug-alt)${NARROW}${vscode.l10n.t('Debug')}`, target),
      commandOf('tuningFork.startTraining', `$(rocket)${NARROW}${vscode.l10n.t('Start Training')}`, target),
    ];
    const path = { file: realPath(file), className };
    const live = this.#studio.backbones.live.find(({ status: { info } }) => (info.kind === 'rollout' || info.kind === 'training') && configs.some((config) => isSameFile(config.file, info.conf)));
    const said = live === undefined ? this.#last(document, this.#board.shown(path)) : this.#live(live, this.#board.shown(path));
    return [...actions, ...(said === undefined ? [] : [said])].map((command) => new vscode.CodeLens(range, command));
  }

  /** `12/32 · 0.55` */
  #live(live: LiveRun, shown: RunFigures | undefined): vscode.Command {
    const { progress: { finished, failed, planned, rewards, rewardSum }, info } = live.status;
    const mean = rewards === 0 ? '' : ` · ${decimal(rewardSum / rewards)}`;
    const training = info.kind === 'training';
    const step = shown?.dir === live.dir && shown.step !== undefined ? `${vscode.l10n.t('step {0}', shown.step)}${shown.reward === undefined ? '' : ` · ${decimal(shown.reward.mean)}`}` : vscode.l10n.t('training');
    return { ...commandOf('tuningFork.showRun', `$(sync~spin)${NARROW}${training ? step : `${finished + failed}/${planned}${mean}`}`, live.dir), tooltip: vscode.l10n.t('Runs now: {0}', live.run) };
  }

  /** `last: 0.62 ± 0.21 (16)` */
  #last(document: vscode.TextDocument, shown: RunFigures | undefined): vscode.Command | undefined {
    if (shown === undefined || (shown.reward === undefined && shown.failed === 0)) return undefined;
    const said = shown.reward === undefined ? vscode.l10n.t('last: {0} failed', shown.failed) : vscode.l10n.t('last: {0} ({1})', spread(shown.reward), shown.reward.count);
    const edited = this.#inline.editedSince(document, shown).length > 0;
    const tooltip = [shown.info.run, ...(edited ? [vscode.l10n.t('The code was edited since.')] : [])].join('\n');
    const only = shown.total === 1 ? shown.best ?? shown.failure : undefined;
    const title = edited ? `$(history)${NARROW}${said}` : said;
    return { ...(only === undefined ? commandOf('tuningFork.showRun', title, shown.dir) : commandOf('tuningFork.openRollout', title, { dir: shown.dir, rollout: only })), tooltip };
  }

  #judgesIn({ uri: { fsPath } }: vscode.TextDocument): { className: string; conf: string }[] {
    const found = this.#studio.discovery.configs.flatMap(({ file, judge }) => (judge?.file === fsPath ? [{ className: judge.className, conf: file }] : []));
    return [...new Map(found.map((one) => [one.className, one])).values()];
  }

  #ofJudge(document: vscode.TextDocument, className: string, conf: string): vscode.CodeLens[] {
    const line = classLine(document.getText(), className);
    const state = this.#keeper.stateOf(conf);
    if (line === undefined || state === undefined) return [];
    const range = new vscode.Range(line, 0, line, 0);
    switch (state.now) {
      case 'scoring': return [new vscode.CodeLens(range, { title: `$(sync~spin)${NARROW}${vscode.l10n.t('Scoring {0} rollouts again', state.rollouts)}`, command: '' })];
      case 'too-many': return [new vscode.CodeLens(range, commandOf('tuningFork.rejudgeRun', `$(refresh)${NARROW}${vscode.l10n.t('Score {0} Rollouts Again', state.rollouts)}`, state.place))];
      case 'failed': return [new vscode.CodeLens(range, { command: 'workbench.actions.view.problems', title: `$(error)${NARROW}${vscode.l10n.t('not scored again')}`, tooltip: state.message })];
      case 'scored': return [new vscode.CodeLens(range, commandOf('tuningFork.showRun', vscode.l10n.t('scored again: {0}', state.moved), state.dir))];
    }
  }
}
