/** The roles that a workflow asks models in, as far as its source tells. */
import type * as t from '@babel/types';
import { callableOf, inheritedMember, readModule, textOf, visitCode, type OwnClass, type SourceModule } from './module.ts';
import type { Span } from './problem.ts';
import { bare, keyName, visit, type Node } from './syntax.ts';

/** The role of a tuner that is used as a model itself. */
export const DEFAULT_ROLE = 'default';

/** Undefined where only a run could tell. */
export function rolesAsked(text: string, file: string, className: string): string[] | undefined {
  const module = readModule(text, file);
  const own = module?.classes.find((one) => one.kind === 'workflow' && one.contract === 'ours' && one.exportedAs === className);
  if (module === undefined || own === undefined) return undefined;
  const { asModel, escapes } = tunerUses(module, own);
  const roles = new Set(roleCalls(module, own).map(({ role }) => role));
  if (asModel.length > 0) roles.add(DEFAULT_ROLE);
  return escapes || roles.has(undefined) ? undefined : [...roles].flatMap((role) => role ?? []);
}

/** `trainableTargets` where it is written as a list; an element that can't be read is undefined. */
export function targetsOf(module: SourceModule, own: OwnClass): (string | undefined)[] | undefined {
  const value = targetsValue(own);
  return value?.type === 'ArrayExpression' ? value.elements.map((element) => element ? textOf(element, module.texts) : undefined) : undefined;
}

export function targetsValue(own: OwnClass): Node | undefined {
  const member = inheritedMember(own, 'trainableTargets');
  return member?.type === 'ClassProperty' && member.value ? bare(member.value) : undefined;
}

export interface RoleCall {
  method: 'registerModel' | 'getModel';
  /** Undefined where it is not written out. */
  role: string | undefined;
  argument: Node;
  call: t.CallExpression | t.OptionalCallExpression;
}

export function roleCalls(module: SourceModule, own: OwnClass): RoleCall[] {
  const calls: RoleCall[] = [];
  visitCode(module, own, (node) => {
    if ((node.type !== 'CallExpression' && node.type !== 'OptionalCallExpression') || node.arguments[0] === undefined) return;
    const { callee } = node;
    const method = callee.type === 'MemberExpression' || callee.type === 'OptionalMemberExpression' ? keyName({ key: callee.property, computed: callee.computed }) : undefined;
    if (method === 'registerModel' || method === 'getModel') calls.push({ method, role: textOf(node.arguments[0], module.texts), argument: bare(node.arguments[0]), call: node });
  });
  return calls;
}

export interface TunerUses {
  /** Where it is used as a model itself. */
  asModel: Span[];
  /** It goes where it can't be followed. */
  escapes: boolean;
}

export function tunerUses(module: SourceModule, own: OwnClass): TunerUses {
  const execute = callableOf(own);
  const parameter = execute?.params.filter((one) => !(one.type === 'Identifier' && one.name === 'this'))[1];
  if (execute === undefined || parameter === undefined) return { asModel: [], escapes: true };
  if (parameter.type !== 'Identifier') return { asModel: [], escapes: true };
  const isTuner = (node: t.Node | null | undefined): node is t.Identifier & Span => node != null && bare(node).type === 'Identifier' && (bare(node) as t.Identifier).name === parameter.name;
  const functions = functionsOf(module);
  const uses: TunerUses = { asModel: [], escapes: false };
  visit(execute.body, (node) => {
    if (node.type === 'ObjectProperty' && isTuner(node.value)) {
      if (keyName(node) === 'model' && !node.shorthand) uses.asModel.push(node.value);
      else uses.escapes = true;
    } else if ((node.type === 'CallExpression' || node.type === 'NewExpression') && node.arguments.some((argument) => isTuner(argument))) {
      const { callee } = node;
      const followed = (callee.type === 'Identifier' && functions.has(callee.name))
        || (callee.type === 'MemberExpression' && callee.object.type === 'ThisExpression' && callee.property.type === 'Identifier' && inheritedMember(own, callee.property.name) !== undefined);
      if (!followed) uses.escapes = true;
    } else if (node.type === 'MemberExpression' && isTuner(node.object)) {
      if (['call', 'asOpenAI', 'baseURL', 'apiKey', 'model'].includes(keyName({ key: node.property, computed: node.computed }) ?? '')) uses.asModel.push(node.object);
    } else if ((node.type === 'VariableDeclarator' && isTuner(node.init)) || (node.type === 'AssignmentExpression' && isTuner(node.right)) || (node.type === 'SpreadElement' && isTuner(node.argument))
      || (node.type === 'ReturnStatement' && isTuner(node.argument)) || (node.type === 'ArrayExpression' && node.elements.some((element) => isTuner(element)))) {
      uses.escapes = true;
    }
  });
  return uses;
}

function functionsOf({ program }: SourceModule): Set<string> {
  const names = new Set<string>();
  visit(program, (node) => {
    if (node.type === 'FunctionDeclaration' && node.id) names.add(node.id.name);
    if (node.type === 'VariableDeclarator' && node.id.type === 'Identifier' && /Function/.test(node.init?.type ?? '')) names.add(node.id.name);
  });
  return names;
}
