/** Which rollouts of which debug sessions stand still, and the one that a person looks at. */
import * as vscode from 'vscode';
import { DEBUG_TYPE, type DebugEvents, type DebugRequests } from '../../runtime/protocol/debug.ts';
import { TuningForkError } from '../../runtime/protocol/errors.ts';
import type { Stopped } from '../../runtime/protocol/stops.ts';

export interface HeldRollout {
  session: vscode.DebugSession;
  threadId: number;
  stop: Stopped;
}

export class Held implements vscode.Disposable {
  /** Of ours that go on, the latest last. */
  readonly #sessions: vscode.DebugSession[] = [];
  /** Sessions of js-debug by their id, with ours above them. */
  readonly #children = new Map<string, string>();
  /** The latest last. */
  readonly #held: HeldRollout[] = [];
  readonly #released = new vscode.EventEmitter<HeldRollout>();
  readonly #subscriptions: vscode.Disposable[];
  /** One went on, or its session ended. */
  readonly onDidRelease = this.#released.event;

  constructor() {
    this.#subscriptions = [
      this.#released,
      vscode.debug.onDidStartDebugSession((session) => {
        if (session.type === DEBUG_TYPE) this.#sessions.push(session);
        else {
          // js-debug has sessions of its own below the one that we start.
          let above = session.parentSession;
          while (above !== undefined && above.type !== DEBUG_TYPE) above = above.parentSession;
          if (above !== undefined) this.#children.set(session.id, above.id);
        }
        this.#tellContext();
      }),
      vscode.debug.onDidTerminateDebugSession((session) => {
        this.#sessions.splice(0, this.#sessions.length, ...this.#sessions.filter(({ id }) => id !== session.id));
        this.#children.delete(session.id);
        this.#drop((one) => one.session.id === session.id);
        this.#tellContext();
      }),
      vscode.debug.onDidChangeActiveStackItem(() => this.#tellContext()),
    ];
  }

  receive({ session, event, body }: vscode.DebugSessionCustomEvent): void {
    if (event === 'tuningFork/stopped') {
      const { threadId, stop } = body as DebugEvents['tuningFork/stopped'];
      this.#drop((one) => one.session.id === session.id && one.threadId === threadId);
      this.#held.push({ session, threadId, stop });
      this.#tellContext();
    } else if (event === 'tuningFork/released') {
      const { threadId } = body as DebugEvents['tuningFork/released'];
      this.#drop((one) => one.session.id === session.id && one.threadId === threadId);
    }
  }

  get session(): vscode.DebugSession | undefined {
    return this.#sessions.at(-1);
  }

  get all(): readonly HeldRollout[] {
    return this.#held;
  }

  /** Ours by its id, or by that of js-debug's below it. */
  sessionOf(id: string): vscode.DebugSession | undefined {
    const parent = this.#children.get(id);
    return this.#sessions.find((session) => session.id === id || session.id === parent);
  }

  latestIn(session: vscode.DebugSession): HeldRollout | undefined {
    return this.#held.findLast((one) => one.session.id === session.id);
  }

  /** The one whose frame is chosen, else the one that was held last. */
  get current(): HeldRollout | undefined {
    const item = vscode.debug.activeStackItem;
    const chosen = item?.session.type === DEBUG_TYPE ? this.of(item.session.id, item.threadId) : undefined;
    return chosen ?? this.#held.at(-1);
  }

  of(sessionId: string, threadId: number): HeldRollout | undefined {
    return this.#held.find((one) => one.session.id === sessionId && one.threadId === threadId);
  }

  need(): HeldRollout {
    const { current } = this;
    if (current === undefined) {
      throw new TuningForkError('usage', vscode.l10n.t('No rollout is held.'), { next: vscode.l10n.t('Pause one, or add a function breakpoint such as "model" while debugging.') });
    }
    return current;
  }

  /** Before a model call: what it asks can be changed, or answered. */
  needCall(): HeldRollout & { stop: { call: NonNullable<Stopped['call']> } } {
    const held = this.need();
    if (held.stop.call === undefined) {
      throw new TuningForkError('usage', vscode.l10n.t('This rollout is not held before a model call.'), { next: vscode.l10n.t('Add the function breakpoint "model", or step to the next call.') });
    }
    return held as HeldRollout & { stop: { call: NonNullable<Stopped['call']> } };
  }

  dispose(): void {
    for (const one of this.#subscriptions) one.dispose();
  }

  #drop(which: (one: HeldRollout) => boolean): void {
    const gone = this.#held.filter((one) => which(one));
    if (gone.length === 0) return;
    this.#held.splice(0, this.#held.length, ...this.#held.filter((one) => !which(one)));
    for (const one of gone) this.#released.fire(one);
    this.#tellContext();
  }

  #tellContext(): void {
    const { current } = this;
    void vscode.commands.executeCommand('setContext', 'tuningFork.debugging', this.#sessions.length > 0);
    void vscode.commands.executeCommand('setContext', 'tuningFork.held', current !== undefined);
    void vscode.commands.executeCommand('setContext', 'tuningFork.heldBeforeCall', current?.stop.call !== undefined);
  }
}

export async function ask<K extends keyof DebugRequests>(session: vscode.DebugSession, request: K, args: DebugRequests[K][0]): Promise<DebugRequests[K][1]> {
  return await session.customRequest(request, args) as DebugRequests[K][1];
}

export async function release({ session, threadId }: HeldRollout, how: Omit<DebugRequests['tuningFork/release'][0], 'threadId'>): Promise<void> {
  await ask(session, 'tuningFork/release', { threadId, ...how });
}
