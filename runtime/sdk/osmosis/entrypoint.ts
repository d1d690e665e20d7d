/** What a file holds of Osmosis' contract: one workflow, at most one grader, their configurations. Everything that is wrong is told at once. */
import { TuningForkError } from '../../protocol/errors.ts';
import { AgentWorkflowConfig, GraderConfig } from './config.ts';
import { AgentWorkflow, Grader } from './workflow.ts';

export interface Entrypoint {
  Workflow: new (config: AgentWorkflowConfig | null) => AgentWorkflow<AgentWorkflowConfig>;
  workflowConfig: AgentWorkflowConfig | null;
  Grader: (new (config: GraderConfig | null) => Grader<GraderConfig>) | null;
  graderConfig: GraderConfig | null;
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

function configOf(value: unknown, name: 'AgentWorkflowConfig' | 'GraderConfig'): boolean {
  if (typeof value !== 'object' || value === null) return false;
  for (let at = Object.getPrototypeOf(value) as { constructor?: { name: string } } | null; at !== null; at = Object.getPrototypeOf(at) as typeof at) if (at.constructor?.name === name) return true;
  return value instanceof (name === 'GraderConfig' ? GraderConfig : AgentWorkflowConfig);
}

/** An alias counts once. */
function found<T>(module: Record<string, unknown>, is: (value: unknown) => boolean): T[] {
  return [...new Set(Object.values(module).filter(is))] as T[];
}

/** Whether a file is an entrypoint at all. */
export function hasAgentWorkflow(module: Record<string, unknown>): boolean {
  return Object.values(module).some((value) => extendsOurs(value, 'AgentWorkflow') && concrete(value, 'run'));
}

/** `wanted`: the class a configuration names, where the file has several. */
export function entrypointOf(module: Record<string, unknown>, file: string, wanted?: string): Entrypoint {
  const errors: ValidationError[] = [];
  const fail = (code: ValidationError['code'], message: string): void => void errors.push({ code, message });
  const workflows = found<AnyClass>(module, (value) => extendsOurs(value, 'AgentWorkflow') && concrete(value as AnyClass, 'run'));
  const named = wanted === undefined ? undefined : module[wanted] as AnyClass;
  if (named === undefined && workflows.length === 0) fail('INVALID_WORKFLOW_CLASS', `No AgentWorkflow subclass found in '${file}'.`);
  if (named === undefined && workflows.length > 1) fail('MULTIPLE_WORKFLOW_CLASSES', `Multiple AgentWorkflow subclasses found in '${file}': ${names(workflows)}. Keep only one, or move extra classes to a separate file.`);
  const graders = found<AnyClass>(module, (value) => extendsOurs(value, 'Grader') && concrete(value as AnyClass, 'grade'));
  if (graders.length > 1) fail('INVALID_GRADER_CLASS', `Multiple Grader subclasses found in '${file}': ${names(graders)}. Keep only one, or move extra classes to a separate file.`);
  const workflowConfig = oneConfig<AgentWorkflowConfig>('AgentWorkflowConfig');
  const graderConfig = oneConfig<GraderConfig>('GraderConfig');

  const WorkflowClass = named ?? workflows[0];
  const GraderClass = graders[0];
  if (WorkflowClass !== undefined) check(WorkflowClass, 'run', workflowConfig, 'WORKFLOW_RUN_NOT_ASYNC', 'WORKFLOW_INIT_FAILED');
  if (GraderClass !== undefined) check(GraderClass, 'grade', graderConfig, 'GRADER_GRADE_NOT_ASYNC', 'GRADER_INIT_FAILED');
  if (errors.length > 0) throw invalid(errors, file);
  return { Workflow: WorkflowClass as unknown as Entrypoint['Workflow'], workflowConfig, Grader: (GraderClass ?? null) as Entrypoint['Grader'], graderConfig };

  function oneConfig<T extends AgentWorkflowConfig | GraderConfig>(name: 'AgentWorkflowConfig' | 'GraderConfig'): T | null {
    const configs = found<T>(module, (value) => configOf(value, name));
    if (configs.length > 1) fail('MULTIPLE_CONFIGS', `Multiple ${name} instances found in '${file}'. Keep only one.`);
    const [first = null] = configs;
    if (first !== null && (typeof first.name !== 'string' || first.name.length < 1 || first.name.length > 256)) fail('INVALID_AGENT_NAME', `The name of the ${name} must have 1 to 256 characters.`);
    return first;
  }

  function check(Class: AnyClass, method: 'run' | 'grade', config: unknown, notAsync: ValidationError['code'], broken: ValidationError['code']): void {
    if ((Class.prototype[method] as Function).constructor.name !== 'AsyncFunction') fail(notAsync, `${Class.name}.${method}() must be async.`);
    try {
      Reflect.construct(Class as unknown as new (given: unknown) => object, [config]);
    } catch (error) {
      fail(broken, `The constructor of ${Class.name} threw: ${(error as Error).message}`);
    }
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
