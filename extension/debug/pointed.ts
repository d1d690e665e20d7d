/** What a person points at in the debug view: by a click on a thread, a frame or a variable, else by what is chosen there. */
import * as vscode from 'vscode';
import { DEBUG_TYPE, type ForkPoint } from '../../runtime/protocol/debug.ts';
import { ask, type Held } from './held.ts';

export interface Pointed {
  session: vscode.DebugSession;
  threadId: number;
  /** Absent: the rollout as a whole. */
  at: ForkPoint | undefined;
}

/** What VS Code hands over; its ids are those of its own tree. */
interface Clicked {
  sessionId?: string;
  /** `thread:<session>:<thread>` */
  threadId?: string;
  /** `stackframe:thread:<session>:<thread>:<place in the stack>:<source>` */
  frameId?: string;
  variable?: { evaluateName?: string };
}

/** Undefined: nothing of ours is being debugged, or nobody wanted to say which. */
export async function pointedAt(held: Held, clicked: readonly unknown[]): Promise<Pointed | undefined> {
  const { sessionId, threadId, frameId, variable } = clicked.find((one): one is Clicked => typeof one === 'object' && one !== null) ?? {};
  const item = vscode.debug.activeStackItem;
  const chosen = item?.session.type === DEBUG_TYPE ? item : undefined;
  const session = sessionId === undefined || sessionId === chosen?.session.id ? chosen?.session ?? held.session : held.sessionOf(sessionId);
  if (session === undefined) return undefined;
  const [, thread, index] = /^(?:stackframe:)?thread:.+?:(\d+)(?::(\d+):|$)/.exec(frameId ?? threadId ?? '') ?? [];
  const ours = sessionId === undefined || session.id === sessionId;
  const at = ours && thread !== undefined ? Number(thread) : (chosen?.session === session ? chosen.threadId : undefined) ?? held.latestIn(session)?.threadId ?? await pickThread(session);
  if (at === undefined) return undefined;
  const frame = ours && index !== undefined ? await frameAt(session, at, Number(index))
    : thread === undefined && chosen instanceof vscode.DebugStackFrame && chosen.session === session && chosen.threadId === at ? chosen.frameId : undefined;
  const place = frame === undefined ? null : await ask(session, 'tuningFork/frame', { frameId: frame });
  const stop = held.of(session.id, at)?.stop;
  const call = place?.call ?? (frame === undefined ? stop?.call?.index ?? stop?.answered?.index : undefined);
  return { session, threadId: at, at: pointOf(variable?.evaluateName) ?? (call === undefined ? undefined : { call, ...(place?.token !== undefined && { token: place.token }) }) };
}

async function frameAt(session: vscode.DebugSession, threadId: number, startFrame: number): Promise<number | undefined> {
  const { stackFrames } = await session.customRequest('stackTrace', { threadId, startFrame, levels: 1 }) as { stackFrames: { id: number }[] };
  return stackFrames[0]?.id;
}

async function pickThread(session: vscode.DebugSession): Promise<number | undefined> {
  const { threads } = await session.customRequest('threads') as { threads: { id: number; name: string }[] };
  if (threads.length <= 1) return threads[0]?.id;
  return (await vscode.window.showQuickPick(threads.map(({ id, name }) => ({ label: name, id })), { title: vscode.l10n.t('Which rollout?') }))?.id;
}

/** `calls[2].tokens[5]…` */
function pointOf(expression: string | undefined): ForkPoint | undefined {
  const [, call, token] = /^calls\[(\d+)\](?:\.tokens\[(\d+)\])?/.exec(expression ?? '') ?? [];
  return call === undefined ? undefined : { call: Number(call), ...(token !== undefined && { token: Number(token) }) };
}
