import type { Sampling } from '../protocol/chat.ts';
import type { TuningForkConfig } from '../protocol/config.ts';
import type { Split } from '../protocol/trace.ts';

/** The sampling that a configuration asks for in one split. */
export function samplingOf(config: TuningForkConfig, split: Split): Sampling {
  const { rollout } = config;
  const { temperature, top_p: topP, top_k: topK } = split === 'training' ? rollout : rollout.val_kwargs;
  const greedy = split === 'validation' && rollout.val_kwargs.do_sample === false;
  return {
    temperature: greedy ? 0 : temperature,
    topP,
    topK: Math.max(0, topK),
    maxTokens: rollout.max_response_length_in_one_turn,
  };
}
