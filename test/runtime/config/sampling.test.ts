import assert from 'node:assert/strict';
import { test } from 'node:test';
import { samplingOf } from '../../../runtime/config/sampling.ts';
import { configSchema } from '../../../runtime/protocol/config.ts';

const config = (rollout: object) => configSchema.parse({ rollout: { user_workflow: 'a.ts->A', ...rollout } });

test('training and validation sample differently', () => {
  const both = config({ temperature: 0.7, top_k: 5, max_response_length_in_one_turn: 9 });
  assert.deepEqual(samplingOf(both, 'training'), { temperature: 0.7, topP: 1, topK: 5, maxTokens: 9 });
  assert.deepEqual(samplingOf(both, 'validation'), { temperature: 0, topP: 1, topK: 0, maxTokens: 9 });
});

test('do_sample: false is greedy whatever the temperature', () => {
  const val_kwargs = { temperature: 0.7 };
  assert.equal(samplingOf(config({ val_kwargs }), 'validation').temperature, 0.7);
  assert.equal(samplingOf(config({ val_kwargs: { ...val_kwargs, do_sample: false } }), 'validation').temperature, 0);
});
