/** What the adapter needs of a backbone, so that it can be given a connection that is there already. */
import type { BackboneMethod, BackboneRequests, RunEvent, StartRun } from '../../../runtime/protocol/backbone.ts';
import type { RolloutLaunch } from '../../../runtime/protocol/debug.ts';

/** `env` is added to the environment that runs are given anyway. */
export type RunStart = Omit<StartRun, 'env'> & { env?: Record<string, string> };

export interface Runs {
  /** `onEvent` gets the events of the run from the first one on. */
  start(request: RunStart, onEvent: (event: RunEvent) => void): Promise<{ run: string; dir: string }>;
  request<M extends BackboneMethod>(method: M, params: BackboneRequests[M][0]): Promise<BackboneRequests[M][1]>;
  /** Resolves when the backbone is gone. */
  readonly closed: Promise<void>;
  /** Lets go of it. */
  close(): void;
}

export type ConnectRuns = (launch: RolloutLaunch) => Promise<Runs>;
