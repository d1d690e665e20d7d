/**
 * How each node of the Runs tree looks.
 *
 * `contextValue`s, for `when` clauses on `viewItem`:
 * - `run.<kind>.<state>` with kind `rollout | training | replay | check | rejudge | test` and state `running | paused | finished | failed | cancelled |
 *   interrupted` (its process died; a training can go on from what it saved). Only trainings are `paused`.
 * - `step`, `task`, `rollout.<finished | failed | cancelled>`, `project`, `more`.
 */
import { basename } from 'node:path';
import * as vscode from 'vscode';
import type { RunStatus } from '../../../runtime/protocol/backbone.ts';
import type { IndexEntry } from '../../../runtime/trace/index.ts';
import { commandOf } from '../../commands/table.ts';
import { decimal, duration, progressText, rolloutCount } from '../../runs/progress-text.ts';
import { stateOf, type RunState } from './library.ts';
import type { MoreNode, ProjectNode, RolloutNode, RunNode, StepNode, TaskNode } from './nodes.ts';
import type { RunIndex, Tally } from './run-index.ts';

const { Collapsed, None } = vscode.TreeItemCollapsibleState;

const PASSED = new vscode.ThemeColor('testing.iconPassed');
const FAILED = new vscode.ThemeColor('testing.iconFailed');
const SKIPPED = new vscode.ThemeColor('testing.iconSkipped');
const QUEUED = new vscode.ThemeColor('testing.iconQueued');

const STATE_ICONS: Record<RunState | 'paused', vscode.ThemeIcon> = {
  running: new vscode.ThemeIcon('loading~spin'),
  paused: new vscode.ThemeIcon('debug-pause'),
  finished: new vscode.ThemeIcon('pass', PASSED),
  failed: new vscode.ThemeIcon('error', FAILED),
  cancelled: new vscode.ThemeIcon('circle-slash', SKIPPED),
  interrupted: new vscode.ThemeIcon('debug-disconnect', QUEUED),
};

const SOME_FAILED = new vscode.ThemeIcon('warning', new vscode.ThemeColor('list.warningForeground'));

export function runItem(node: RunNode, live: RunStatus | undefined, tally: Tally | undefined): vscode.TreeItem {
  const { info } = node.stored;
  const state = runState(node, live);
  const item = new vscode.TreeItem(info.kind === 'rollout' ? info.workflow : `${info.workflow} · ${kindText(info)}`, Collapsed);
  item.id = node.dir;
  item.iconPath = iconOf(state, tally);
  item.contextValue = `run.${info.kind}.${state}`;
  const counts = live === undefined || info.kind === 'training' ? tallyText(tally) : progressText(live.progress, vscode.l10n);
  const words = [...(state === 'finished' || state === 'running' ? [] : [stateName(state)]), counts, when(info.created)].filter((word) => word !== '');
  item.description = words.join(' · ');
  item.accessibilityInformation = { label: [item.label as string, stateName(state), ...words].join(', ') };
  return item;
}

export function runState({ stored: { info } }: RunNode, live: RunStatus | undefined): RunState | 'paused' {
  if (live?.info.state === 'running') return live.paused === true ? 'paused' : 'running';
  return stateOf(info);
}

/** A run that came to its end may have brought nothing but failures. */
function iconOf(state: RunState | 'paused', tally: Tally | undefined): vscode.ThemeIcon {
  if (state !== 'finished' || tally === undefined || tally.failed === 0) return STATE_ICONS[state];
  return tally.failed === tally.rollouts ? STATE_ICONS.failed : SOME_FAILED;
}

export function stepItem({ parent, group }: StepNode): vscode.TreeItem {
  const { split, step, tally } = group;
  const item = new vscode.TreeItem(split === 'validation' ? vscode.l10n.t('Validation after step {0}', step) : vscode.l10n.t('Step {0}', step), Collapsed);
  item.id = `${parent.dir} ${split} ${step}`;
  item.iconPath = new vscode.ThemeIcon(split === 'validation' ? 'checklist' : 'milestone');
  item.contextValue = 'step';
  item.description = tallyText(tally);
  return item;
}

export function taskItem(node: TaskNode, index: RunIndex): vscode.TreeItem {
  const { step, group } = node;
  const entries = node.entries(index);
  const item = new vscode.TreeItem(entries[0]!.task, Collapsed);
  item.id = `${step.parent.dir} ${step.group.split} ${step.group.step} ${group.taskIndex}`;
  item.contextValue = 'task';
  const tally: Tally = { rollouts: entries.length, failed: 0, rewards: 0, rewardSum: 0 };
  for (const { status, reward } of entries) {
    if (status === 'failed') tally.failed++;
    if (reward !== null) {
      tally.rewards++;
      tally.rewardSum += reward;
    }
  }
  item.description = tallyText(tally);
  const right = entries.filter(({ success }) => success === true).length;
  const judged = entries.filter(({ success }) => success !== null).length;
  item.iconPath = tally.failed === entries.length ? new vscode.ThemeIcon('error', FAILED)
    : judged > 0 && right === judged ? new vscode.ThemeIcon('pass', PASSED)
    : judged > 0 && right === 0 ? new vscode.ThemeIcon('circle-large-outline')
    : new vscode.ThemeIcon('list-unordered');
  return item;
}

export function rolloutItem({ task, entry, dir, rollout }: RolloutNode): vscode.TreeItem {
  const { group } = task.step;
  const item = new vscode.TreeItem(group.repeated ? entry.id : entry.task, None);
  item.id = `${dir} ${entry.id}`;
  item.contextValue = `rollout.${entry.status}`;
  item.iconPath = rolloutIcon(entry);
  const words = [outcome(entry), duration(entry.duration), ...flagNames(entry), ...(group.repeated ? [] : [entry.id])];
  item.description = words.join(' · ');
  item.accessibilityInformation = { label: [item.label as string, vscode.l10n.t('reward'), ...words, successName(entry)].filter((word) => word !== '').join(', ') };
  item.command = commandOf('tuningFork.openRollout', vscode.l10n.t('Open Rollout'), { dir, rollout });
  return item;
}

export function moreItem({ parent, left }: MoreNode): vscode.TreeItem {
  const item = new vscode.TreeItem(vscode.l10n.t('Show more…'), None);
  item.id = `${parent.kind === 'project' ? parent.project : parent.kind === 'run' ? parent.dir : stepOf(parent)} more ${left}`;
  item.description = vscode.l10n.t('{0} left', left.toLocaleString());
  item.iconPath = new vscode.ThemeIcon('ellipsis');
  item.contextValue = 'more';
  return item;
}

export function projectItem({ project }: ProjectNode): vscode.TreeItem {
  const item = new vscode.TreeItem(basename(project), vscode.TreeItemCollapsibleState.Expanded);
  item.id = project;
  const path = vscode.workspace.asRelativePath(project);
  item.description = path === item.label ? '' : path;
  item.iconPath = new vscode.ThemeIcon('root-folder');
  item.contextValue = 'project';
  return item;
}

function stepOf(node: StepNode | TaskNode): string {
  const step = node.kind === 'step' ? node : node.step;
  return `${step.parent.dir} ${step.group.split} ${step.group.step} ${node.kind === 'task' ? node.group.taskIndex : ''}`;
}

function rolloutIcon({ status, success, reward }: IndexEntry): vscode.ThemeIcon {
  if (status === 'failed') return new vscode.ThemeIcon('error', FAILED);
  if (status === 'cancelled') return new vscode.ThemeIcon('circle-slash', SKIPPED);
  if (success === true) return new vscode.ThemeIcon('pass', PASSED);
  if (success === false) return new vscode.ThemeIcon('close');
  return new vscode.ThemeIcon(reward === null ? 'circle-outline' : 'circle-filled');
}

function outcome({ status, reward }: IndexEntry): string {
  if (status === 'finished') return reward === null ? '–' : decimal(reward);
  return stateName(status);
}

function successName({ success }: IndexEntry): string {
  return success === null ? '' : success ? vscode.l10n.t('right') : vscode.l10n.t('wrong');
}

function flagNames({ flags, status }: IndexEntry): string[] {
  return flags.filter((flag) => flag === 'truncated' || flag === 'malformed' || flag === 'fork' || (status === 'failed' && flag.startsWith('error:'))).map((flag) => flag.replace(/^error:/, ''));
}

export function tallyText(tally: Tally | undefined): string {
  if (tally === undefined || tally.rollouts === 0) return '';
  return [
    ...(tally.rewards === 0 ? [] : [decimal(tally.rewardSum / tally.rewards)]),
    rolloutCount(tally.rollouts, vscode.l10n),
    ...(tally.failed === 0 ? [] : [vscode.l10n.t('{0} failed', tally.failed.toLocaleString())]),
  ].join(' · ');
}

export function stateName(state: RunState | 'paused'): string {
  switch (state) {
    case 'running': return vscode.l10n.t('running');
    case 'paused': return vscode.l10n.t('paused');
    case 'finished': return vscode.l10n.t('finished');
    case 'failed': return vscode.l10n.t('failed');
    case 'cancelled': return vscode.l10n.t('cancelled');
    case 'interrupted': return vscode.l10n.t('interrupted');
  }
}

function kindText({ kind, replay }: RunNode['stored']['info']): string {
  return replay !== undefined && replay.forks > 0 ? vscode.l10n.t('forks of {0}', replay.rollout) : kindName(kind);
}

export function kindName(kind: RunNode['stored']['info']['kind']): string {
  switch (kind) {
    case 'rollout': return vscode.l10n.t('rollouts');
    case 'training': return vscode.l10n.t('training');
    case 'replay': return vscode.l10n.t('replay');
    case 'check': return vscode.l10n.t('check');
    case 'rejudge': return vscode.l10n.t('scored again');
    case 'test': return vscode.l10n.t('tests');
  }
}

/** Of today the time, else the day too. */
function when(iso: string): string {
  const date = new Date(iso);
  const time = date.toLocaleTimeString(vscode.env.language, { hour: '2-digit', minute: '2-digit' });
  return date.toDateString() === new Date().toDateString() ? time : `${date.toLocaleDateString(vscode.env.language)} ${time}`;
}
