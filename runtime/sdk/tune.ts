/** AgentScope's `tune`: a workflow that is a function, and a configuration of Trinity-RFT or ours. Trains wherever the configuration says. */
import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { TuningForkError } from '../protocol/errors.ts';
import type { Json, JsonObject } from '../protocol/json.ts';
import { withoutSlash } from '../protocol/paths.ts';
import { callSite } from './call-site.ts';
import type { AuxiliaryModels, JudgeFunction, WorkflowFunction } from './functions.ts';

export interface DatasetConfig {
  /** A JSONL file, or a folder with one of the name of the split. */
  path: string;
  name?: string;
  split?: string;
  totalEpochs?: number;
  totalSteps?: number;
}

export interface TunerModelConfig {
  /** `embedded`, a folder of weights, or provider:model. */
  modelPath: string;
  maxModelLen?: number;
  temperature?: number;
  topP?: number;
  maxTokens?: number;
}

export interface AlgorithmConfig {
  algorithmType?: string;
  learningRate?: number;
  groupSize?: number;
  batchSize?: number;
  saveIntervalSteps?: number;
  evalIntervalSteps?: number;
}

export interface TuneOptions {
  workflowFunc: WorkflowFunction;
  judgeFunc?: JudgeFunction;
  trainDataset?: DatasetConfig;
  evalDataset?: DatasetConfig;
  model?: TunerModelConfig;
  auxiliaryModels?: AuxiliaryModels;
  algorithm?: AlgorithmConfig;
  projectName?: string;
  experimentName?: string;
  /** Curves are always written for TensorBoard, whatever is said here. */
  monitorType?: string;
  /** What the other options don't say. */
  configPath?: string;
}

/** What a file hands to `tune`, by the names a configuration has for it. The worker that imports the file takes it from there instead of training. */
export interface Tuned {
  file: string;
  functions: Readonly<Record<string, WorkflowFunction | JudgeFunction>>;
  auxiliaryModels?: AuxiliaryModels | undefined;
}

/** True for what was looked for. A file that calls `tune` twice hands over twice. */
type Receive = (tuned: Tuned) => boolean;
type Shared = { [key: symbol]: Receive | undefined };

/** One receiver for all copies of this package in the process. */
const receiver = Symbol.for('tuning-fork.tune');

export function receiveTuned(receive: Receive): void {
  (globalThis as Shared)[receiver] = receive;
}

/** What was trained before, by its target: a worker could not tell two of one name apart. */
const trained = new Map<string, Function>();

/** Trains; resolves when the training has come to its end. */
export function tune(workflowFunc: WorkflowFunction, configPath: string): Promise<void>;
export function tune(options: TuneOptions): Promise<void>;
export async function tune(first: WorkflowFunction | TuneOptions, configPath?: string): Promise<void> {
  const options: TuneOptions = typeof first === 'function' ? { workflowFunc: first, ...(configPath !== undefined && { configPath }) } : first;
  const where = callSite(tune).place;
  if (where === undefined) throw new TuningForkError('workflow', 'tune() was not called from a file.', { next: 'Call it from a .ts file that node runs.' });
  const { workflowFunc, judgeFunc, auxiliaryModels } = options;
  const names = { workflow: functionName(workflowFunc, 'workflowFunc', where), judge: judgeFunc && functionName(judgeFunc, 'judgeFunc', where) };
  const receive = (globalThis as Shared)[receiver];
  if (receive !== undefined) {
    const functions = { [names.workflow]: workflowFunc, ...(judgeFunc !== undefined && { [names.judge!]: judgeFunc }) };
    // The file goes no further: what follows `await tune(…)` is not for a worker.
    return receive({ file: where.file, functions, auxiliaryModels }) ? new Promise<never>(() => {}) : undefined;
  }
  const target = `${where.file}->${names.workflow}`;
  if ((trained.get(target) ?? workflowFunc) !== workflowFunc) {
    throw new TuningForkError('workflow', `This file gives tune() two functions of the name ${names.workflow}.`, { where, next: 'Write each as a function with a name of its own, outside of the call.' });
  }
  trained.set(target, workflowFunc);
  const settings = settingsOf(options);
  const conf = options.configPath === undefined ? written(settings, names.workflow) : resolve(withoutSlash(options.configPath));
  await train([
    '--conf', conf, '--workflow', target, ...(names.judge === undefined ? [] : ['--judge', `${where.file}->${names.judge}`]),
    ...(options.configPath === undefined ? [] : Object.entries(settings).flatMap(([key, value]) => ['--set', `${key}=${JSON.stringify(value)}`])),
  ]);
}

function functionName(run: unknown, option: string, where: { file: string; line?: number }): string {
  if (typeof run !== 'function') throw new TuningForkError('workflow', `\`${option}\` of tune() is not a function.`, { where, next: 'Give it an async function.' });
  return /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(run.name) ? run.name : option;
}

/** Options as keys of the configuration. */
function settingsOf({ trainDataset: data, evalDataset: evaluation, model, algorithm, projectName, experimentName, judgeFunc }: TuneOptions): Record<string, Json> {
  const settings: Record<string, Json | undefined> = {
    project_name: projectName,
    experiment_name: experimentName,
    'model.path': model?.modelPath,
    'rollout.max_model_len': model?.maxModelLen,
    'rollout.temperature': model?.temperature,
    'rollout.top_p': model?.topP,
    'rollout.max_response_length_in_one_turn': model?.maxTokens,
    'trainer_common.algorithm.adv_estimator': algorithm?.algorithmType?.replace(/^multi_step_/, '').replace('reinforceplusplus', 'reinforce_plus_plus'),
    'trainer_common.optim.lr': algorithm?.learningRate,
    'rollout.num_repeat': algorithm?.groupSize,
    'data.train_batch_size': algorithm?.batchSize,
    'trainer_common.save_freq': algorithm?.saveIntervalSteps,
    'trainer_common.test_freq': algorithm?.evalIntervalSteps,
    'task_reader.jsonl_dataset_file.training.file_path': data && fileOf(data, 'train'),
    'task_reader.jsonl_dataset_file.validation.file_path': evaluation && fileOf(evaluation, 'test'),
    'trainer_common.total_epochs': data?.totalEpochs,
    'trainer_common.total_training_steps': data?.totalSteps,
    // A judge of the configuration would else grade, too.
    ...(judgeFunc === undefined ? {} : { 'task_judge.judge_type': 'customized_protocol' }),
  };
  return Object.fromEntries(Object.entries(settings).filter((entry): entry is [string, Json] => entry[1] !== undefined));
}

function fileOf({ path, split }: DatasetConfig, usual: string): string {
  return /\.\w+$/.test(path) ? path : `${path.replace(/\/$/, '')}/${split ?? usual}.jsonl`;
}

/** A configuration of its own, for whoever writes none. JSON is YAML. */
function written(settings: Record<string, Json>, workflow: string): string {
  const root: JsonObject = {};
  const { experiment_name: name = workflow } = settings;
  for (const [path, value] of Object.entries(settings)) {
    const keys = path.split('.');
    const last = keys.pop()!;
    keys.reduce<JsonObject>((at, key) => (at[key] ??= {}) as JsonObject, root)[last] = value;
  }
  const folder = resolve('runs', 'tune');
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `${String(name).replace(/[^\w.-]/g, '_')}.yaml`);
  writeFileSync(file, `# Written by tune().\n${JSON.stringify({ tuning_fork: root }, null, 2)}\n`);
  return file;
}

async function train(args: string[]): Promise<void> {
  const cli = fileURLToPath(new URL('../cli/bin.mjs', import.meta.url));
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', cli, 'train', ...args], { stdio: 'inherit' });
  // Ctrl-C reaches both of us, another end only this: the command saves and stops, and this waits for it.
  let ended = false;
  const wait = (): void => void (ended = true);
  const stop = (): void => void (ended = child.kill('SIGTERM'));
  process.on('SIGINT', wait).on('SIGTERM', stop);
  const [code] = await new Promise<[number | null]>((settle, fail) => child.once('error', fail).once('exit', (status) => settle([status])));
  process.off('SIGINT', wait).off('SIGTERM', stop);
  if (ended) process.exit(code ?? 1);
  if (code !== 0) throw told(new TuningForkError('workflow', `The training ended with exit code ${code ?? 'none'}.`, { next: 'The lines above say why.' }), code ?? 1);
}

/** The command has said what is wrong, in the reader's language: where nobody catches it, it ends this process in silence. */
function told(error: Error, code: number): Error {
  if (process.listenerCount('uncaughtException') > 0) return error;
  process.once('uncaughtException', (uncaught) => {
    if (uncaught !== error) console.error(uncaught);
    process.exit(uncaught === error ? code : 1);
  });
  return error;
}
