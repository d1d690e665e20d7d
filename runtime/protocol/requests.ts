/** What a client may send, checked at the backbone's door. Keys that a newer client adds are passed over. */
import * as z from 'zod';
import type { BackboneMethod, BackboneRequests } from './backbone.ts';
import { TuningForkError } from './errors.ts';

const name = z.string().min(1);
const count = z.int().min(0);
const positive = z.int().min(1);

const toolCall = z.object({ id: z.string(), type: z.literal('function'), function: z.object({ name, arguments: z.string() }) });

const message = z.object({
  role: z.enum(['system', 'user', 'assistant', 'tool']),
  content: z.string(),
  reasoning: z.string().optional(),
  name: z.string().optional(),
  tool_calls: z.array(toolCall).optional(),
  tool_call_id: z.string().optional(),
});

const sampling = z.object({
  temperature: z.number().min(0).max(100),
  topP: z.number().gt(0).max(1),
  topK: count,
  maxTokens: positive,
  stop: z.array(name),
  seed: count,
}).partial();

const decision = z.discriminatedUnion('do', [
  z.object({ do: z.literal('go') }),
  z.object({ do: z.literal('edit'), messages: z.array(message).min(1).optional(), sampling: sampling.optional(), keep: z.boolean().optional() }),
  z.object({ do: z.literal('answer'), reply: message.extend({ role: z.literal('assistant') }) }),
]).and(z.object({ into: z.boolean().optional() }));

const stopOn = z.discriminatedUnion('on', [
  z.object({ on: z.enum(['call', 'answer']), role: name.optional() }),
  z.object({ on: z.literal('tool'), name: name.optional() }),
  z.object({ on: z.enum(['judge', 'malformed', 'truncated', 'drift', 'no-spread']) }),
  z.object({ on: z.literal('error'), of: z.enum(['workflow', 'tool', 'judge']) }),
  z.object({ on: z.literal('reward'), below: z.number() }),
  z.object({ on: z.literal('token'), below: z.number().gt(0).max(1) }),
]);
const stops = z.array(stopOn.and(z.object({ id: z.int(), hit: positive.optional() }))).max(1_000);

const start = z.object({
  kind: z.enum(['rollout', 'replay', 'check', 'rejudge', 'training', 'test']),
  conf: name,
  env: z.record(z.string(), z.string()),
  cwd: name,
  split: z.enum(['training', 'validation']).optional(),
  tasks: z.object({ ids: z.array(z.string()).min(1).optional(), first: positive.optional() }).optional(),
  repeats: positive.optional(),
  concurrency: positive.optional(),
  workers: positive.max(256).optional(),
  model: name.optional(),
  workflow: name.optional(),
  judge: name.optional(),
  set: z.record(z.string(), z.json()).optional(),
  train: z.array(name).min(1).optional(),
  temperature: z.number().min(0).max(100).optional(),
  seed: count.optional(),
  inspect: z.boolean().optional(),
  stops: stops.optional(),
  stopOnEntry: z.boolean().optional(),
  replay: z.object({ dir: name, rollout: name, untilCall: count.optional(), untilToken: count.optional(), forks: count.max(10_000) }).optional(),
  training: z.strictObject({ resume: z.string().min(1).optional(), force: z.boolean().optional(), steps: positive.optional() }).optional(),
  rejudge: z.object({ dir: name }).optional(),
  test: z.object({ files: z.array(name).min(1) }).optional(),
}).refine(({ kind, replay }) => (kind === 'replay') === (replay !== undefined), { path: ['replay'], error: 'belongs to the kind "replay" and to no other' })
  .refine(({ kind, rejudge }) => (kind === 'rejudge') === (rejudge !== undefined), { path: ['rejudge'], error: 'belongs to the kind "rejudge" and to no other' })
  .refine(({ kind, test }) => (kind === 'test') === (test !== undefined), { path: ['test'], error: 'belongs to the kind "test" and to no other' });

const ofRun = z.object({ run: name });
const ofRollout = z.object({ run: name, rollout: name });

const schemas: { [M in BackboneMethod]: z.ZodType<BackboneRequests[M][0]> } = {
  hello: z.object({ token: z.string(), protocol: z.number(), client: z.string() }),
  start,
  attach: ofRun.extend({ since: count.optional() }),
  detach: ofRun,
  cancel: ofRun.extend({ rollout: name.optional() }),
  status: z.null(),
  hold: ofRollout,
  setStops: ofRun.extend({ stops }),
  stopped: ofRun.extend({ rollout: name.optional() }),
  release: ofRollout.extend({ decision: decision.optional(), step: z.boolean().optional() }),
  pause: ofRun,
  resume: ofRun,
  tasks: z.object({ conf: name, env: z.record(z.string(), z.string()), cwd: name, split: z.enum(['training', 'validation']).optional(), workflow: name.optional(), first: positive }),
  checkpoint: ofRun,
  score: z.object({ dir: name, rollout: name, model: name, env: z.record(z.string(), z.string()).optional() }),
  shutdown: z.object({ force: z.boolean() }),
};

export function isMethod(method: string): method is BackboneMethod {
  return Object.hasOwn(schemas, method);
}

export function checkParams<M extends BackboneMethod>(method: M, params: unknown): BackboneRequests[M][0] {
  const read = schemas[method].safeParse(params ?? null);
  if (read.success) return read.data;
  const { path, message: wrong } = read.error.issues[0]!;
  const place = path.length === 0 ? `The parameters of "${method}" can't be used` : `\`${path.join('.')}\` of "${method}" can't be used`;
  throw new TuningForkError(method === 'start' ? 'usage' : 'protocol', `${place}: ${wrong}.`);
}
