/** The training that goes on, in one line at the left: reward, step, time left. A click shows what can be done with it. */
import * as vscode from 'vscode';
import { commandOf } from '../commands/table.ts';
import { isOver, sparkline, stepOf, timeLeft, type Training } from './progress.ts';
import { figure, percent, phaseText, timeText } from './texts.ts';
import type { Trainings } from './trainings.ts';

const PRIORITY = 50;

export class TrainingStatus implements vscode.Disposable {
  readonly #trainings: Trainings;
  readonly #subscription: vscode.Disposable;
  #item: vscode.StatusBarItem | undefined;

  constructor(trainings: Trainings) {
    this.#trainings = trainings;
    this.#subscription = trainings.onDidChange(() => this.#draw());
  }

  dispose(): void {
    this.#subscription.dispose();
    this.#item?.dispose();
  }

  /** The newest under way; else one that its backbone left behind. */
  get #shown(): Training | undefined {
    return this.#trainings.under.at(-1) ?? this.#trainings.all.findLast(({ state }) => state === 'interrupted');
  }

  #draw(): void {
    const training = this.#shown;
    if (training === undefined) return this.#item?.hide();
    this.#item ??= newItem();
    const others = this.#trainings.under.length - (isOver(training) ? 0 : 1);
    const text = [...figures(training), ...(others > 0 ? [vscode.l10n.t('{0} more', others)] : [])].join(' · ');
    this.#item.text = `$(${iconOf(training)}) ${text}`;
    this.#item.accessibilityInformation = { label: `${vscode.l10n.t('Training of {0}', training.info.workflow)}: ${stateText(training)}, ${text}` };
    this.#item.tooltip = tooltip(training, others);
    this.#item.command = commandOf('tuningFork.showTrainings', vscode.l10n.t('Trainings'));
    this.#item.show();
  }
}

function newItem(): vscode.StatusBarItem {
  const item = vscode.window.createStatusBarItem('tuningFork.training', vscode.StatusBarAlignment.Left, PRIORITY);
  item.name = vscode.l10n.t('Training');
  return item;
}

function iconOf({ state }: Training): string {
  return state === 'running' ? 'sync~spin' : state === 'paused' ? 'debug-pause' : 'warning';
}

function figures(training: Training): string[] {
  const { plan, steps, state, phase } = training;
  const last = steps.at(-1);
  if (state === 'interrupted') return [vscode.l10n.t('training interrupted'), ...(last === undefined ? [] : [vscode.l10n.t('step {0}', last.step)])];
  if (plan === undefined) return [vscode.l10n.t('training starts')];
  const left = state === 'paused' ? undefined : timeLeft(training);
  return [
    ...(last === undefined ? [phase === undefined ? vscode.l10n.t('training') : phaseText(phase)] : [vscode.l10n.t('reward {0}', figure(last.rewardMean))]),
    `${stepOf(training)}/${plan.steps}`,
    ...(state === 'paused' ? [vscode.l10n.t('paused')] : []),
    ...(left === undefined ? [] : [vscode.l10n.t('{0} left', timeText(left))]),
  ];
}

export function stateText({ state }: Training): string {
  const texts: Record<Training['state'], string> = {
    running: vscode.l10n.t('running'), paused: vscode.l10n.t('paused'), finished: vscode.l10n.t('finished'), failed: vscode.l10n.t('failed'),
    cancelled: vscode.l10n.t('stopped'), interrupted: vscode.l10n.t('interrupted'),
  };
  return texts[state];
}

function tooltip(training: Training, others: number): vscode.MarkdownString {
  const { info, steps, evaluations, phase, estimate, state } = training;
  const text = new vscode.MarkdownString(undefined, true);
  text.appendMarkdown('**').appendText(info.workflow).appendMarkdown('** · ').appendText(`${info.policy || info.run} · ${state === 'running' && phase !== undefined ? phaseText(phase) : stateText(training)}`).appendMarkdown('\n\n');
  const last = steps.at(-1);
  if (last !== undefined) {
    text.appendMarkdown(`\`${sparkline(steps.map(({ rewardMean }) => rewardMean))}\` ${vscode.l10n.t('reward {0}', figure(last.rewardMean))}\n\n`);
    text.appendMarkdown(table([
      [vscode.l10n.t('success'), percent(last.success)],
      [vscode.l10n.t('groups with spread'), `${last.groupsWithSpread}/${last.groups}`],
      ['KL', figure(last.kl, 3)],
      [vscode.l10n.t('entropy'), figure(last.entropy, 3)],
      [vscode.l10n.t('tokens/s'), Math.round(last.time.sampledPerSecond).toLocaleString('en')],
      [vscode.l10n.t('saved by sharing'), percent(last.saved)],
    ]));
  }
  const validated = evaluations.at(-1);
  if (validated !== undefined) {
    text.appendMarkdown(`\n\n${vscode.l10n.t('Validation after step {0}: greedy {1}, sampled {2}', validated.step, figure(validated.greedy.reward?.mean), figure(validated.sampled.reward?.mean))}`);
  }
  if (estimate !== undefined && estimate.minutes !== null) text.appendMarkdown(`\n\n${vscode.l10n.t('About {0} in all.', timeText(estimate.minutes * 60_000))}`);
  if (others > 0) text.appendMarkdown(`\n\n${vscode.l10n.t('{0} more trainings are under way.', others)}`);
  return text;
}

function table(rows: [string, string][]): string {
  return ['|||', '|:--|--:|', ...rows.map(([name, value]) => `|${name}|${value}|`)].join('\n');
}
