import * as z from 'zod';
import { BUILTIN_JUDGES } from './config-names.ts';

export { BUILTIN_JUDGES, KEPT_TREES, RENAMED, ROOTS } from './config-names.ts';

/**
 * The YAML of a project, in AgentJet's key names. The descriptions are what an editor shows for a key.
 * Defaults are AgentJet's where they make sense on a laptop.
 */

const noEffectYet = new WeakSet<z.ZodType>();

/** A key of AgentJet's that is read, kept and has no effect here yet. */
function later<T extends z.ZodType>(schema: T): z.ZodOptional<T> {
  const described = schema.optional().describe('A key of AgentJet’s: accepted, without effect here yet.');
  noEffectYet.add(described);
  return described;
}

export function hasNoEffectYet(schema: z.ZodType): boolean {
  return noEffectYet.has(schema);
}

const anyMapping = z.looseObject({});
const count = z.int().min(0);
const positive = z.int().min(1);
const fraction = z.number().min(0).max(1);
const temperature = z.number().min(0).max(100);
const topP = z.number().gt(0).max(1);
const topK = z.int().min(-1);

/** It becomes a folder's name. */
const folderName = z.string().refine((name) => /^[^\s.\\/:*?"<>|\p{Cc}][^\\/:*?"<>|\p{Cc}]*$/u.test(name) && name.length <= 120, {
  error: 'names a folder, so it must not be empty, start with a dot or a space, or hold one of \\ / : * ? " < > |',
});

const target = z.string().refine((text) => /^\s*\S.*->\s*\S+\s*$|^\s*\S.*\.[cm]?[jt]sx?\s*$/.test(text), { error: 'must be written as path/file.ts->Class' });

const dataFile = z.strictObject({
  file_path: z.string().min(1).optional()
    .describe('A JSONL file, one task a line; relative to this YAML, then to the folder the command was started in. Keys of a line: main_query (or question, problem, prompt), init_messages, task_id, env_type, metadata (absent: the whole line).'),
});

const model = z.strictObject({
  path: z.string().min(1).default('embedded')
    .describe('The model that is run and trained: `embedded`, a folder of weights, or provider:model (ollama:qwen3, openai:gpt-4o, …).'),
  base_url: z.url({ protocol: /^https?$/ }).optional().describe('Address of an OpenAI-compatible server, for provider:model. Absent: the provider’s own.'),
  api_key: z.string().min(1).optional().describe('Key for that server. Write ${NAME}, so that it comes from the environment and is stored nowhere.'),
});

const data = z.strictObject({
  max_prompt_length: positive.optional().describe('Longest first prompt of a rollout, in tokens. Absent: only rollout.max_model_len counts.'),
  max_response_length: positive.optional().describe('Most tokens after the first prompt in all turns together. Absent: only rollout.max_model_len counts.'),
  train_batch_size: positive.default(32).describe('Tasks in one training step; each is repeated rollout.num_repeat times.'),
});

const rollout = z.strictObject({
  user_workflow: target.describe('The workflow: path/file.ts->Class, ->function, or the file alone where it holds one AgentWorkflow.'),
  num_repeat: positive.default(4).describe('Rollouts of one task: the size of its group.'),
  max_env_worker: positive.default(16).describe('Rollouts under way at once.'),
  workers: positive.max(256).default(1).describe('Processes that run the workflow; the rollouts are shared out among them.'),
  timeout: z.number().gt(0).default(600).describe('Seconds a rollout may take. Time spent held in a debugger doesn’t count.'),
  block_timeout: z.number().gt(0).default(10).describe('Seconds a workflow may block its process without awaiting anything; then that rollout fails and its stack is told.'),
  worker_memory: positive.default(2048).describe('Megabytes of memory one worker process may fill.'),
  seed: count.default(42).describe('The same seed gives the same tasks, samples and order.'),
  temperature: temperature.default(1).describe('Sampling temperature of training rollouts; 0 is greedy.'),
  top_p: topP.default(1).describe('Nucleus sampling; 1 is off.'),
  top_k: topK.default(-1).describe('Sample among the k most likely tokens; -1 is off.'),
  top_logprobs: z.int().min(0).max(20).default(0).describe('How many alternatives of each sampled token are kept in the trace.'),
  max_response_length_in_one_turn: positive.default(1024).describe('Most tokens the model may answer in one call.'),
  max_model_len: positive.optional().describe('Longest prompt plus answer, in tokens. Absent: what the model can hold.'),
  force_disable_toolcalls: z.boolean().default(false).describe('Don’t tell the model of any tool.'),
  val_kwargs: z.strictObject({
    temperature: temperature.default(0).describe('Sampling temperature of validation rollouts; 0 is greedy.'),
    top_p: topP.default(1).describe('Nucleus sampling; 1 is off.'),
    top_k: topK.default(-1).describe('Sample among the k most likely tokens; -1 is off.'),
    do_sample: z.boolean().optional().describe('false: greedy, whatever the temperature.'),
    num_repeat: positive.default(1).describe('Rollouts of one validation task.'),
  }).prefault({}).describe('Sampling of validation rollouts.'),
  multi_turn: z.strictObject({
    max_steps: positive.default(30).describe('Turns a workflow of many turns should stop after; the workflow reads it from tuner.config.'),
    max_sample_per_task: later(positive),
    expected_steps: later(positive),
  }).prefault({}).describe('Rollouts of many turns.'),
  gamma: later(z.number().refine((value) => value === 1, { error: 'must be 1: a reward is given to the whole rollout' })),
  compute_madness_checklist: later(z.array(z.string())),
  agent_madness_termination: later(z.boolean()),
  agent_madness_reward: later(z.number()),
  tensor_model_parallel_size: later(positive),
  n_vllm_engine: later(positive),
  max_num_seqs: later(positive),
  gpu_memory_utilization: later(fraction),
  name: later(z.string()),
  chat_template_generate_prompt_type: later(z.string()),
  step_skip_action: later(z.number()),
  enable_oversample: later(z.boolean()),
  submit_oversample_multiplier: later(z.number()),
}).describe('How rollouts are run and sampled.');

export const TASK_READER_TYPES = [
  'jsonl_dataset_file', 'random_dummy', 'huggingface_dat_repo', 'env_service', 'data_generation', 'tracing', 'deep_finance',
] as const;

const dummies = z.strictObject({ count: positive.default(1000).describe('How many tasks.') }).prefault({});

const taskReader = z.strictObject({
  type: z.enum(TASK_READER_TYPES).default('jsonl_dataset_file').describe('Where tasks come from.'),
  on_bad_row: z.enum(['stop', 'skip']).default('stop').describe('A line that can’t be read stops the run, or is left out and told.'),
  jsonl_dataset_file: z.strictObject({
    training: dataFile.prefault({}),
    validation: dataFile.prefault({}),
    label_key: z.string().min(1).optional().describe('The key of the metadata that only the judge may see; the workflow never gets it.'),
    query_key: z.string().min(1).optional().describe('The key of a line that holds the query. Absent: main_query, question, problem or prompt, the first that is there.'),
    system_prompt: z.string().min(1).optional().describe('A system message for every task, put before its init_messages unless they begin with one.'),
  }).prefault({}).describe('Tasks from JSONL files.'),
  random_dummy: z.strictObject({ training: dummies, validation: dummies }).prefault({})
    .describe('Tasks that carry only metadata.random_number, for games that make their own start from it.'),
  huggingface_dat_repo: later(anyMapping),
  env_service: later(anyMapping),
  data_generation: later(anyMapping),
  feedback_tracing: later(anyMapping),
  deep_finance: later(anyMapping),
}).prefault({}).describe('The tasks.');

const taskJudge = z.strictObject({
  judge_type: z.enum(['customized_protocol', 'rubrics_auto_grader']).default('customized_protocol')
    .describe('customized_protocol: judge_protocol names the judge.'),
  judge_protocol: target.nullable().default(null)
    .describe(`Grades a rollout whose workflow gave no reward: ${BUILTIN_JUDGES.map((name) => `builtin->${name}`).join(', ')}, or a class of yours, path/file.ts->Class.`),
  tolerance: z.number().min(0).default(1e-6).describe('builtin->number_match: largest difference that counts as equal, relative for numbers above 1.'),
  alien_llm_model: later(z.string()),
  alien_llm_response_length: later(positive),
  rubrics_auto_grader: later(anyMapping),
}).prefault({}).describe('The judge.');

/** AgentJet's keys. */
const lora = z.strictObject({
  lora_rank: count.optional().describe('Backbone gpu: rank of the adapters that are trained in place of the weights; 0 or absent: all weights are trained.'),
  lora_alpha: z.number().gt(0).optional().describe('Scale of the adapters. Absent: twice the rank.'),
  target_modules: z.union([z.string().min(1), z.array(z.string().min(1)).min(1)]).default('all-linear').describe('Layers that get an adapter: all-linear, or a list of names such as [q_proj, v_proj].'),
  load_format: later(z.string()),
  layered_summon: later(z.boolean()),
}).optional().describe('Backbone gpu: train low-rank adapters, which needs far less memory.');

const gpu = z.strictObject({
  url: z.url({ protocol: /^https?$/ }).optional()
    .describe('Address of a GPU runtime that runs already (tuning-fork gpu serve). Absent: one is started here. With ssh: as that machine sees it.'),
  ssh: z.string().regex(/^[^\s-]\S*$/, { error: 'must be a host as ssh knows it, such as me@gpu-box' }).optional()
    .describe('A host on which it runs, as you would give it to ssh: a tunnel is made to it, nothing has to listen to the network there.'),
  token: z.string().min(1).optional().describe('Its token. Write ${NAME}, so that it comes from the environment and is stored nowhere. Absent: TUNING_FORK_GPU_TOKEN, else token_file.'),
  token_file: z.string().min(1).optional().describe('The file its token lies in: here, or with ssh on that host. Absent: ~/.tuning-fork/gpu-token.'),
  certificate: z.string().min(1).optional().describe('For https: a file with the certificate of the runtime (PEM), where no authority vouches for it.'),
  insecure: z.boolean().optional().describe('Allow an http address of another machine, in a network you trust: token and rollouts travel unencrypted.'),
  python: z.string().min(1).optional().describe('The Python that runs it here. Absent: the one that "tuning-fork gpu setup" made.'),
  device: z.string().min(1).optional().describe('auto, cpu, cuda or cuda:0. Absent: the first GPU, else the CPU.'),
  dtype: z.enum(['auto', 'float32', 'bfloat16', 'float16']).optional().describe('Of the weights. Absent or auto: bfloat16 on a GPU, float32 on the CPU.'),
  gradient_checkpointing: z.boolean().optional().describe('Compute activations a second time instead of keeping them: less memory, a third more time.'),
}).prefault({}).describe('Backbone gpu: where the GPU runtime is, and how it holds the model.');

const trainerCommon = z.strictObject({
  total_epochs: positive.default(50).describe('Passes over the training tasks.'),
  total_training_steps: positive.nullable().default(null).describe('Stops after so many steps; null: after total_epochs.'),
  save_freq: z.int().min(-1).default(20).describe('Steps between checkpoints; -1: only at the end.'),
  test_freq: z.int().min(-1).default(20).describe('Steps between validations; -1: never.'),
  val_before_train: z.boolean().default(false).describe('Validate once before the first step.'),
  val_pass_n: positive.default(4).describe('Rollouts of each task in a validation: pass@n.'),
  val_max_num_task_each_validation: positive.nullable().default(null).describe('Tasks of one validation, drawn once; null: all.'),
  val_only: z.boolean().default(false).describe('Validate, don’t train.'),
  mini_batch_num: positive.default(1).describe('Optimizer steps one batch is split into.'),
  ppo_epochs: positive.default(1).describe('Passes over one batch.'),
  algorithm: z.strictObject({
    adv_estimator: z.enum(['grpo', 'dr_grpo', 'rloo', 'reinforce_plus_plus']).default('grpo').describe('How rewards of a group become advantages.'),
    use_kl_in_reward: later(z.boolean()),
  }).prefault({}).describe('The advantage.'),
  optim: z.strictObject({
    lr: z.number().gt(0).optional().describe('Learning rate. Absent: the trainer’s own, which fits its model.'),
    weight_decay: z.number().min(0).default(0.01).describe('AdamW’s weight decay.'),
    betas: z.tuple([fraction, fraction]).default([0.9, 0.999]).describe('AdamW’s betas.'),
    grad_clip: z.number().gt(0).default(1).describe('Largest global norm of the gradient.'),
    lr_warmup_steps: z.int().min(-1).default(-1).describe('Steps in which the learning rate rises from 0; -1: none.'),
    lr_warmup_steps_ratio: later(fraction),
    lr_scheduler_type: z.enum(['constant', 'cosine']).default('constant').describe('cosine: after the warm-up the learning rate falls along half a cosine, to min_lr_ratio of itself at the last step.'),
    min_lr_ratio: fraction.default(0).describe('What cosine leaves of the learning rate at the end, as a share of it.'),
    num_cycles: later(z.number()),
    total_training_steps: later(z.number()),
    optimizer: later(z.string()),
    optimizer_impl: later(z.string()),
    zero_indexed_step: later(z.boolean()),
  }).prefault({}).describe('AdamW.'),
  clip_ratio_low: z.number().gt(0).lt(1).default(0.2).describe('The probability ratio is clipped below at 1 - this.'),
  clip_ratio_high: z.number().gt(0).default(0.2).describe('The probability ratio is clipped above at 1 + this.'),
  clip_ratio_c: z.number().gt(1).default(3).describe('Dual clip for negative advantages.'),
  entropy_coeff: z.number().optional().describe('Weight of the entropy bonus. Absent: the trainer’s own, which fits its model.'),
  use_kl_loss: z.boolean().default(true).describe('Keep the policy near the weights it started from.'),
  kl_loss_coef: z.number().min(0).default(0.002).describe('Weight of that term.'),
  kl_loss_type: z.enum(['low_var_kl']).default('low_var_kl').describe('The k3 estimator.'),
  loss_agg_mode: z.enum(['rollout-mean', 'token-mean', 'seq-mean-token-mean']).default('rollout-mean').describe('How the losses of tokens are averaged.'),
  max_staleness: count.optional()
    .describe('By how many steps the weights that sampled a rollout may be behind those that learn from it. 0: rollouts and steps take turns. From 1 on the next rollouts run while the trainer learns. Absent: 0, with backbone gpu 1.'),
  tis_imp_ratio_cap: z.number().min(0).optional().describe('Truncated importance sampling: a token weighs at most so much more than it was sampled for; 0: not truncated. Absent: 2.'),
  fsdp_config: z.looseObject({
    optimizer_offload: z.boolean().optional().describe('Backbone gpu: keep the state of the optimizer in the memory of the machine, not of the GPU.'),
    param_offload: later(z.boolean()),
  }).optional().describe('AgentJet’s key; of it optimizer_offload counts.'),
  logger: later(z.unknown()),
  nnodes: later(positive),
  n_gpus_per_node: later(positive),
  loss_extra_scale_ratio: later(z.number()),
  loss_weight_normalization_episode_level: later(z.boolean()),
  advantage_estimation_episode_level: later(z.boolean()),
  ulysses_sequence_parallel_size: later(positive),
  checkpoint_base_dir: later(z.string()),
  save_trajectory_as_json_file: later(z.boolean()),
  val_max_num_task_clip_method: later(z.string()),
  val_print_to_markdown_file_path: later(z.string().nullable()),
  train_print_to_markdown_file_path: later(z.string().nullable()),
}).prefault({}).describe('Training.');

/** `read_folder_name` and `read_yaml_name` are replaced when a file is read. */
export const configSchema = z.strictObject({
  project_name: folderName.default('read_folder_name').describe('First part of the folder runs are kept in. read_folder_name: the name of the YAML’s folder.'),
  experiment_name: folderName.default('read_yaml_name').describe('Second part of that folder. read_yaml_name: the YAML’s name without its ending.'),
  experiment_dir: z.string().min(1).default('auto').describe('Where runs are kept. auto: runs/<project_name>/<experiment_name>.'),
  backbone: z.enum(['debug', 'embedded', 'gpu', 'trinity', 'verl']).default('debug')
    .describe('debug: run rollouts, train nothing. embedded: train on this machine, without Python. gpu: train on a GPU, here or elsewhere. trinity, verl: not here yet.'),
  trainable_targets: z.array(z.string().min(1)).refine((roles) => roles.length > 0, {
    error: 'is [], which would train nothing; leave the key out to train every role',
  }).optional().describe('The roles to train, in place of the workflow’s own trainableTargets. Absent: what the workflow says.'),
  model: model.prefault({}).describe('The model.'),
  data: data.prefault({}).describe('Lengths and the batch.'),
  rollout,
  task_reader: taskReader,
  task_judge: taskJudge,
  trainer_common: trainerCommon,
  debug: z.strictObject({
    debug_max_parallel: positive.default(4).describe('Backbone debug: rollouts under way at once.'),
    debug_first_n_tasks: positive.default(2).describe('Backbone debug: only so many tasks, from the first on.'),
    debug_vllm_port: later(z.number()),
    debug_vllm_seed: later(z.number()),
    debug_tensor_parallel_size: later(z.number()),
  }).prefault({}).describe('Only for the call `tuning-fork --conf … --backbone debug`.'),
  context_tracker: later(anyMapping),
  lora,
  gpu,
  task_runner: later(anyMapping),
  interchange_server: later(anyMapping),
  enable_experimental_interchange_server: later(z.boolean()),
  enable_interchange_server: later(z.boolean()),
  enable_swarm_mode: later(z.boolean()),
  swarm_mode_sample_collection_method: later(z.string()),
  swarm_mode_sample_collection_max_cached_episodes: later(z.number()),
  execute_test: later(z.boolean()),
  execute_testing_lambda: later(z.string()),
}).refine(({ data: { max_prompt_length: prompt, max_response_length: response }, rollout: { max_model_len: all } }) =>
  prompt === undefined || response === undefined || all === undefined || prompt + response <= all, {
  path: ['rollout', 'max_model_len'],
  error: 'is less than data.max_prompt_length + data.max_response_length',
});

export type TuningForkConfig = z.output<typeof configSchema>;
