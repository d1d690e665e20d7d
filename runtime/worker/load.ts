import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { TuningForkError } from '../protocol/errors.ts';
import type { WorkerLoad } from '../protocol/worker.ts';
import { ENTRYPOINT } from '../config/target.ts';
import { judgeOf, workflowOf, type AuxiliaryModels, type JudgeFunction, type WorkflowFunction } from '../sdk/functions.ts';
import type { Judge, Workflow } from '../sdk/index.ts';
import { judgeOfEntrypoint, workflowOfEntrypoint } from '../sdk/osmosis/adapter.ts';
import { importedBy } from '../sdk/osmosis/framework.ts';
import { entrypointOf, graderOf, isAgentWorkflow, isGrader, type Entrypoint } from '../sdk/osmosis/entrypoint.ts';
import { receiveTuned } from '../sdk/tune.ts';
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
  const WorkflowClass = await importTarget(load.workflow, load.projectDir, 'workflow');
  if (typeof WorkflowClass.prototype.execute !== 'function') {
    throw new TuningForkError('workflow', `${load.workflow.className} has no method execute(task, tuner).`, {
      where: { file: load.workflow.file },
      next: 'Extend Workflow from "tuning-fork" and write async execute(task, tuner) that returns a WorkflowOutput.',
    });
  }
  return WorkflowClass as unknown as new () => Workflow;
}

async function loadJudge(judge: { file: string; className: string }, projectDir: string): Promise<Judge> {
  const JudgeClass = await importTarget(judge, projectDir, 'judge');
  if (typeof JudgeClass.prototype.judge !== 'function') {
    throw new TuningForkError('judge', `${judge.className} has no method judge(task, output).`, {
      where: { file: judge.file },
      next: 'Extend Judge from "tuning-fork" and return { reward, success }.',
    });
  }
  return construct(JudgeClass, 'judge', judge) as Judge;
}

type AnyClass = { new (): object; name: string; prototype: Record<string, unknown> };

/** What files gave to `tune`, by target: it takes their functions whether they are exported or not. */
const tuned = new Map<string, { run: WorkflowFunction | JudgeFunction; auxiliaryModels?: AuxiliaryModels | undefined }>();

/** What isn't a class of ours is made one: functions, and what is under Osmosis' contract. */
async function importTarget(target: { file: string; className: string }, projectDir: string, code: 'workflow' | 'judge'): Promise<AnyClass> {
  if (!existsSync(target.file)) {
    throw new TuningForkError(code, `The file ${relative(projectDir, target.file)} does not exist.`, {
      where: { file: target.file },
      next: code === 'workflow' ? 'Correct rollout.user_workflow in the YAML.' : 'Correct task_judge.judge_protocol in the YAML.',
    });
  }
  let module: Record<string, unknown>;
  try {
    module = await importModule(target);
  } catch (error) {
    throw importError(error, target.file, code);
  }
  const made = (entrypoint: Entrypoint): AnyClass => (code === 'workflow' ? workflowOfEntrypoint(entrypoint) : judgeOfEntrypoint(entrypoint, target.file)) as unknown as AnyClass;
  if (target.className === ENTRYPOINT) {
    refuseUnnamed(target, module, projectDir, code);
    return made(entrypointOf(concrete(module, target.file), target.file));
  }
  const value = module[target.className];
  if (isAgentWorkflow(value)) return made(entrypointOf({ ...concrete(module, target.file), [target.className]: value }, target.file, target.className));
  if (code === 'judge' && isGrader(value)) return judgeOfEntrypoint(graderOf(module, target.file, target.className), target.file) as unknown as AnyClass;
  if (isClass(value)) return value;
  const given = tuned.get(keyOf(target));
  const run = typeof value === 'function' ? value as WorkflowFunction : given?.run;
  if (run !== undefined) return (code === 'workflow' ? workflowOf(run as WorkflowFunction, given?.auxiliaryModels) : judgeOf(run as JudgeFunction)) as unknown as AnyClass;
  const classes = Object.entries(module).filter(([, each]) => isClass(each)).map(([name]) => name);
  throw new TuningForkError(code, `There is no exported class ${target.className} in ${relative(projectDir, target.file)}.`, {
    where: { file: target.file },
    next: classes.length === 0 ? `Write "export class ${target.className}".` : `It exports ${classes.join(', ')}.`,
  });
}

/** A file alone is an entrypoint of Osmosis; whoever wrote a class of ours left out its name. */
function refuseUnnamed({ file }: WorkerLoad['workflow'], module: Record<string, unknown>, projectDir: string, code: 'workflow' | 'judge'): void {
  const method = code === 'workflow' ? 'execute' : 'judge';
  const ours = Object.entries(module).filter(([, value]) => isClass(value) && typeof value.prototype[method] === 'function').map(([name]) => name);
  if (ours.length === 0) return;
  const path = relative(projectDir, file);
  throw new TuningForkError(code, 'The class that is meant in this file is not named.', { where: { file }, next: `Name it too: ${ours.map((name) => `${path}->${name}`).join(', ')}` });
}

const modules = new Map<string, Promise<Record<string, unknown>>>();

/** A file that calls `tune` and waits for it would never end: it is taken as far as it has come. A second import would find it waiting. */
function importModule(target: WorkerLoad['workflow']): Promise<Record<string, unknown>> {
  const { file } = target;
  const known = modules.get(file);
  if (known !== undefined) return known;
  importedBy(file);
  const called = Promise.withResolvers<Record<string, unknown>>();
  receiveTuned(({ file: by, functions, auxiliaryModels }) => {
    for (const [name, run] of Object.entries(functions)) tuned.set(keyOf({ file: by, className: name }), { run, auxiliaryModels });
    if (!tuned.has(keyOf(target))) return false;
    // A file that doesn't wait ends, and has its exports.
    setImmediate(() => called.resolve({}));
    return true;
  });
  const module = Promise.race([import(pathToFileURL(file).href) as Promise<Record<string, unknown>>, called.promise]);
  modules.set(file, module);
  return module;
}

function keyOf({ file, className }: WorkerLoad['workflow']): string {
  return `${realpathSync(file)}->${className}`;
}

/** `abstract` is gone at run time; the text of the file has it still. */
function concrete(module: Record<string, unknown>, file: string): Record<string, unknown> {
  const abstract = new Set(Array.from(readFileSync(file, 'utf8').matchAll(/\babstract\s+class\s+([\p{ID_Continue}$]+)/gu), ([, name]) => name));
  return Object.fromEntries(Object.entries(module).filter(([, value]) => !isClass(value) || !abstract.has(value.name)));
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
