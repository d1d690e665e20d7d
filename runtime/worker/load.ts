import { existsSync } from 'node:fs';
import { relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { TuningForkError } from '../protocol/errors.ts';
import type { WorkerLoad } from '../protocol/worker.ts';
import type { Judge, Workflow } from '../sdk/index.ts';
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
  const WorkflowClass = await importClass(load.workflow, load.projectDir, 'workflow');
  if (typeof WorkflowClass.prototype.execute !== 'function') {
    throw new TuningForkError('workflow', `${load.workflow.className} has no method execute(task, tuner).`, {
      where: { file: load.workflow.file },
      next: 'Extend Workflow from "tuning-fork" and write async execute(task, tuner) that returns a WorkflowOutput.',
    });
  }
  return WorkflowClass as unknown as new () => Workflow;
}

async function loadJudge(judge: { file: string; className: string }, projectDir: string): Promise<Judge> {
  const JudgeClass = await importClass(judge, projectDir, 'judge');
  if (typeof JudgeClass.prototype.judge !== 'function') {
    throw new TuningForkError('judge', `${judge.className} has no method judge(task, output).`, {
      where: { file: judge.file },
      next: 'Extend Judge from "tuning-fork" and return { reward, success }.',
    });
  }
  return construct(JudgeClass, 'judge', judge) as Judge;
}

type AnyClass = { new (): object; prototype: Record<string, unknown> };

async function importClass(target: { file: string; className: string }, projectDir: string, code: 'workflow' | 'judge'): Promise<AnyClass> {
  if (!existsSync(target.file)) {
    throw new TuningForkError(code, `The file ${relative(projectDir, target.file)} does not exist.`, {
      where: { file: target.file },
      next: code === 'workflow' ? 'Correct rollout.user_workflow in the YAML.' : 'Correct task_judge.judge_protocol in the YAML.',
    });
  }
  let module: Record<string, unknown>;
  try {
    module = (await import(pathToFileURL(target.file).href)) as Record<string, unknown>;
  } catch (error) {
    throw importError(error, target.file, code);
  }
  const value = module[target.className] ?? (target.className === 'default' ? module.default : undefined);
  if (isClass(value)) return value;
  const classes = Object.entries(module).filter(([, each]) => isClass(each)).map(([name]) => name);
  throw new TuningForkError(code, `There is no exported class ${target.className} in ${relative(projectDir, target.file)}.`, {
    where: { file: target.file },
    next: classes.length === 0 ? `Write "export class ${target.className}".` : `It exports ${classes.join(', ')}.`,
  });
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
