import { existsSync } from 'node:fs';
import { relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { TuningForkError } from '../protocol/errors.ts';
import type { WorkerLoad } from '../protocol/worker.ts';
import { ENTRYPOINT } from '../config/target.ts';
import { judgeOf, workflowOf, type AuxiliaryModels, type JudgeFunction, type WorkflowFunction } from '../sdk/functions.ts';
import type { Judge, Workflow } from '../sdk/index.ts';
import { judgeOfEntrypoint, workflowOfEntrypoint } from '../sdk/osmosis/adapter.ts';
import { importedBy } from '../sdk/osmosis/framework.ts';
import { entrypointOf, hasAgentWorkflow, type Entrypoint } from '../sdk/osmosis/entrypoint.ts';
import { receiveTuned, type Tuned } from '../sdk/tune.ts';
import { userPlace, userStack } from './stack.ts';

export interface UserCode {
  /** Null where only the judge was asked for. */
  Workflow: (new () => Workflow) | null;
  judge: Judge | null;
}

/** Imports the user's files. Anything wrong with them is one sentence that names the file. */
export async function loadUserCode(load: WorkerLoad): Promise<UserCode> {
  return { Workflow: load.judgeOnly ? null : await loadWorkflow(load), judge: load.judge === undefined ? null : await loadJudge(load.judge, load.projectDir) };
}

async function loadWorkflow(load: WorkerLoad): Promise<new () => Workflow> {
  const found = await importTarget(load.workflow, load.projectDir, 'workflow');
  if (found.kind === 'entrypoint') return workflowOfEntrypoint(found.entrypoint);
  if (found.kind === 'function') return workflowOf(found.run as WorkflowFunction, found.auxiliaryModels);
  const WorkflowClass = found.Class;
  if (typeof WorkflowClass.prototype.execute !== 'function') {
    throw new TuningForkError('workflow', `${load.workflow.className} has no method execute(task, tuner).`, {
      where: { file: load.workflow.file },
      next: 'Extend Workflow from "tuning-fork" and write async execute(task, tuner) that returns a WorkflowOutput.',
    });
  }
  return WorkflowClass as unknown as new () => Workflow;
}

async function loadJudge(judge: { file: string; className: string }, projectDir: string): Promise<Judge> {
  const found = await importTarget(judge, projectDir, 'judge');
  const JudgeClass = found.kind === 'entrypoint' ? judgeOfEntrypoint(found.entrypoint, judge.file) as unknown as AnyClass : found.kind === 'function' ? judgeOf(found.run as JudgeFunction) as unknown as AnyClass : found.Class;
  if (typeof JudgeClass.prototype.judge !== 'function') {
    throw new TuningForkError('judge', `${judge.className} has no method judge(task, output).`, {
      where: { file: judge.file },
      next: 'Extend Judge from "tuning-fork" and return { reward, success }.',
    });
  }
  return construct(JudgeClass, 'judge', judge) as Judge;
}

type AnyClass = { new (): object; prototype: Record<string, unknown> };

type Found = { kind: 'entrypoint'; entrypoint: Entrypoint } | { kind: 'class'; Class: AnyClass } | { kind: 'function'; run: WorkflowFunction | JudgeFunction; auxiliaryModels?: AuxiliaryModels };

/** What files gave to `tune`, which takes their functions whether they are exported or not. */
const tuned = new Map<string, Tuned>();

async function importTarget(target: { file: string; className: string }, projectDir: string, code: 'workflow' | 'judge'): Promise<Found> {
  if (!existsSync(target.file)) {
    throw new TuningForkError(code, `The file ${relative(projectDir, target.file)} does not exist.`, {
      where: { file: target.file },
      next: code === 'workflow' ? 'Correct rollout.user_workflow in the YAML.' : 'Correct task_judge.judge_protocol in the YAML.',
    });
  }
  let module: Record<string, unknown>;
  try {
    module = await importModule(target.file);
  } catch (error) {
    throw importError(error, target.file, code);
  }
  const shown = relative(projectDir, target.file);
  if (target.className === ENTRYPOINT) return { kind: 'entrypoint', entrypoint: entrypointOf(module, shown) };
  const value = module[target.className] ?? (target.className === 'default' ? module.default : undefined);
  if (isClass(value) && typeof value.prototype.run === 'function' && hasAgentWorkflow({ value })) return { kind: 'entrypoint', entrypoint: entrypointOf(module, shown, target.className) };
  if (isClass(value) && typeof value.prototype.grade === 'function') return { kind: 'entrypoint', entrypoint: entrypointOf(module, shown) };
  if (isClass(value)) return { kind: 'class', Class: value };
  const given = tuned.get(target.file);
  const run = typeof value === 'function' ? value as WorkflowFunction : code === 'workflow' ? given?.workflowFunc : given?.judgeFunc;
  if (run !== undefined) return { kind: 'function', run, ...(given?.auxiliaryModels && { auxiliaryModels: given.auxiliaryModels }) };
  const classes = Object.entries(module).filter(([, each]) => isClass(each)).map(([name]) => name);
  throw new TuningForkError(code, `There is no exported class ${target.className} in ${shown}.`, {
    where: { file: target.file },
    next: classes.length === 0 ? `Write "export class ${target.className}".` : `It exports ${classes.join(', ')}.`,
  });
}

const modules = new Map<string, Promise<Record<string, unknown>>>();

/** A file that calls `tune` and waits for it would never end: it is taken as far as it has come. A second import would find it waiting. */
function importModule(file: string): Promise<Record<string, unknown>> {
  const known = modules.get(file);
  if (known !== undefined) return known;
  importedBy(file);
  const called = Promise.withResolvers<Record<string, unknown>>();
  receiveTuned((given) => {
    tuned.set(file, given);
    // A file that doesn't wait ends, and has its exports.
    setImmediate(() => called.resolve({}));
  });
  const module = Promise.race([import(pathToFileURL(file).href) as Promise<Record<string, unknown>>, called.promise]);
  modules.set(file, module);
  return module;
}

function isClass(value: unknown): value is AnyClass {
  return typeof value === 'function' && typeof value.prototype === 'object' && /^class\b/.test(Function.prototype.toString.call(value));
}

function importError(error: unknown, file: string, code: 'workflow' | 'judge'): TuningForkError {
  const thrown = error as Error & { code?: string };
  const next =
    thrown.code === 'ERR_MODULE_NOT_FOUND' ? 'Install the missing package, or correct the import.'
    : thrown instanceof SyntaxError ? 'Correct the syntax; the message above names the place.'
    : 'The file throws while it is imported; the stack names the line.';
  if (thrown instanceof TuningForkError) return thrown;
  const stack = userStack(thrown);
  const message = thrown instanceof Error ? thrown.message.split('\n', 1)[0]! : String(error);
  return new TuningForkError(code, `Importing failed: ${message}`, { next, where: userPlace(stack) ?? { file, ...syntaxPlace(thrown) }, stack, cause: error });
}

/** V8 puts `file:line` on the first line of a syntax error's stack. */
function syntaxPlace(error: Error): { line?: number } {
  const line = /^file:\/\/\S+:(\d+)/.exec(error.stack ?? '')?.[1];
  return line === undefined ? {} : { line: Number(line) };
}

export function construct(Class: { new (): object }, code: 'workflow' | 'judge', target: { file: string; className: string }): object {
  try {
    return new Class();
  } catch (error) {
    throw new TuningForkError(code, `The constructor of ${target.className} threw: ${(error as Error).message}`, {
      where: { file: target.file }, stack: userStack(error),
    });
  }
}
