import { TuningForkError, type ErrorInfo } from '../protocol/errors.ts';
import type { OutputData, Task } from '../protocol/task.ts';
import type { FromWorker, HeldTool, RolloutStart, ToWorker, WorkerLoad } from '../protocol/worker.ts';
import { isToolError, runInRollout, ToolError, type ToolRecorder } from '../sdk/context.ts';
import { ModelTuner, type Evaluable, type WorkflowTask } from '../sdk/index.ts';
import { outputData, verdictData } from '../sdk/workflow.ts';
import { charged, type Charge } from './containment.ts';
import { construct, type UserCode } from './load.ts';
import { userPlace, userStack } from './stack.ts';
import { stepInto } from './step-into.ts';

interface Running extends Charge {
  start: RolloutStart;
  abort: AbortController;
}

/** The rollouts of one worker: each in an asynchronous context of its own, none able to take another down. */
export class RolloutRunner {
  readonly #running = new Map<string, Running>();
  readonly #asked = new Map<number, (result: { result: string; error?: boolean } | undefined) => void>();
  readonly #waiting = new Map<number, () => void>();
  /** What calls off a debugger's stop in the code of a rollout. */
  readonly #aims = new Map<string, () => void>();
  #nextAsk = 1;
  #asks = false;
  readonly #load: WorkerLoad;
  readonly #code: UserCode;
  readonly #send: (message: FromWorker) => void;

  constructor(load: WorkerLoad, code: UserCode, send: (message: FromWorker) => void) {
    this.#load = load;
    this.#code = code;
    this.#send = send;
  }

  /** What an instance says of itself; made once to find a constructor that throws before any rollout does. */
  example(): { name: string; trainableTargets: string[] | null } {
    const workflow = construct(this.#code.Workflow!, 'workflow', this.#load.workflow) as InstanceType<NonNullable<UserCode['Workflow']>>;
    const targets = this.#load.trainableTargets ?? workflow.trainableTargets;
    if (targets !== undefined && !Array.isArray(targets)) {
      throw new TuningForkError('workflow', `trainableTargets of ${this.#load.workflow.className} is not a list of role names.`, { where: { file: this.#load.workflow.file }, next: "Write trainableTargets = ['role']." });
    }
    if (targets?.length === 0) {
      throw new TuningForkError('workflow', `trainableTargets of ${this.#load.workflow.className} is empty, so nothing would be trained.`, {
        where: { file: this.#load.workflow.file }, next: 'Name the roles to train, or leave trainableTargets out to train every role.',
      });
    }
    return { name: typeof workflow.name === 'string' && workflow.name !== '' ? workflow.name : this.#load.workflow.className, trainableTargets: targets === undefined ? null : [...targets] };
  }

  run(start: RolloutStart): void {
    const { rollout } = start.place;
    this.#asks ||= start.asks;
    const abort = new AbortController();
    const running: Running = {
      start, abort, rollout, attempt: start.attempt, over: false,
      fail: (error, tainted) => this.#end(running, { type: 'failed', error: rolloutError(error), tainted }),
    };
    this.#running.set(keyOf(rollout, start.attempt), running);
    charged.run(running, () => runInRollout({ signal: abort.signal, tools: this.#recorder(running) }, () => {
      this.#execute(running).then(
        (output) => this.#end(running, { type: 'finished', output }),
        (error: unknown) => running.fail(error, false),
      );
    }));
  }

  cancel(rollout: string, attempt: number, error: ErrorInfo): void {
    const running = this.#running.get(keyOf(rollout, attempt));
    if (running === undefined) return;
    running.over = true;
    this.#forget(rollout, attempt);
    charged.run(running, () => running.abort.abort(new TuningForkError(error.code, error.message)));
  }

  recordedTool(ask: number, result: { result: string; error?: boolean } | undefined): void {
    this.#asked.get(ask)?.(result);
    this.#asked.delete(ask);
  }

  /** A debugger has come: tools wait for it. */
  ask(): void {
    this.#asks = true;
  }

  goOn(ask: number): void {
    this.#waiting.get(ask)?.();
    this.#waiting.delete(ask);
  }

  stepInto({ ask, rollout, attempt, place }: Extract<ToWorker, { type: 'step-into' }>): void {
    const key = keyOf(rollout, attempt);
    this.#aims.get(key)?.();
    this.#aims.set(key, stepInto(place, () => {
      const charge = charged.getStore();
      return charge?.rollout === rollout && charge.attempt === attempt;
    }));
    this.#send({ type: 'aimed', ask, rollout, attempt });
  }

  async judge({ rollout, attempt, task, output }: { rollout: string; attempt: number; task: Task; output: OutputData }): Promise<void> {
    const judge = this.#code.judge!;
    const running: Charge = { rollout, attempt, over: false, fail: (error) => {
      running.over = true;
      this.#send({ type: 'judged', rollout, attempt, error: judgeError(error) });
    } };
    await charged.run(running, async () => {
      try {
        const verdict = verdictData(await judge.judge(task, output), judge.constructor.name, { file: this.#load.judge!.file });
        if (!running.over) this.#send({ type: 'judged', rollout, attempt, verdict });
      } catch (error) {
        if (!running.over) running.fail(error, false);
      }
      running.over = true;
      this.#forget(rollout, attempt);
    });
  }

  #forget(rollout: string, attempt: number): void {
    const key = keyOf(rollout, attempt);
    this.#running.delete(key);
    this.#aims.get(key)?.();
    this.#aims.delete(key);
  }

  async #execute(running: Running): Promise<OutputData> {
    const { start } = running;
    const { label: _hidden, ...visible } = start.task;
    const workflow = construct(this.#code.Workflow!, 'workflow', this.#load.workflow) as InstanceType<NonNullable<UserCode['Workflow']>>;
    const targets = this.#load.trainableTargets ?? workflow.trainableTargets;
    const tuner = new ModelTuner({
      baseURL: (role) => `${start.gateway}/role/${encodeURIComponent(role)}/v1`,
      apiKey: start.apiKey,
      isTarget: (role) => targets === undefined || targets.includes(role),
      register: (role, { defaultModel }) => this.#send({ type: 'register', rollout: running.rollout, attempt: running.attempt, role, defaultModel }),
      signal: running.abort.signal,
      config: this.#load.config,
      file: this.#load.workflow.file,
    });
    const task: WorkflowTask = {
      taskId: visible.taskId, episodeUuid: running.rollout, envType: visible.envType, taskBatchIndex: start.place.taskIndex,
      task: visible, signal: running.abort.signal,
    };
    const returned = await workflow.execute(task, tuner);
    const output = outputData(returned, { file: this.#load.workflow.file });
    return returned.environment === undefined ? output : evaluated(output, returned.environment);
  }

  /** Tool calls of a Toolkit: traced, held where a debugger wants that, and in a replay served from the record. */
  #recorder(running: Running): ToolRecorder {
    const { rollout, attempt, start } = running;
    return {
      run: async (name, args, stack, execute) => {
        const [place] = stack;
        const site = place && { site: { file: place.file, line: place.line!, column: place.column! } };
        const call: HeldTool = { ask: this.#nextAsk++, arguments: args, stack: [...stack] };
        await this.#told(running, call, (held) => this.#send({ type: 'tool-started', rollout, attempt, name, ...site, ...held }));
        const started = performance.now();
        const recorded = start.replay ? await this.#askRecord(running, name, args) : undefined;
        const { result, error } = recorded ?? await outcome(execute);
        const duration = performance.now() - started;
        await this.#told(running, call, (held) => this.#send({
          type: 'tool', rollout, attempt, tool: { name, arguments: args, result, duration, ...(error && { error }), ...site }, ...held,
        }));
        if (error) throw new ToolError(result);
        return result;
      },
    };
  }

  /** Tells it, and where a debugger may be there waits until it lets the tool go on. */
  async #told(running: Running, held: HeldTool, tell: (held: { held?: HeldTool }) => void): Promise<void> {
    if (running.over) return;
    if (!this.#asks) return tell({});
    const { signal } = running.abort;
    const gone = Promise.withResolvers<never>();
    const onAbort = (): void => gone.reject(signal.reason as Error);
    signal.addEventListener('abort', onAbort, { once: true });
    const goOn = new Promise<void>((resolve) => void this.#waiting.set(held.ask, resolve));
    tell({ held });
    try {
      await Promise.race([goOn, gone.promise]);
    } finally {
      this.#waiting.delete(held.ask);
      signal.removeEventListener('abort', onAbort);
    }
  }

  #askRecord(running: Running, name: string, args: string): Promise<{ result: string; error?: boolean } | undefined> {
    const ask = this.#nextAsk++;
    return new Promise((resolve) => {
      this.#asked.set(ask, resolve);
      this.#send({ type: 'ask-tool', ask, rollout: running.rollout, attempt: running.attempt, name, arguments: args });
    });
  }

  #end(running: Running, how: { type: 'finished'; output: OutputData } | { type: 'failed'; error: ErrorInfo; tainted: boolean }): void {
    if (running.over) return;
    running.over = true;
    this.#forget(running.rollout, running.attempt);
    this.#send({ ...how, rollout: running.rollout, attempt: running.attempt });
  }
}

/** Asks the workflow's environment for its word, which the judge `environment` reads, and closes it. */
async function evaluated(output: OutputData, environment: Evaluable): Promise<OutputData> {
  try {
    const evaluation = output.reward === null ? await environment.evaluate?.() : undefined;
    return evaluation === undefined ? output : outputData({ ...output, metadata: { ...output.metadata, evaluation } });
  } finally {
    await environment.close?.();
  }
}

function keyOf(rollout: string, attempt: number): string {
  return `${rollout}/${attempt}`;
}

/** A tool's failure is a result the agent reads; anything else that goes wrong inside ends the rollout. */
async function outcome(execute: () => Promise<string>): Promise<{ result: string; error?: boolean }> {
  try {
    return { result: await execute() };
  } catch (error) {
    if (isToolError(error)) return { result: error.message, error: true };
    throw error;
  }
}

function rolloutError(error: unknown): ErrorInfo {
  const stack = userStack(error);
  if (isOurs(error)) return { code: error.code, message: error.message, next: error.next, where: error.where ?? userPlace(stack), stack };
  if (error instanceof Error) {
    return { code: 'rollout-threw', message: `The workflow threw ${error.name}: ${error.message}`, where: userPlace(stack), stack, next: 'The stack starts at the line that threw.' };
  }
  return { code: 'rollout-threw', message: `The workflow threw ${typeof error === 'string' ? `"${error}"` : String(error)}, which is not an Error and has no stack.`, next: 'Throw an Error, so that its line is known.' };
}

/** By name: a project may carry its own copy of this package beside the worker's. */
function isOurs(error: unknown): error is TuningForkError {
  return error instanceof Error && error.name === 'TuningForkError' && 'code' in error;
}

function judgeError(error: unknown): ErrorInfo {
  const info = rolloutError(error);
  return { ...info, code: 'judge', message: info.message.replace(/^The workflow /, 'The judge ') };
}
