import type { JsonObject } from '../../../runtime/protocol/json.ts';
import type { OutputData, Task } from '../../../runtime/protocol/task.ts';

export function task(metadata: JsonObject, label?: unknown): Task {
  return { taskId: 't1', mainQuery: '', initMessages: [], envType: 'no_env', metadata, ...(label !== undefined && { label }) };
}

export function output(metadata: JsonObject): OutputData {
  return { reward: null, isSuccess: null, metadata, logMetrics: {} };
}

export function answered(final_answer: string): OutputData {
  return output({ final_answer });
}
