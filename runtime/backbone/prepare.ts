/** From a client's request to everything a run needs, or to one error that says what is wrong. */
import { existsSync } from 'node:fs';
import { basename, extname, join, resolve } from 'node:path';
import { findPath, needFile } from '../config/files.ts';
import type { LoadedConfig } from '../config/load.ts';
import { samplingOf } from '../config/sampling.ts';
import { ENTRYPOINT, splitTarget } from '../config/target.ts';
import { judgeOf, type ResolvedJudge } from '../judges/resolve.ts';
import type { OpeningListener } from '../policy/gpu.ts';
import { embedded, type PolicySpec } from '../policy/open.ts';
import { isProviderModel } from '../policy/providers.ts';
import type { Policy } from '../policy/policy.ts';
import { recordedPolicy } from '../policy/recorded.ts';
import { stampOf } from '../processes/stamp.ts';
import type { StartRun } from '../protocol/backbone.ts';
import { TuningForkError } from '../protocol/errors.ts';
import type { JsonObject } from '../protocol/json.ts';
import { smallDrive } from '../protocol/paths.ts';
import { TRACE_VERSION, type Replay, type RolloutRecord, type RunInfo } from '../protocol/trace.ts';
import type { DefaultModel, WorkerLoad } from '../protocol/worker.ts';
import { openTasks } from '../tasks/open.ts';
import type { TaskSource } from '../tasks/source.ts';
import { openRunReader, readRolloutTest, type InFlight } from '../trace/index.ts';
import { checkpointElsewhere } from '../trainers/elsewhere.ts';
import { gpuSettings } from '../trainers/gpu/settings.ts';
import { createRun, openRun, type NewRun, type RunWriter } from '../trace/writer.ts';
import { givenKeys, loadRunConfig } from './asked.ts';
import type { Answering } from './attempt.ts';
import { checkpointFolder } from './checkpoints.ts';
import { plannedJobs, replayJobs, testJobs, type Job } from './jobs.ts';
import { checkFunctions } from './functions.ts';
import { endOrphans } from './orphans.ts';
import type { PolicyCache } from './policies.ts';
import { secretsOf } from './secrets.ts';
import { sourceHashes } from './sources.ts';
import { checkTrainedRoles } from './trained-roles.ts';

/** Importing the user's files takes less than a second; the packages of some take a few. */
const LONGEST_IMPORT_MS = 60_000;

export interface Prepared {
  config: LoadedConfig;
  writer: RunWriter;
  /** What no file and no client may be shown. */
  secrets: string[];
  /** The folder all runs of the project are in. */
  runsRoot: string;
  load: WorkerLoad;
  judge: ResolvedJudge;
  debugging: Pick<StartRun, 'inspect' | 'stops' | 'stopOnEntry'>;
  /** How the gateway treats the calls of every rollout. */
  door: Answering['door'];
  /** Milliseconds; null while a debugger may stop the code. */
  rolloutTimeout: number | null;
  concurrency: number;
  workers: number;
  /** Megabytes for each of them. */
  workerMemory: number;
  jobs(): AsyncGenerator<Job>;
  openModel(policies: PolicyCache, listener: OpeningListener): Promise<Policy>;
  openDefault(policies: PolicyCache, model: DefaultModel): Promise<Policy>;
}

/** `check` sees the configuration before anything is made of it. */
export async function prepareRun(request: StartRun, project: string, check: (config: LoadedConfig) => void = () => {}): Promise<Prepared> {
  const stored = request.replay && await storedRollout(smallDrive(resolve(request.cwd, request.replay.dir)), request.replay.rollout);
  const tests = request.test && await Promise.all(request.test.files.map((file) => readRolloutTest(resolve(request.cwd, file))));
  const config = await loadRunConfig(request, stored?.info);
  check(config);
  const replayed = stored?.record ?? (stored?.open && await openRecord(stored.open, config)) ?? tests?.[0]?.record;
  if (request.replay !== undefined && replayed !== undefined) checkPoint(request.replay, replayed);
  const { rollout } = config.config;
  const split = replayed?.split ?? request.split ?? 'training';
  const tasks = replayed === undefined ? openTasks(config, split) : undefined;
  const judge = judgeOf(config, splitTarget(rollout.user_workflow).className);
  const repeats = request.repeats ?? (split === 'training' ? rollout.num_repeat : rollout.val_kwargs.num_repeat);
  const workers = request.inspect ? 1 : request.workers ?? rollout.workers;
  const concurrency = Math.max(workers, request.concurrency ?? (request.inspect ? 1 : rollout.max_env_worker));
  const spec = sampledFrom(request, config);
  const load = workerLoad(config, judge, request, project);
  await checkFunctions(load);
  await checkTrainedRoles(load, request.train === undefined ? config.place('trainable_targets') : undefined);

  const info: NewRun = {
    project: config.config.project_name, experiment: config.config.experiment_name, kind: request.kind,
    conf: config.file, config: config.shown, ...(request.kind === 'training' && { given: givenKeys(request, config.shown) }), workflow: nameOf(load.workflow), policy: '', planned: tests?.length ?? await planned(request, tasks, repeats), files: await sourceHashes(load),
    ...(request.replay !== undefined && { replay: { ...request.replay, dir: stored!.dir } }),
    backbone: stampOf(process.pid), workers: [],
  };
  const root = runsRoot(project, config);
  const secrets = secretsOf(config, request.env);
  await endOrphans(root);
  const writer = request.training?.resume === undefined ? await createRun(root, info, { secrets, claim: claimName }) : await goOn(request.training.resume, info, secrets);
  const { run } = writer.info;

  return {
    config, writer, secrets, runsRoot: root, judge, load, debugging: request, concurrency, workers, workerMemory: rollout.worker_memory,
    door: {
      seed: rollout.seed, mode: split === 'training' ? 'train' : 'eval', sampling: samplingOf(config.config, split),
      top: rollout.top_logprobs, maxModelLength: rollout.max_model_len, withoutTools: rollout.force_disable_toolcalls,
    },
    rolloutTimeout: request.inspect ? null : rollout.timeout * 1_000,
    jobs: () => tests !== undefined ? testJobs(tests, run)
      : replayed === undefined ? plannedJobs(tasks!.tasks(), { run, split, repeats, ids: request.tasks?.ids, first: request.tasks?.first })
      : replayJobs(replayed, run, request.replay!.untilCall ?? replayed.calls.length, request.replay!.forks, request.replay!.untilToken),
    openModel: async (policies, listener) => (tests !== undefined ? recordedPolicy() : policies.get(spec, config.dir, request.env, listener)),
    openDefault: async (policies, model) => {
      if (tests !== undefined) return recordedPolicy();
      const folder = typeof model === 'string' ? await checkpointFolder(model, { dir: config.dir, cwd: config.cwd, runsRoot: root }) : undefined;
      return policies.get(folder ?? model, config.dir, request.env);
    },
  };
}

/** An entrypoint is called as its file. */
function nameOf({ file, className }: WorkerLoad['workflow']): string {
  return className === ENTRYPOINT ? basename(file, extname(file)) : className;
}

const names = new Set<string>();

/** Runs of different experiments lie in different folders and may begin in the same second; the gateway and clients know them by name. */
export function claimName(name: string): boolean {
  return !names.has(name) && names.add(name).size > 0;
}

export function runsRoot(project: string, config: LoadedConfig): string {
  const { experiment_dir: dir } = config.config;
  return dir === 'auto' ? join(project, 'runs') : smallDrive(resolve(config.dir, dir));
}

/** A `--model` is meant from where the command was typed, the YAML's from where the YAML lies. */
export function modelSpec({ model }: Pick<StartRun, 'model'>, config: LoadedConfig): PolicySpec {
  const { path, base_url: baseURL, api_key: apiKey } = config.config.model;
  // The address in the YAML is the one of the YAML's own model.
  if (model !== undefined) return path;
  if (baseURL !== undefined) return { baseURL, apiKey: apiKey ?? '', model: path.replace(/^[\w-]+:/, '') };
  return findPath(config, path) ?? path;
}

/** An adapter alone has no graphs; the GPU runtime adds it to the model it belongs to. */
export function needWholeModel(spec: PolicySpec, config: LoadedConfig): void {
  if (typeof spec !== 'string' || !existsSync(join(spec, 'adapter_config.json')) || existsSync(join(spec, 'config.json'))) return;
  throw new TuningForkError('config', `${spec} holds an adapter, not a model.`, {
    where: config.place('model.path'), next: `Go on with its own training ("tuning-fork train --resume"), or make one model of both with "tuning-fork export-policy ${spec}".`,
  });
}

/** Where a configuration is trained by the GPU runtime, that samples too; not from a server of its own, nor where ONNX Runtime has the graph it needs. */
function sampledFrom(request: StartRun, config: LoadedConfig): PolicySpec {
  const spec = modelSpec(request, config);
  if (config.config.backbone !== 'gpu' || request.kind === 'training' || typeof spec !== 'string' || isProviderModel(spec)) return spec;
  const gpu = gpuSettings(config.config, { model: spec === 'embedded' ? embedded : spec, dir: config.dir, env: request.env });
  if (gpu.place.kind === 'here' || request.model === undefined) return { gpu, model: spec };
  // A runtime elsewhere has the model it serves and the checkpoints it made, and nothing else that was asked for here.
  const checkpoint = checkpointElsewhere(spec);
  return checkpoint === undefined ? spec : { gpu, model: spec, checkpoint };
}

export function workerLoad(config: LoadedConfig, judge: ResolvedJudge, request: StartRun, project: string): WorkerLoad {
  const { user_workflow: target, block_timeout: blockTimeout } = config.config.rollout;
  const { file, className } = splitTarget(target, config.place('rollout.user_workflow'));
  return {
    projectDir: project, env: request.env, config: config.shown,
    workflow: { file: needFile(config, file, 'rollout.user_workflow'), className },
    ...(judge.kind === 'user' && { judge: { file: needFile(config, judge.file, 'task_judge.judge_protocol'), className: judge.className } }),
    ...(config.config.trainable_targets && { trainableTargets: config.config.trainable_targets }),
    limits: request.inspect ? null : { import: LONGEST_IMPORT_MS, block: blockTimeout * 1_000 },
    inspect: request.inspect ?? false,
  };
}

async function planned(request: StartRun, tasks: TaskSource | undefined, repeats: number): Promise<number> {
  if (request.kind === 'training') return 0;
  if (request.replay !== undefined) return Math.max(1, request.replay.forks);
  const { ids, first } = request.tasks ?? {};
  if (ids !== undefined) return ids.length * repeats;
  let count = 0;
  for await (const _ of tasks!.tasks()) if (++count === first) break;
  if (count === 0) throw new TuningForkError('data', `${tasks!.name} holds no task.`, { next: 'Put one task on each line.' });
  return count * repeats;
}

/** A training is its run: whoever goes on with it writes on in the same folder. */
async function goOn(dir: string, info: NewRun, secrets: string[]): Promise<RunWriter> {
  const writer = await openRun(dir, { secrets });
  await writer.updateRun({ ...info, planned: writer.info.planned, state: 'running', finished: undefined, error: undefined });
  return writer;
}

/** Sealed, or still open: a rollout that is held can be forked too. */
async function storedRollout(dir: string, rollout: string): Promise<{ dir: string; info: RunInfo; record?: RolloutRecord; open?: InFlight }> {
  const reader = await openRunReader(dir);
  const open = (await reader.inFlight()).find(({ place }) => place.rollout === rollout);
  if (open !== undefined) return { dir, info: reader.info, open };
  if (reader.find(rollout) < 0) {
    throw new TuningForkError('usage', `There is no rollout ${rollout} in run ${reader.info.run}.`, { next: `"tuning-fork runs show ${reader.info.run}" shows those that are.` });
  }
  return { dir, info: reader.info, record: await reader.read(rollout) };
}

/** Within an answer a fork goes on only where the model does: what a server answers comes whole. */
function checkPoint({ rollout, untilCall, untilToken = 0 }: Replay, { calls }: RolloutRecord): void {
  const call = untilCall === undefined ? undefined : calls[untilCall];
  if (untilToken === 0 || call === undefined) return;
  const next = `Fork from call ${call.index} itself.`;
  const { sampled = [], logprobs } = call.tokens ?? {};
  if (call.version === null || logprobs === undefined) throw new TuningForkError('usage', `The answer of call ${call.index} of ${rollout} can't be continued from one of its tokens: its model gives answers whole.`, { next });
  if (untilToken >= sampled.length) throw new TuningForkError('usage', `The answer of call ${call.index} of ${rollout} has ${sampled.length} tokens: there is no token ${untilToken} in it.`, { next });
}

/** What is written of a rollout that goes on, and its task, which is written at its end. */
async function openRecord({ place, attempt, began, calls, tools }: InFlight, config: LoadedConfig): Promise<RolloutRecord> {
  let index = 0;
  for await (const task of openTasks(config, place.split).tasks()) {
    if (index++ !== place.taskIndex) continue;
    return {
      v: TRACE_VERSION, ...place, attempt, workflow: '', task: task as unknown as JsonObject, status: 'cancelled', reward: null, success: null, metadata: {},
      started: began, duration: 0, calls, tools,
    };
  }
  throw new TuningForkError('data', `The task of rollout ${place.rollout} is not among the ${place.split} tasks any more.`, { next: 'Wait for its end; then its record has the task too.' });
}
