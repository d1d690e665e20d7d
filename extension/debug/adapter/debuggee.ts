/** What a session debugs: a run that goes on, or a stored rollout that is walked through. */
import type { DebugProtocol } from '@vscode/debugprotocol';
import type { CallDecision } from '../../../runtime/protocol/backbone.ts';
import type { ForkPoint } from '../../../runtime/protocol/debug.ts';
import type { Stopped, StopPoint } from '../../../runtime/protocol/stops.ts';
import type { Moment } from './moment.ts';

export type Way = 'continue' | 'next' | 'stepIn' | 'stepOut' | 'stepBack' | 'reverseContinue';

export interface Asked {
  decision: CallDecision | undefined;
}

/** Sends a DAP event, ours among them. */
export type Tell = (event: string, body?: object) => void;

export interface Debuggee {
  /** Begins. What is wrong before anything runs is thrown. */
  start(stops: StopPoint[]): Promise<unknown>;
  setStops(stops: StopPoint[]): Promise<void>;
  threads(): DebugProtocol.Thread[];
  /** Undefined while the thread runs. */
  stop(threadId: number): Stopped | undefined;
  /** All that can be looked at where the thread stands. */
  moment(threadId: number): Promise<Moment>;
  /** `asked`: by a request of ours, so that the client does not know yet that the thread goes on. */
  go(threadId: number, way: Way, asked?: Asked): Promise<void>;
  pause(threadId: number): Promise<void>;
  /** Ends one thread. */
  cancel(threadId: number): Promise<void>;
  /** Where its rollout is stored. */
  place(threadId: number): { dir: string; rollout: string };
  /** Executes its rollout again up to a point and goes on from there. */
  fork(threadId: number, from: ForkPoint, forks: number): Promise<{ run: string; dir: string }>;
  restart(stops: StopPoint[]): Promise<void>;
  /** Ends what runs; finished rollouts are kept. */
  end(): Promise<void>;
}
