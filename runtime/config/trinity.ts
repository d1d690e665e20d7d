import type { ErrorInfo } from '../protocol/errors.ts';
import type { Json, JsonObject } from '../protocol/json.ts';
import { join, type Mark, type YamlTree } from './yaml.ts';

/**
 * A YAML of Trinity-RFT, as AgentScope's `tune` takes it, read as ours: what has a meaning here stands under our key, with its place in the
 * file; what has none is told once.
 */
export interface TrinityTree {
  tree: YamlTree;
  /** The key of the file behind each of ours. */
  keys: ReadonlyMap<string, string>;
  warnings: ErrorInfo[];
}

/** Top-level keys of Trinity's. */
const TOP = [
  'mode', 'project', 'name', 'checkpoint_root_dir', 'algorithm', 'model', 'cluster', 'buffer', 'explorer', 'trainer', 'synchronizer', 'monitor',
  'continue_from_checkpoint', 'data_processor', 'service', 'stages', 'log', 'ignore_validator_suggestions', 'group', 'ray_namespace',
];

/** Those that only Trinity has: two of them, and it is no configuration of ours with a line forgotten. */
const SIGNS = ['algorithm', 'cluster', 'buffer', 'explorer', 'synchronizer', 'monitor', 'trainer'];

/** One task set, or a list of one. */
const TASKSETS = ['buffer.explorer_input.taskset', 'buffer.explorer_input.tasksets.0'];
const EVAL = 'buffer.explorer_input.eval_tasksets.0';

type Translate = (value: Json, told: Told) => Json | undefined;

interface Told {
  problem(message: string, next?: string): void;
  warn(message: string, next?: string): void;
  at(key: string): Json | undefined;
}

/** In Trinity `null` and 0 often stand for "not set". */
const unlessZero: Translate = (value) => (value === 0 || value === null ? undefined : value);
const unlessNull: Translate = (value) => value ?? undefined;

type Mapping = readonly [theirs: string, ours: string, translate?: Translate];

/** A later line wins, as what is said of a task set does over what is said of the model. */
const MAPPED: readonly Mapping[] = [
  ['project', 'project_name'],
  ['name', 'experiment_name'],
  ['algorithm.algorithm_type', 'trainer_common.algorithm.adv_estimator', advantage],
  ['algorithm.repeat_times', 'rollout.num_repeat'],
  ['algorithm.optimizer.lr', 'trainer_common.optim.lr', unlessNull],
  ['algorithm.optimizer.weight_decay', 'trainer_common.optim.weight_decay', unlessNull],
  ['algorithm.optimizer.betas', 'trainer_common.optim.betas', unlessNull],
  ['algorithm.optimizer.lr_warmup_steps', 'trainer_common.optim.lr_warmup_steps', unlessNull],
  ['algorithm.optimizer.lr_scheduler_type', 'trainer_common.optim.lr_scheduler_type', unlessNull],
  ['algorithm.optimizer.min_lr_ratio', 'trainer_common.optim.min_lr_ratio', unlessNull],
  ['algorithm.policy_loss_fn_args.clip_range', 'trainer_common.clip_ratio_low'],
  ['algorithm.policy_loss_fn_args.clip_range', 'trainer_common.clip_ratio_high'],
  ['algorithm.policy_loss_fn_args.clip_range_low', 'trainer_common.clip_ratio_low'],
  ['algorithm.policy_loss_fn_args.clip_range_high', 'trainer_common.clip_ratio_high'],
  ['algorithm.kl_loss_fn_args.kl_coef', 'trainer_common.kl_loss_coef'],
  ['algorithm.kl_loss_fn', 'trainer_common.use_kl_loss', (value) => value !== 'none'],
  ['algorithm.entropy_loss_fn_args.entropy_coef', 'trainer_common.entropy_coeff'],
  ['algorithm.loss_agg_mode', 'trainer_common.loss_agg_mode', unlessNull],
  ['model.model_path', 'model.path'],
  ['model.max_model_len', 'rollout.max_model_len', unlessZero],
  ['model.max_prompt_tokens', 'data.max_prompt_length', unlessZero],
  ['model.max_response_tokens', 'rollout.max_response_length_in_one_turn', unlessZero],
  ['model.temperature', 'rollout.temperature', unlessNull],
  ['model.top_p', 'rollout.top_p', unlessNull],
  ['buffer.batch_size', 'data.train_batch_size'],
  ['buffer.train_batch_size', 'trainer_common.mini_batch_num', miniBatches],
  ['buffer.total_epochs', 'trainer_common.total_epochs'],
  ['buffer.total_steps', 'trainer_common.total_training_steps', unlessZero],
  ...TASKSETS.flatMap((set): Mapping[] => [
    [`${set}.path`, 'task_reader.jsonl_dataset_file.training.file_path', dataFile(set)],
    [`${set}.format.prompt_key`, 'task_reader.jsonl_dataset_file.query_key', unlessNull],
    [`${set}.format.system_prompt`, 'task_reader.jsonl_dataset_file.system_prompt', unlessNull],
    [`${set}.rollout_args.temperature`, 'rollout.temperature', unlessNull],
    [`${set}.rollout_args.top_p`, 'rollout.top_p', unlessNull],
    [`${set}.rollout_args.top_k`, 'rollout.top_k', unlessNull],
    [`${set}.rollout_args.max_tokens`, 'rollout.max_response_length_in_one_turn', unlessZero],
  ]),
  [`${EVAL}.path`, 'task_reader.jsonl_dataset_file.validation.file_path', dataFile(EVAL)],
  [`${EVAL}.rollout_args.temperature`, 'rollout.val_kwargs.temperature', unlessNull],
  [`${EVAL}.rollout_args.top_p`, 'rollout.val_kwargs.top_p', unlessNull],
  [`${EVAL}.rollout_args.top_k`, 'rollout.val_kwargs.top_k', unlessNull],
  [`${EVAL}.repeat_times`, 'trainer_common.val_pass_n', unlessZero],
  ['explorer.runner_per_model', 'rollout.max_env_worker', (value, { at }) => times(value, at('explorer.rollout_model.engine_num'))],
  ['explorer.max_timeout', 'rollout.timeout', unlessZero],
  ['explorer.rollout_model.seed', 'rollout.seed', unlessNull],
  ['explorer.eval_interval', 'trainer_common.test_freq', unlessZero],
  ['explorer.eval_on_startup', 'trainer_common.val_before_train'],
  ['monitor.monitor_type', 'trainer_common.logger', curves],
  ['trainer.save_interval', 'trainer_common.save_freq', (value) => (value === 0 ? -1 : value)],
  ['trainer.total_steps', 'trainer_common.total_training_steps', unlessZero],
  ['trainer.grad_clip', 'trainer_common.optim.grad_clip', unlessNull],
];

/** Read by another key's translation, or saying what is so here anyway. */
const UNDERSTOOD = [
  'mode', 'explorer.rollout_model.engine_num', `${EVAL}.format.prompt_key`, `${EVAL}.format.system_prompt`,
  ...[...TASKSETS, EVAL].flatMap((set) => ['split', 'name', 'storage_type', 'subset_name', 'format.response_key'].map((key) => `${set}.${key}`)),
  'explorer.rollout_model.enable_openai_api', 'explorer.rollout_model.enable_history', 'explorer.rollout_model.enable_auto_tool_choice', 'explorer.rollout_model.enable_prefix_caching',
];

function isTrinity(data: Json | undefined): data is JsonObject {
  return isObject(data) && SIGNS.filter((key) => Object.hasOwn(data, key)).length >= 2;
}

/** Undefined for a file of another kind. Everything that can't be meant here is told with its place. */
export function readTrinity(tree: YamlTree): TrinityTree | undefined {
  if (!isTrinity(tree.data)) return undefined;
  const leaves = new Map(trinityLeaves(withoutResolvers(tree.data) as JsonObject));
  const body: JsonObject = {};
  const keys = new Map<string, string>();
  const marks = new Map<string, Mark>([['tuning_fork', { value: 0, plain: false }]]);
  const problems: ErrorInfo[] = [...tree.problems];
  const warnings: ErrorInfo[] = [];
  const placeOf = (key: string): ErrorInfo['where'] => {
    const mark = tree.marks.get(key);
    return mark && tree.placeAt(mark.key ?? mark.value, key);
  };
  for (const [theirs, ours, translate] of MAPPED) {
    const value = leaves.get(theirs);
    if (value === undefined) continue;
    const told: Told = {
      problem: (message, next) => void problems.push({ code: 'config', message, next, where: placeOf(theirs) }),
      warn: (message, next) => void warnings.push({ code: 'config', message, next, where: placeOf(theirs) }),
      at: (key) => leaves.get(key),
    };
    const translated = translate === undefined ? value : translate(value, told);
    if (translated === undefined) continue;
    put(body, ours, translated);
    keys.set(ours, theirs);
    for (const [path, mark] of tree.marks) {
      if (path === theirs || path.startsWith(`${theirs}.`)) marks.set(`tuning_fork.${ours}${path.slice(theirs.length)}`, mark);
    }
  }
  const strangers = Object.keys(tree.data).filter((key) => !TOP.includes(key));
  for (const key of strangers) problems.push({ code: 'config', message: `There is no key \`${key}\` in a configuration of Trinity-RFT.`, where: placeOf(key) });
  const known = new Set([...MAPPED.map(([theirs]) => theirs), ...UNDERSTOOD]);
  const without = [...leaves.keys()].filter((key) => !known.has(key) && !strangers.includes(key.split('.', 1)[0]!));
  if (without.length > 0) {
    warnings.push({
      code: 'config', message: `${folded(without, leaves).join(', ')} ${without.length === 1 ? 'has' : 'have'} no effect here.`,
      next: 'They are for Trinity-RFT; everything else in the file counts.', where: placeOf(without[0]!),
    });
  }
  return { tree: { ...tree, data: { tuning_fork: body }, marks, problems }, keys, warnings };
}

/** What the schema says of our keys, said of those that stand in the file. */
export function inTheirWords(problem: ErrorInfo, { keys }: TrinityTree): ErrorInfo {
  if (problem.where?.key === 'rollout.user_workflow') {
    return { ...problem, message: 'A configuration of Trinity-RFT names no workflow.', next: 'Call tune(yourWorkflow, "this file") in your code, or give --workflow path/file.ts->function.' };
  }
  const reworded = (text: string): string => text.replace(/`([\w.]+)`/g, (whole, key: string) => (keys.has(key) ? `\`${keys.get(key)!}\`` : whole));
  const { where } = problem;
  const key = where?.key === undefined ? undefined : keys.get(where.key) ?? where.key;
  return { ...problem, message: reworded(problem.message), next: problem.next && reworded(problem.next), ...(where && { where: { ...where, ...(key !== undefined && { key }) } }) };
}

/** Where a mapping has nothing that counts, it is named as a whole. */
function folded(without: readonly string[], leaves: ReadonlyMap<string, Json>): string[] {
  const lost = new Set(without);
  const names = without.map((key) => {
    const parts = key.split('.');
    for (let length = 1; length < parts.length; length++) {
      const above = parts.slice(0, length).join('.');
      const below = [...leaves.keys()].filter((leaf) => leaf.startsWith(`${above}.`));
      if (below.every((leaf) => lost.has(leaf))) return above;
    }
    return key;
  });
  return [...new Set(names)];
}

function advantage(type: Json, { problem }: Told): Json | undefined {
  const known: Record<string, string> = { grpo: 'grpo', multi_step_grpo: 'grpo', rloo: 'rloo', reinforceplusplus: 'reinforce_plus_plus' };
  if (typeof type === 'string' && Object.hasOwn(known, type)) return known[type];
  problem(`\`algorithm.algorithm_type\` is ${JSON.stringify(type)}, which can’t be trained here.`, `Known here: ${Object.keys(known).join(', ')}.`);
  return undefined;
}

/** Nothing to choose: TensorBoard's files are always written. */
function curves(type: Json, { warn }: Told): undefined {
  if (type !== 'tensorboard') warn(`\`monitor.monitor_type\` is ${JSON.stringify(type)}; curves are written as files of TensorBoard.`);
}

/** `train_batch_size` counts rollouts of one optimizer step. */
function miniBatches(size: Json, { at, warn }: Told): Json | undefined {
  const rollouts = times(at('buffer.batch_size') ?? 1, at('algorithm.repeat_times'));
  if (typeof size !== 'number' || typeof rollouts !== 'number' || size === 0 || size >= rollouts) return undefined;
  if (rollouts % size !== 0) warn(`\`buffer.train_batch_size\` does not divide the ${rollouts} rollouts of a batch, so its minibatches are of another size.`);
  return Math.max(1, Math.round(rollouts / size));
}

function times(value: Json, by: Json | undefined): Json {
  return typeof value === 'number' && typeof by === 'number' && by > 0 ? value * by : value;
}

/** A file is taken as it is; a folder of a data set, or its name on a hub, becomes the file of its split. */
function dataFile(set: string): Translate {
  return (path, { at, warn }) => {
    if (typeof path !== 'string' || /\.\w+$/.test(path)) return path;
    const split = at(`${set}.split`) ?? 'train';
    const file = `${path.replace(/\/$/, '')}/${String(split)}.jsonl`;
    warn(`\`${set}.path\` names a data set; its tasks are read from the file ${file}.`, 'Nothing is fetched from a hub: put its rows there, one JSON object a line, or name another file.');
    return file;
  };
}

/** OmegaConf's `${oc.env:NAME,default}` as our `${NAME:-default}`. */
function withoutResolvers(value: Json): Json {
  if (typeof value === 'string') return value.replace(/\$\{oc\.env:\s*(\w+)\s*(?:,\s*([^}]*))?\}/g, (_, name: string, fallback?: string) => (fallback === undefined ? `\${${name}}` : `\${${name}:-${fallback}}`));
  if (Array.isArray(value)) return value.map(withoutResolvers);
  return isObject(value) ? Object.fromEntries(Object.entries(value).map(([key, each]) => [key, withoutResolvers(each)])) : value;
}

/** Values that are no mapping, by path; lists of mappings are gone into, as task sets are such. */
export function trinityLeaves(value: JsonObject, path = ''): [string, Json][] {
  return Object.entries(value).flatMap(([key, each]): [string, Json][] => {
    const full = join(path, key);
    if (Array.isArray(each) && each.some(isObject)) return each.flatMap((item, i) => (isObject(item) ? trinityLeaves(item, join(full, String(i))) : [[join(full, String(i)), item]]));
    return isObject(each) ? trinityLeaves(each, full) : [[full, each]];
  });
}

function put(body: JsonObject, path: string, value: Json): void {
  const keys = path.split('.');
  const last = keys.pop()!;
  let at = body;
  for (const key of keys) at = (at[key] ??= {}) as JsonObject;
  at[last] = value;
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
