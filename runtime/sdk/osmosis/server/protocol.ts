/** What a controller of Osmosis and a rollout server say to each other, as its SDK 0.3 has it. */
import * as z from 'zod';

const seconds = z.number().gt(0).lte(86_400);

export const initRequest = z.object({
  initial_messages: z.array(z.looseObject({ role: z.string() })).min(1),
  label: z.unknown().optional(),
  metadata: z.record(z.string(), z.json()).nullish(),
  rollout_id: z.string().min(1).max(256).optional(),
  chat_completions_url: z.url({ protocol: /^https?$/ }),
  controller_api_key: z.string().nullish(),
  /** Absent: the controller's. Empty is a mistake. */
  llm_api_key: z.string().min(1).nullish(),
  completion_callback_url: z.url({ protocol: /^https?$/ }),
  grader_callback_url: z.url({ protocol: /^https?$/ }).nullish(),
  agent_timeout_sec: seconds.nullish(),
  grader_timeout_sec: seconds.nullish(),
  extra_fields: z.record(z.string(), z.json()).nullish(),
});

export type InitRequest = z.output<typeof initRequest>;

export const cancelRequest = z.strictObject({ ids: z.array(z.string()).optional(), prefix: z.string().min(1).optional(), all: z.literal(true).optional() })
  .refine((body) => Object.values(body).filter((value) => value !== undefined).length === 1, { error: 'exactly one of ids, prefix and all is wanted' });

export type RolloutState = 'queued' | 'running' | 'grading' | 'success' | 'failure' | 'cancelled';
export type ErrorCategory = 'timeout' | 'validation_error' | 'http_error' | 'agent_error';

export interface RolloutComplete {
  status: 'success' | 'failure' | 'cancelled';
  rollout_id: string;
  extra_fields: object;
  err_message: string | null;
  err_category: ErrorCategory | null;
}

export interface GraderComplete {
  status: 'success' | 'failure';
  rollout_id: string;
  sample: WireSample | null;
  err_message: string | null;
  err_category: ErrorCategory | null;
}

export interface WireSample {
  messages: object[];
  trajectory_messages: object[];
  label: unknown;
  /** Null unless it was graded. */
  reward: number | null;
  remove_sample: boolean;
  metrics: Record<string, number>;
  extra_fields: object;
}
