/** Forks: a rollout executed again from its record up to a call, and going on from there several times. */
import * as vscode from 'vscode';
import type { DebugEvents, ForkPoint } from '../../runtime/protocol/debug.ts';
import { callOf, openRunReader } from '../../runtime/trace/index.ts';
import { execute, type RolloutPlace } from '../commands/table.ts';
import type { Studio } from '../studio.ts';
import { pointText } from './adapter/point-text.ts';
import { tellForked as tellViewers } from '../viewer/shown.ts';
import { withoutLinks } from '../without-links.ts';
import { ask, type Held } from './held.ts';
import { pointedAt } from './pointed.ts';
import { originOf, pickRollout, start } from './start.ts';

/** From a place in a stored rollout, or from what was clicked in the debug view, or from the frame that is chosen there. */
export async function forkRollout(studio: Studio, held: Held, clicked: readonly unknown[]): Promise<void> {
  const stored = clicked.find((one): one is RolloutPlace => typeof one === 'object' && one !== null && 'dir' in one);
  if (stored !== undefined) return forkStored(studio, stored);
  const pointed = await pointedAt(held, clicked);
  if (pointed === undefined) {
    const place = await pickRollout(studio);
    return place && forkStored(studio, place);
  }
  const { session, threadId, at = { call: 0 } } = pointed;
  const forks = await askHowMany(at);
  if (forks !== undefined) await ask(session, 'tuningFork/fork', { threadId, ...at, forks });
}

async function forkStored(studio: Studio, { dir, rollout, call, token }: RolloutPlace): Promise<void> {
  const from = call ?? await pickCall(dir, rollout);
  if (from === undefined) return;
  const forks = await askHowMany({ call: from, ...(token !== undefined && { token }) });
  if (forks === undefined) return;
  await start({ name: vscode.l10n.t('Fork {0}', rollout), ...await originOf(studio, dir), replay: { dir, rollout, untilCall: from, ...(token !== undefined && { untilToken: token }), forks }, internalConsoleOptions: 'neverOpen' }, true);
}

async function pickCall(dir: string, rollout: string): Promise<number | undefined> {
  const record = await (await openRunReader(dir)).read(rollout);
  const items = record.calls.map(({ index }) => {
    const { role, reply } = callOf(record, index);
    return { label: vscode.l10n.t('Call {0}', index), description: role, detail: reply.content.slice(0, 120), index };
  });
  return (await vscode.window.showQuickPick(items, { title: vscode.l10n.t('From which call on is it sampled anew?'), matchOnDetail: true }))?.index;
}

async function askHowMany(from: ForkPoint): Promise<number | undefined> {
  const text = await vscode.window.showInputBox({
    title: vscode.l10n.t('Fork from {0}', pointText(from, vscode.l10n)), prompt: vscode.l10n.t('How many times does it go on from there?'), value: '4',
    validateInput: (typed) => (/^[1-9]\d{0,3}$/.test(typed.trim()) ? undefined : vscode.l10n.t('A whole number from 1 to 9999.')),
  });
  return text === undefined ? undefined : Number(text);
}

export async function tellForked({ dir, parent, rewards, call, token }: DebugEvents['tuningFork/forked']): Promise<void> {
  tellViewers(parent);
  const told = rewards.map((reward) => (reward === null ? '–' : String(Number(reward.toPrecision(3))))).join(', ');
  const show = vscode.l10n.t('Show');
  const chosen = await vscode.window.showInformationMessage(withoutLinks(vscode.l10n.t('Forks of {0} from {1} reached these rewards: {2}', parent, pointText({ call, token }, vscode.l10n), told)), show);
  if (chosen === show) await execute('tuningFork.openRollout', { dir, rollout: `${parent}f1`, call, token });
}
