/** Roles: those a workflow trains, registers and asks for must fit one another. */
import type * as t from '@babel/types';
import { nearest } from '../../runtime/protocol/suggest.ts';
import { memberOf, textOf, type OwnClass, type SourceModule } from '../../runtime/contracts/module.ts';
import { insert, replace, wholeLine, type Fix, type L10n, type Problem, type Span } from '../../runtime/contracts/problem.ts';
import { DEFAULT_ROLE, roleCalls, targetsOf, targetsValue, tunerUses, type RoleCall, type TunerUses } from '../../runtime/contracts/roles.ts';
import type { Node } from '../../runtime/contracts/syntax.ts';

export function roleProblems(module: SourceModule, own: OwnClass, l10n: L10n): Problem[] {
  if (own.kind !== 'workflow' || own.contract !== 'ours') return [];
  const listed = targetsProblems(module, own, l10n);
  if (listed.length > 0 || own.abstract) return listed;
  const roles = rolesOf(module, own);
  const untrained = untrainedTuner(roles, l10n);
  // Two sides of one mistake are told once.
  return [...unknownRoles(roles, l10n), ...untrained, ...(untrained.length > 0 ? [] : unusedTargets(roles, own, l10n))];
}

interface Roles {
  calls: RoleCall[];
  registered: Set<string>;
  /** As they are written; absent: every role is trained. */
  targets: (string | undefined)[] | undefined;
  list: t.ArrayExpression | undefined;
  tuner: TunerUses;
}

function rolesOf(module: SourceModule, own: OwnClass): Roles {
  const calls = roleCalls(module, own);
  const list = targetsValue(own);
  return {
    calls, targets: targetsOf(module, own), tuner: tunerUses(module, own),
    registered: new Set(calls.flatMap(({ method, role }) => (method === 'registerModel' && role !== undefined ? [role] : []))),
    list: list?.type === 'ArrayExpression' ? list : undefined,
  };
}

/** `trainableTargets` is a list with something in it. */
function targetsProblems(module: SourceModule, own: OwnClass, l10n: L10n): Problem[] {
  const member = memberOf(own, 'trainableTargets');
  const value = member && targetsValue(own);
  if (member === undefined || value === undefined) return [];
  const one = textOf(value, module.texts);
  if (one !== undefined) {
    const fixes: Fix[] = [{ title: l10n.t('Make it a list'), edits: [insert(value.start, '['), insert(value.end, ']')], preferred: true }];
    return [{ code: 'targets-list', severity: 'error', message: l10n.t('`trainableTargets` is a list of roles.'), span: value, fixes }];
  }
  if (value.type !== 'ArrayExpression') return [];
  if (value.elements.length === 0) {
    const roles = [...new Set(roleCalls(module, own).flatMap(({ role }) => role ?? []))];
    const fixes: Fix[] = [{ title: l10n.t('Train every role: take it out'), edits: [replace(wholeLine(module.text, member), '')], preferred: true }];
    if (roles.length > 0) fixes.push({ title: l10n.t('Train {0}', roles.join(', ')), edits: [replace(value, `[${roles.map(quoted).join(', ')}]`)] });
    return [{ code: 'targets-empty', severity: 'error', message: l10n.t('`trainableTargets` is empty, which would train nothing.'), span: value, fixes }];
  }
  return value.elements.flatMap((element): Problem[] => {
    if (element === null || !/^(?:Numeric|Boolean|Null)Literal$/.test(element.type)) return [];
    const text = quoted(module.text.slice(element.start!, element.end!));
    return [{ code: 'targets-list', severity: 'error', message: l10n.t('A role is a text.'), span: element as Node, fixes: [{ title: l10n.t('Write {0}', text), edits: [replace(element as Node, text)], preferred: true }] }];
  });
}

/** `getModel('x')` of a role that is neither trained nor registered. */
function unknownRoles({ calls, registered, targets, list }: Roles, l10n: L10n): Problem[] {
  if (calls.some(({ method, role }) => method === 'registerModel' && role === undefined)) return [];
  const known = new Set([...registered, ...(targets ?? []).flatMap((target) => target ?? [])]);
  return calls.flatMap(({ method, role, argument, call }): Problem[] => {
    if (method !== 'getModel' || role === undefined || registered.has(role)) return [];
    const near = nearest(role, known);
    // Without a list every role is trained, so a new one is as good as any; only one that looks like another is told.
    if (targets === undefined ? near === undefined : targets.includes(undefined) || targets.includes(role)) return [];
    const fixes: Fix[] = [];
    if (near !== undefined && argument.type === 'StringLiteral') fixes.push({ title: l10n.t('Write {0}', quoted(near)), edits: [replace(argument, quoted(near))], preferred: true });
    if (call.callee.type === 'MemberExpression') {
      const edits = [replace(call.callee.property as Node, 'registerModel'), insert(argument.end, ", { defaultModel: 'ollama:qwen3' }")];
      fixes.push({ title: l10n.t('Register it with a default model'), edits, preferred: near === undefined });
    }
    const last = list?.elements.at(-1);
    if (last) fixes.push({ title: l10n.t('Train {0}', role), edits: [insert(last.end!, `, ${quoted(role)}`)] });
    const message = targets === undefined ? l10n.t('The role `{0}` is never registered; `{1}` is.', role, near!) : l10n.t('The role `{0}` is not trained and has no default model.', role);
    return [{ code: 'unknown-role', severity: targets === undefined ? 'warning' : 'error', span: argument, message, fixes }];
  });
}

/** `model: tuner` while only other roles are trained. */
function untrainedTuner({ registered, targets, tuner: { asModel: [model] } }: Roles, l10n: L10n): Problem[] {
  if (model === undefined || targets === undefined || targets.includes(undefined) || targets.includes(DEFAULT_ROLE) || registered.has(DEFAULT_ROLE)) return [];
  const fixes = targets.map((target): Fix => ({ title: l10n.t('Use the role {0}', target!), edits: [insert(model.end, `.getModel(${quoted(target!)})`)], preferred: targets.length === 1 }));
  return [{ code: 'unknown-role', severity: 'error', span: model, fixes, message: l10n.t('The tuner itself is the role `default`, which is not trained and has no default model.') }];
}

/** A target that no model is asked for, where all that is asked for can be seen. */
function unusedTargets({ calls, targets, list, tuner }: Roles, own: OwnClass, l10n: L10n): Problem[] {
  const asked = new Set([...calls.map(({ role }) => role), ...(tuner.asModel.length > 0 ? [DEFAULT_ROLE] : [])]);
  if (targets === undefined || list === undefined || tuner.escapes || asked.has(undefined) || memberOf(own, 'trainableTargets') === undefined) return [];
  const free = [...asked].flatMap((role) => (role === undefined || targets.includes(role) ? [] : [role]));
  return targets.flatMap((target, i): Problem[] => {
    const element = list.elements[i];
    if (element == null || target === undefined || asked.has(target)) return [];
    const near = nearest(target, free) ?? (targets.length === 1 && free.length === 1 ? free[0] : undefined);
    const fixes: Fix[] = [];
    if (near !== undefined && element.type === 'StringLiteral') fixes.push({ title: l10n.t('Write {0}', quoted(near)), edits: [replace(element as Node, quoted(near))], preferred: true });
    if (targets.length > 1) fixes.push({ title: l10n.t('Take it out'), edits: [replace(withComma(list, i), '')] });
    return [{ code: 'unused-role', severity: 'warning', span: element as Node, fixes, message: l10n.t('No model is asked for in the role `{0}`, so nothing of it is trained.', target) }];
  });
}

function withComma(list: t.ArrayExpression, index: number): Span {
  const [before, element, after] = [list.elements[index - 1], list.elements[index]!, list.elements[index + 1]];
  return after ? { start: element.start!, end: after.start! } : before ? { start: before.end!, end: element.end! } : { start: element.start!, end: element.end! };
}

function quoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
