/** What a file holds of Osmosis' contract: one workflow, at most one grader, their configurations. Everything that is wrong is told at once. */
import { basename } from 'node:path';
import { TuningForkError } from '../../protocol/errors.ts';
import { AgentWorkflowConfig, extendsNamed, GraderConfig } from './config.ts';
import { AgentWorkflow, Grader } from './workflow.ts';

export interface Graded {
  Grader: (new (config: GraderConfig | null) => Grader<GraderConfig>) | null;
  graderConfig: GraderConfig | null;
}

export interface Entrypoint extends Graded {
  Workflow: new (config: AgentWorkflowConfig | null) => AgentWorkflow<AgentWorkflowConfig>;
  workflowConfig: AgentWorkflowConfig | null;
}

export interface ValidationError {
  code: 'INVALID_WORKFLOW_CLASS' | 'MULTIPLE_WORKFLOW_CLASSES' | 'MULTIPLE_CONFIGS' | 'WORKFLOW_RUN_NOT_ASYNC' | 'WORKFLOW_INIT_FAILED' | 'INVALID_AGENT_NAME'
    | 'INVALID_GRADER_CLASS' | 'GRADER_GRADE_NOT_ASYNC' | 'GRADER_INIT_FAILED';
  message: string;
}

type AnyClass = (abstract new (...args: never[]) => object) & { name: string; prototype: Record<string, unknown> };

/** By the names of what they have: a project may carry its own copy of this package beside the worker's. */
function extendsOurs(value: unknown, name: 'AgentWorkflow' | 'Grader'): value is AnyClass {
  if (typeof value !== 'function' || !/^class\b/.test(Function.prototype.toString.call(value))) return false;
  for (let at = Object.getPrototypeOf(value) as { name?: string } | null; at !== null; at = Object.getPrototypeOf(at) as typeof at) if (at === AgentWorkflow || at === Grader || at.name === name) return at.name === name;
  return false;
}

/** `abstract` is gone at run time; who can run has the method. */
function concrete(Class: AnyClass, method: string): boolean {
  return typeof Class.prototype[method] === 'function';
}

function isConfig(value: unknown, name: 'AgentWorkflowConfig' | 'GraderConfig'): boolean {
  return typeof value === 'object' && value !== null && (value instanceof (name === 'GraderConfig' ? GraderConfig : AgentWorkflowConfig) || extendsNamed(Object.getPrototypeOf(value) as object | null, name));
}

/** An alias counts once. */
function found<T>(module: Record<string, unknown>, is: (value: unknown) => boolean): T[] {
  return [...new Set(Object.values(module).filter(is))] as T[];
}

export function isAgentWorkflow(value: unknown): value is AnyClass {
  return extendsOurs(value, 'AgentWorkflow') && concrete(value, 'run');
}

export function isGrader(value: unknown): value is AnyClass {
  return extendsOurs(value, 'Grader') && concrete(value, 'grade');
}

type Fail = (code: ValidationError['code'], message: string) => void;

/** `wanted`: the class a configuration names, where the file has several. */
export function entrypointOf(module: Record<string, unknown>, file: string, wanted?: string): Entrypoint {
  return validated(file, (fail) => {
    const workflows = found<AnyClass>(module, isAgentWorkflow);
    const named = wanted === undefined ? undefined : module[wanted] as AnyClass;
    if (named === undefined && workflows.length === 0) fail('INVALID_WORKFLOW_CLASS', `No AgentWorkflow subclass found in '${basename(file)}'.`);
    if (named === undefined && workflows.length > 1) fail('MULTIPLE_WORKFLOW_CLASSES', `Multiple AgentWorkflow subclasses found in '${basename(file)}': ${names(workflows)}. Keep only one, or move extra classes to a separate file.`);
    const graders = found<AnyClass>(module, isGrader);
    if (graders.length > 1) fail('INVALID_GRADER_CLASS', `Multiple Grader subclasses found in '${basename(file)}': ${names(graders)}. Keep only one, or move extra classes to a separate file.`);
    const workflowConfig = oneConfig<AgentWorkflowConfig>(module, file, 'AgentWorkflowConfig', fail);
    const WorkflowClass = named ?? workflows[0];
    if (WorkflowClass !== undefined) check(WorkflowClass, 'run', workflowConfig, fail);
    return { Workflow: WorkflowClass as unknown as Entrypoint['Workflow'], workflowConfig, ...graded(module, file, graders[0], fail) };
  });
}

/** A grader whose workflow stands in another file. */
export function graderOf(module: Record<string, unknown>, file: string, wanted: string): Graded {
  return validated(file, (fail) => graded(module, file, module[wanted] as AnyClass, fail));
}

function graded(module: Record<string, unknown>, file: string, GraderClass: AnyClass | undefined, fail: Fail): Graded {
  const graderConfig = oneConfig<GraderConfig>(module, file, 'GraderConfig', fail);
  if (GraderClass !== undefined) check(GraderClass, 'grade', graderConfig, fail);
  return { Grader: (GraderClass ?? null) as Graded['Grader'], graderConfig };
}

function validated<T>(file: string, look: (fail: Fail) => T): T {
  const errors: ValidationError[] = [];
  const result = look((code, message) => void errors.push({ code, message }));
  if (errors.length > 0) throw invalid(errors, file);
  return result;
}

function oneConfig<T extends AgentWorkflowConfig | GraderConfig>(module: Record<string, unknown>, file: string, name: 'AgentWorkflowConfig' | 'GraderConfig', fail: Fail): T | null {
  const configs = found<T>(module, (value) => isConfig(value, name));
  if (configs.length > 1) fail('MULTIPLE_CONFIGS', `Multiple ${name} instances found in '${basename(file)}'. Keep only one.`);
  const [first = null] = configs;
  if (first !== null && (typeof first.name !== 'string' || first.name.length < 1 || first.name.length > 256)) fail('INVALID_AGENT_NAME', `The name of the ${name} must have 1 to 256 characters.`);
  return first;
}

function check(Class: AnyClass, method: 'run' | 'grade', config: unknown, fail: Fail): void {
  const [notAsync, broken] = method === 'run' ? ['WORKFLOW_RUN_NOT_ASYNC', 'WORKFLOW_INIT_FAILED'] as const : ['GRADER_GRADE_NOT_ASYNC', 'GRADER_INIT_FAILED'] as const;
  if ((Class.prototype[method] as Function).constructor.name !== 'AsyncFunction') fail(notAsync, `${Class.name}.${method}() must be async.`);
  try {
    Reflect.construct(Class as unknown as new (given: unknown) => object, [config]);
  } catch (error) {
    fail(broken, `The constructor of ${Class.name} threw: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function names(classes: readonly AnyClass[]): string {
  return classes.map(({ name }) => name).join(', ');
}

function invalid(errors: readonly ValidationError[], file: string): TuningForkError {
  const lines = errors.map(({ code, message }) => `${code}: ${message}`);
  const message = lines.length === 1 ? lines[0]! : `This entrypoint has ${lines.length} mistakes:\n${lines.map((line) => `  ${line}`).join('\n')}`;
  return new TuningForkError('workflow', message, { where: { file }, next: 'Export one class that extends AgentWorkflow with async run(ctx), and one that extends Grader with async grade(ctx).' });
}
