import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ConfigError } from '../../../runtime/config/errors.ts';
import { parseConfig } from '../../../runtime/config/load.ts';

const caller = { env: { TRINITY_CHECKPOINT_ROOT_DIR: '/checkpoints' }, cwd: '/project' };
const workflow = { 'rollout.user_workflow': 'main.ts->runReactAgent' };

/** The configuration of AgentScope's own example, with a data set that lies beside it. */
const EXAMPLE = `project: AgentScope-ReAct
name: GSM8K-Qwen3-8B
checkpoint_root_dir: \${oc.env:TRINITY_CHECKPOINT_ROOT_DIR,./checkpoints}
algorithm:
  algorithm_type: multi_step_grpo
  repeat_times: 8
model:
  model_path: \${oc.env:TRINITY_MODEL_PATH,Qwen/Qwen3-8B}
  max_response_tokens: 16384
  max_model_len: 24576
cluster:
  node_num: 1
  gpu_per_node: 8
buffer:
  total_epochs: 1
  batch_size: 32
  train_batch_size: 64
  explorer_input:
    taskset:
      name: gsm8k
      storage_type: file
      path: openai/gsm8k
      subset_name: main
      split: train
      format:
        prompt_key: question
        response_key: answer
        system_prompt: Think first.
      rollout_args:
        temperature: 0.7
    eval_tasksets:
      - name: test
        path: data/test.jsonl
        rollout_args:
          temperature: 0.2
explorer:
  eval_interval: 50
  runner_per_model: 16
  max_timeout: 600
  rollout_model:
    engine_num: 4
    tensor_parallel_size: 1
    seed: 7
synchronizer:
  sync_style: dynamic_by_explorer
  sync_interval: 2
trainer:
  save_interval: 100
monitor:
  monitor_type: tensorboard
`;

function parse(text: string, overrides: Record<string, string> = workflow): ReturnType<typeof parseConfig> {
  return parseConfig(text, '/project/config.yaml', overrides, caller);
}

function problems(text: string, overrides?: Record<string, string>): ConfigError['errors'] {
  try {
    parse(text, overrides);
  } catch (error) {
    return (error as ConfigError).errors;
  }
  return [];
}

test('a configuration of Trinity-RFT is read: what it says counts under our keys', () => {
  const { config } = parse(EXAMPLE);
  assert.deepEqual([config.project_name, config.experiment_name, config.model.path], ['AgentScope-ReAct', 'GSM8K-Qwen3-8B', 'Qwen/Qwen3-8B']);
  assert.deepEqual([config.rollout.num_repeat, config.rollout.temperature, config.rollout.seed, config.rollout.timeout, config.rollout.max_env_worker], [8, 0.7, 7, 600, 64]);
  assert.deepEqual([config.rollout.max_response_length_in_one_turn, config.rollout.max_model_len, config.rollout.val_kwargs.temperature], [16384, 24576, 0.2]);
  assert.deepEqual([config.data.train_batch_size, config.trainer_common.mini_batch_num, config.trainer_common.total_epochs], [32, 4, 1]);
  assert.deepEqual([config.trainer_common.save_freq, config.trainer_common.test_freq, config.trainer_common.algorithm.adv_estimator], [100, 50, 'grpo']);
  const { training, validation, query_key: query, system_prompt: system } = config.task_reader.jsonl_dataset_file;
  assert.deepEqual([training.file_path, validation.file_path, query, system], ['openai/gsm8k/train.jsonl', 'data/test.jsonl', 'question', 'Think first.']);
});

test('a list of task sets is its first; of more it is told', () => {
  const listed = EXAMPLE.replace('    taskset:\n      name', '    tasksets:\n    - name').replace('    eval_tasksets:', '    - path: more.jsonl\n    eval_tasksets:');
  const { config, warnings } = parse(listed);
  assert.deepEqual(config, parse(EXAMPLE).config);
  assert.match(warnings.at(-1)!.message, /buffer\.explorer_input\.tasksets\.1/);
});

test('what has no effect is told in one warning, mappings as a whole; a data set of a hub is told with the file that is read', () => {
  const { warnings } = parse(EXAMPLE);
  assert.deepEqual(warnings.map(({ message, where }) => [where?.line, message]), [
    [22, '`buffer.explorer_input.taskset.path` names a data set; its tasks are read from the file openai/gsm8k/train.jsonl.'],
    [3, 'checkpoint_root_dir, cluster, explorer.rollout_model.tensor_parallel_size, synchronizer have no effect here.'],
  ]);
});

test('a mistake is told in the words of the file, at its place', () => {
  const text = EXAMPLE.replace('repeat_times: 8', 'repeat_times: none').replace('multi_step_grpo', 'opmd').replace('monitor:', 'monitr:');
  assert.deepEqual(problems(text).map(({ where }) => where?.key), ['algorithm.algorithm_type', 'algorithm.repeat_times', 'monitr']);
  assert.deepEqual(problems(text).map(({ message, where }) => [where?.line, where?.column, message]), [
    [5, 3, '`algorithm.algorithm_type` is "opmd", which can’t be trained here.'],
    [6, 17, '`algorithm.repeat_times` must be a whole number, but is the text "none".'],
    [49, 1, 'There is no key `monitr` in a configuration of Trinity-RFT.'],
  ]);
});

test('without a workflow it is said how to name one', () => {
  assert.deepEqual(problems(EXAMPLE, {}).map(({ message, next }) => [message, next]), [
    ['A configuration of Trinity-RFT names no workflow.', 'Call tune(yourWorkflow, "this file") in your code, or give --workflow path/file.ts->function.'],
  ]);
});

test('a configuration of ours whose root was forgotten is not taken for one', () => {
  assert.match(problems('rollout:\n  user_workflow: a.ts->A\nmodel:\n  path: embedded\n')[0]!.message, /root `tuning_fork:`/);
});
