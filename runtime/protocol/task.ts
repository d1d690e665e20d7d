import type { ChatMessage } from './chat.ts';
import type { JsonObject } from './json.ts';

/** A task as a reader yields it. AgentJet's `Task` in camelCase. */
export interface Task {
  taskId: string;
  mainQuery: string;
  initMessages: ChatMessage[];
  envType: string;
  metadata: JsonObject;
  /** What only the judge may see: the dataset marks it by `label_key`. Never sent to the workflow. */
  label?: unknown;
}

/** What a workflow returned, as plain data on its way to a judge. */
export interface OutputData {
  reward: number | null;
  isSuccess: boolean | null;
  metadata: JsonObject;
  logMetrics: JsonObject;
}

export interface Verdict {
  reward: number;
  success: boolean | null;
  parts?: Record<string, number>;
  reason?: string;
}
