/** What the recorded alternatives of a sampled token tell of it. */
import type { CallTokens } from '../protocol/trace.ts';

type Top = NonNullable<CallTokens['top']>;

/** The place of `id` among the alternatives of token `i`, from 1; 0: it is not among them. */
export function rankOf({ k, ids, logprobs }: Top, i: number, id: number): number {
  const first = i * k;
  const own = ids.indexOf(id, first);
  if (own === -1 || own >= first + k) return 0;
  let rank = 1;
  for (let other = first; other < first + k; other++) if (logprobs[other]! > logprobs[own]!) rank++;
  return rank;
}

/** In nats. What is not among the alternatives counts as one more, so it is a lower bound. */
export function entropyOf({ k, logprobs }: Top, i: number): number {
  let rest = 1;
  let sum = 0;
  for (let at = i * k; at < (i + 1) * k; at++) {
    const logprob = logprobs[at];
    if (logprob === undefined) return NaN;
    const probability = Math.exp(logprob);
    rest -= probability;
    sum -= probability * logprob;
  }
  return rest > 1e-9 ? sum - rest * Math.log(rest) : sum;
}
