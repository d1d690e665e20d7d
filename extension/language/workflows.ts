/** What the rest of the extension wants to know of a file. */
import type * as t from '@babel/types';
import type { FoundWorkflow } from '../discovery/discovery.ts';
import { importedName, memberOf, methodOf, readModule, visitCode, type OwnClass, type SourceModule } from '../../runtime/contracts/module.ts';
import { keyName } from '../../runtime/contracts/syntax.ts';
import { roleCalls, targetsOf } from '../../runtime/contracts/roles.ts';
import { tunedFunctions, type TunedFunction } from '../../runtime/contracts/tuned.ts';

export interface FoundClasses {
  workflows: FoundWorkflow[];
  judges: string[];
}

/** Undefined while the text is too broken to tell. */
export function classesIn(text: string, file: string): FoundClasses | undefined {
  const module = readModule(text, file);
  return module && {
    workflows: [
      ...module.classes.filter(({ kind, abstract }) => kind === 'workflow' && !abstract).map((own) => foundWorkflow(module, own, file)),
      ...tunedFunctions(module).filter(({ kind }) => kind === 'workflow').map((tuned) => foundFunction(tuned, file)),
    ],
    judges: module.classes.flatMap(({ kind, abstract, exportedAs }) => (kind === 'judge' && !abstract && exportedAs !== undefined ? [exportedAs] : [])),
  };
}

function foundWorkflow(module: SourceModule, own: OwnClass, file: string): FoundWorkflow {
  const execute = memberOf(own, methodOf(own));
  return {
    file,
    className: own.exportedAs ?? own.name ?? 'default',
    exported: own.exportedAs !== undefined,
    line: lineOf(own.node.id ?? own.node),
    executeLine: execute && lineOf(execute.key),
    trainableTargets: targetsOf(module, own)?.filter((role) => role !== undefined),
    roles: [...new Set(roleCalls(module, own).flatMap(({ role }) => (role === undefined ? [] : [role])))],
    // A reward of Osmosis' contract is given elsewhere: it is shown where the work is done.
    outputs: own.contract === 'osmosis' ? [lineOf(execute?.key ?? own.node)] : outputsOf(module, own).map(lineOf),
  };
}

/** Given to `tune`, which takes it whether it is exported or not. Its reward is shown where it begins. */
function foundFunction({ name, node, calls }: TunedFunction, file: string): FoundWorkflow {
  const line = lineOf(node);
  return { file, className: name, exported: true, line, executeLine: line, trainableTargets: undefined, roles: [], outputs: [line], tuned: calls };
}

export function outputsOf(module: SourceModule, own: OwnClass): (t.NewExpression & { start: number; end: number })[] {
  const found: (t.NewExpression & { start: number; end: number })[] = [];
  visitCode(module, own, (node) => {
    if (node.type === 'NewExpression' && importedName(module, node.callee) === 'WorkflowOutput') found.push(node);
  });
  return found;
}

/** Whether a workflow gives rewards itself, or hands over an environment that has them. */
export function gradesOf(text: string, file: string, className: string): 'itself' | 'environment' | undefined {
  const module = readModule(text, file);
  if (module === undefined) return undefined;
  const tuned = tunedFunctions(module);
  if (tuned.some(({ kind, name }) => kind === 'workflow' && name === className)) return tuned.some(({ kind }) => kind === 'judge') ? undefined : 'itself';
  const own = module.classes.find(({ kind, exportedAs }) => kind === 'workflow' && exportedAs === className);
  if (own === undefined) return undefined;
  const given = outputsOf(module, own).flatMap(({ arguments: [options] }) => (options?.type === 'ObjectExpression' ? options.properties : []));
  const has = (name: string): boolean => given.some((one) => one.type === 'ObjectProperty' && keyName(one) === name && one.value.type !== 'NullLiteral');
  return has('reward') ? 'itself' : has('environment') ? 'environment' : undefined;
}

function lineOf(node: t.Node): number {
  return (node.loc?.start.line ?? 1) - 1;
}
