/** The contract of Osmosis: a workflow that acts, a grader that scores what it did. */
import type { JsonObject } from '../../protocol/json.ts';
import type { AgentWorkflowContext, GraderContext } from './context.ts';

/** What `run` may give, in the newer contract; without it samples come from what was registered. */
export interface AgentWorkflowOutput {
  messages?: readonly object[];
  metrics?: Record<string, number>;
  info?: JsonObject;
}

export abstract class AgentWorkflow<TConfig = unknown> {
  readonly config: TConfig | null;

  constructor(config: TConfig | null = null) {
    this.config = config;
  }

  abstract run(ctx: AgentWorkflowContext<TConfig>): Promise<unknown>;
}

export abstract class Grader<TConfig = unknown> {
  readonly config: TConfig | null;

  constructor(config: TConfig | null = null) {
    this.config = config;
  }

  abstract grade(ctx: GraderContext<TConfig>): Promise<unknown>;
}
