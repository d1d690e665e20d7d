/** Bodies of requests, checked before anything is done with them. */
import { z } from 'zod';
import { START_CHECKPOINT, type CheckpointBody, type LoadBody, type SampleBody, type ScoreRequest, type StepRequest } from '../../protocol/trainer.ts';
import { Refusal } from './refusal.ts';

const count = z.number().int().nonnegative();
const name = z.string().regex(/^[\w.@=+-]{1,100}$/, 'must be 1 to 100 letters, digits and ._@=+-').refine((name) => !/^\.+$/.test(name), 'must not be made of dots alone')
  .refine((name) => name !== START_CHECKPOINT, 'is taken: it means the weights the trainer began with');
const directory = z.string().min(1).max(4096).refine((path) => !path.includes('\0'), 'must not contain a zero').refine((path) => !path.split(/[\\/]/).includes('..'), 'must not lead upwards');
/** A name, or a folder. */
const checkpoint = z.string().min(1).max(4096).optional();

export const sampleBody = z.object({
  prompt: z.array(z.number()),
  sampling: z.object({
    temperature: z.number().nonnegative(), topP: z.number().gt(0).max(1), topK: count, maxTokens: count.min(1), stop: z.array(z.string()).optional(), seed: z.number().optional(),
  }),
  stopIds: z.array(count),
  key: z.string().regex(/^\d{1,20}$/, 'must be a 64-bit number in decimal').refine((key) => !/^\d{1,20}$/.test(key) || BigInt(key) < 2n ** 64n, 'must be below 2^64'),
  top: count.max(100).optional(),
  checkpoint,
}) satisfies z.ZodType<SampleBody>;

export const scoreRequest = z.object({ temperature: z.number().gt(0), checkpoint }) satisfies z.ZodType<ScoreRequest>;

const share = z.number().min(0).lt(1);
export const stepRequest = z.object({
  stepId: z.string().min(1).max(200),
  version: count,
  settings: z.object({
    learningRate: z.number().nonnegative(), betas: z.tuple([share, share]), eps: z.number().gt(0), weightDecay: z.number().nonnegative(), gradClip: z.number().nonnegative(),
    clipLow: z.number().nonnegative(), clipHigh: z.number().nonnegative(), dualClip: z.number().nonnegative(), importanceCap: z.number().nonnegative(),
    klCoef: z.number().nonnegative(), entropyCoef: z.number(), temperature: z.number().gt(0),
  }),
  updates: z.array(z.object({ packs: z.array(count).min(1), denominator: z.number().gt(0) })).min(1).max(10_000),
}) satisfies z.ZodType<StepRequest>;

export const checkpointBody = z.object({ name, directory, optimizer: z.boolean() }) satisfies z.ZodType<CheckpointBody>;
export const loadBody = z.object({ directory: directory.optional() }) satisfies z.ZodType<LoadBody>;

export function check<T>(schema: z.ZodType<T>, value: unknown): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const { path, message } = result.error.issues[0]!;
  throw new Refusal(400, path.length === 0 ? `The request cannot be read: ${message}.` : `"${path.join('.')}" of the request cannot be read: ${message}.`);
}
