/** Which of the sampling a client asks for takes effect. */
import type { Sampling } from '../protocol/chat.ts';
import { sampleKey } from '../policy/random.ts';
import type { AskedSampling } from './request.ts';

/** The configuration's sampling. */
export type ConfiguredSampling = Pick<Sampling, 'temperature' | 'topP' | 'topK' | 'maxTokens'>;

/**
 * For a role in training the configuration decides, since the trainer must be able to reproduce how a token was drawn; a client may only
 * ask for fewer tokens or a stop string. Elsewhere the client decides where it says something.
 */
export function effectiveSampling(mode: 'train' | 'eval', configured: ConfiguredSampling, asked: AskedSampling): Sampling {
  const { temperature, topP, topK, maxTokens } = configured;
  const sampling: Sampling = mode === 'train'
    ? { temperature, topP, topK: Math.max(topK, 0), maxTokens: Math.min(asked.maxTokens ?? maxTokens, maxTokens) }
    : {
        temperature: asked.temperature ?? temperature, topP: asked.topP ?? topP,
        topK: Math.max(asked.topK ?? topK, 0), maxTokens: asked.maxTokens ?? maxTokens,
      };
  if (asked.stop !== undefined) sampling.stop = asked.stop;
  if (mode === 'eval' && asked.seed !== undefined) sampling.seed = asked.seed;
  return sampling;
}

/** What fixes a call's tokens. A client's own seed means: the same prompt gives the same answer. */
export function samplingKey(callKey: bigint, { seed }: Sampling, prompt: readonly number[]): bigint {
  return seed === undefined ? callKey : sampleKey({ seed, step: 0, task: '', sample: 0, role: '', prompt, occurrence: 0 });
}
