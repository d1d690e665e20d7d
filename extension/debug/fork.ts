/** Forks: a rollout executed again from its record up to a call, and going on from there several times. */
import * as vscode from 'vscode';
import { DEBUG_TYPE, type DebugEvents } from '../../runtime/protocol/debug.ts';
import { callOf, openRunReader } from '../../runtime/trace/index.ts';
import { execute, type RolloutPlace } from '../commands/table.ts';
import type { Studio } from '../studio.ts';
import { ask, type Held } from './held.ts';
import { originOf, pickRollout, start } from './start.ts';

/** What VS Code hands over for a frame or a variable that was clicked; its ids are those of its own tree. */
interface Clicked {
  sessionId?: string;
  /** `thread:<session>:<thread>` */
  threadId?: string;
  /** `stackframe:thread:<session>:<thread>:<place in the stack>:<source>` */
  frameId?: string;
  variable?: { evaluateName?: string };
}

/** From a place in a stored rollout, or from what was clicked in the debug view, or from the frame that is chosen there. */
export async function forkRollout(studio: Studio, held: Held, clicked: readonly unknown[]): Promise<void> {
  const asked = clicked.find((one): one is RolloutPlace | Clicked => typeof one === 'object' && one !== null);
  if (asked !== undefined && 'dir' in asked) return forkStored(asked);
  const target = await targetOf(held, asked ?? {});
  if (target === undefined) {
    const place = await pickRollout(studio);
    return place && forkStored(place);
  }
  const forks = await askHowMany(target.call);
  if (forks !== undefined) await ask(target.session, 'tuningFork/fork', { threadId: target.threadId, call: target.call, forks });
}

async function targetOf(held: Held, { frameId: clickedFrame, variable }: Clicked): Promise<{ session: vscode.DebugSession; threadId: number; call: number } | undefined> {
  const item = vscode.debug.activeStackItem;
  const [, sessionId, thread, index] = /^stackframe:thread:(.+?):(\d+):(\d+):/.exec(clickedFrame ?? '') ?? [];
  const chosen = item?.session.type === DEBUG_TYPE ? { session: item.session, threadId: item.threadId, stop: undefined } : undefined;
  const at = sessionId === undefined ? chosen ?? held.current : held.of(sessionId, Number(thread)) ?? (chosen?.session.id === sessionId ? chosen : undefined);
  if (at === undefined) return undefined;
  const { session, threadId } = at;
  const frameId = index === undefined ? (item instanceof vscode.DebugStackFrame && chosen !== undefined ? item.frameId : undefined) : await frameAt(session, threadId, Number(index));
  const place = frameId === undefined ? null : await ask(session, 'tuningFork/frame', { frameId });
  return { session, threadId, call: callOfVariable(variable?.evaluateName) ?? place?.call ?? held.of(session.id, threadId)?.stop.call?.index ?? 0 };
}

async function frameAt(session: vscode.DebugSession, threadId: number, startFrame: number): Promise<number | undefined> {
  const { stackFrames } = await session.customRequest('stackTrace', { threadId, startFrame, levels: 1 }) as { stackFrames: { id: number }[] };
  return stackFrames[0]?.id;
}

async function forkStored({ dir, rollout, call, token }: RolloutPlace): Promise<void> {
  const from = call ?? await pickCall(dir, rollout);
  if (from === undefined) return;
  const forks = await askHowMany(from);
  if (forks === undefined) return;
  await start({ name: vscode.l10n.t('Fork {0}', rollout), ...await originOf(dir), replay: { dir, rollout, untilCall: from, ...(token !== undefined && { untilToken: token }), forks } }, true);
}

async function pickCall(dir: string, rollout: string): Promise<number | undefined> {
  const record = await (await openRunReader(dir)).read(rollout);
  const items = record.calls.map(({ index }) => {
    const { role, reply } = callOf(record, index);
    return { label: vscode.l10n.t('Call {0}', index), description: role, detail: reply.content.slice(0, 120), index };
  });
  return (await vscode.window.showQuickPick(items, { title: vscode.l10n.t('From which call on is it sampled anew?'), matchOnDetail: true }))?.index;
}

async function askHowMany(call: number): Promise<number | undefined> {
  const text = await vscode.window.showInputBox({
    title: vscode.l10n.t('Fork from call {0}', call), prompt: vscode.l10n.t('How many times does it go on from there?'), value: '4',
    validateInput: (typed) => (/^[1-9]\d{0,3}$/.test(typed.trim()) ? undefined : vscode.l10n.t('A whole number from 1 to 9999.')),
  });
  return text === undefined ? undefined : Number(text);
}

function callOfVariable(expression: string | undefined): number | undefined {
  const match = /^calls\[(\d+)\]/.exec(expression ?? '');
  return match === null ? undefined : Number(match[1]);
}

export async function tellForked({ dir, parent, call, rewards }: DebugEvents['tuningFork/forked']): Promise<void> {
  const told = rewards.map((reward) => (reward === null ? '–' : String(Number(reward.toPrecision(3))))).join(', ');
  const show = vscode.l10n.t('Show');
  const chosen = await vscode.window.showInformationMessage(vscode.l10n.t('Forks of {0} from call {1} reached these rewards: {2}', parent, call, told), show);
  if (chosen === show) await execute('tuningFork.openRollout', { dir, rollout: `${parent}f1` });
}
