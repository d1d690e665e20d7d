/** What is asked of `execute(task, tuner)` and of `judge(task, output)`: a method, its parameters, whether it is async. */
import type * as t from '@babel/types';
import { nameFor } from '../../runtime/contracts/imports.ts';
import { importedName, inheritedMember, memberOf, type Kind, type Member, type OwnClass, type SourceModule } from '../../runtime/contracts/module.ts';
import { indentAt, insert, replace, type Edit, type L10n, type Problem, type Span } from '../../runtime/contracts/problem.ts';
import { visit } from '../../runtime/contracts/syntax.ts';

interface Contract {
  method: string;
  parameters: readonly (readonly [name: string, type: string])[];
  result: string;
  /** The body of one that does nothing yet. */
  body: string;
  needs: readonly string[];
  mustBeAsync: boolean;
}

const CONTRACTS: Readonly<Record<Kind, Contract>> = {
  workflow: {
    method: 'execute', parameters: [['task', 'WorkflowTask'], ['tuner', 'ModelTuner']], result: 'WorkflowOutput', mustBeAsync: true,
    body: 'return new WorkflowOutput({ reward: null });', needs: ['WorkflowOutput'],
  },
  judge: {
    method: 'judge', parameters: [['task', 'Task'], ['output', 'OutputData']], result: 'Verdict', mustBeAsync: false,
    body: 'return { reward: 0, success: false };', needs: [],
  },
};

/** Osmosis' contract: one parameter, and what is returned is its own business. */
const OSMOSIS: Readonly<Record<Kind, Contract>> = {
  workflow: { method: 'run', parameters: [['ctx', 'AgentWorkflowContext']], result: 'void', mustBeAsync: true, body: '', needs: [] },
  judge: { method: 'grade', parameters: [['ctx', 'GraderContext']], result: 'void', mustBeAsync: true, body: 'ctx.setReward(0);', needs: [] },
};

function contractOf({ kind, contract }: OwnClass): Contract {
  return contract === 'ours' ? CONTRACTS[kind] : OSMOSIS[kind];
}

const PLAIN_TYPES: readonly string[] = ['TSStringKeyword', 'TSNumberKeyword', 'TSBooleanKeyword', 'TSNullKeyword', 'TSUndefinedKeyword', 'TSVoidKeyword', 'TSNeverKeyword', 'TSBigIntKeyword', 'TSSymbolKeyword', 'TSArrayType', 'TSTupleType', 'TSFunctionType'];

export function methodProblems(module: SourceModule, own: OwnClass, l10n: L10n): Problem[] {
  const contract = contractOf(own);
  const member = memberOf(own, contract.method);
  if (member === undefined) return inheritedMember(own, contract.method) || own.abstract ? [] : [missing(module, own, contract, l10n)];
  if (member.type === 'ClassProperty') return [asProperty(module, member, contract, l10n)];
  if (member.type !== 'ClassMethod') return [];
  if (member.kind !== 'method' || member.generator) {
    const message = l10n.t('`{0}` must be a plain method: it is called once, as {0}({1}).', contract.method, names(contract));
    return [{ code: 'method-kind', severity: 'error', message, span: keySpan(member), fixes: [] }];
  }
  return [...asyncProblems(module, member, contract, l10n), ...(own.contract === 'ours' ? parameterProblems(module, member, contract, l10n) : [])];
}

function missing(module: SourceModule, own: OwnClass, contract: Contract, l10n: L10n): Problem {
  const { node } = own;
  const types = contract.parameters.map(([, type]) => nameFor(module, type, !contract.needs.includes(type)));
  const given = contract.result === 'void' ? { name: 'void', edits: [] } : nameFor(module, contract.result, !contract.needs.includes(contract.result));
  const unit = indentUnit(module.text);
  const inner = indentAt(module.text, node.start) + unit;
  const result = contract.mustBeAsync ? `Promise<${given.name}>` : given.name;
  const parameters = contract.parameters.map(([name], i) => `${name}: ${types[i]!.name}`).join(', ');
  const signature = `${contract.mustBeAsync ? 'async ' : ''}${contract.method}(${parameters}): ${result}`;
  const after = node.body.body.at(-1)?.end ?? node.body.start! + 1;
  const text = `${node.body.body.length > 0 ? '\n' : ''}\n${inner}${signature} {\n${inner}${unit}${contract.body}\n${inner}}${module.text.slice(after, node.body.end!).includes('\n') ? '' : '\n'}`;
  return {
    code: 'method-missing', severity: 'error', span: nameSpan(own),
    message: l10n.t('{0} has no method {1}({2}).', own.name ?? l10n.t('This class'), contract.method, names(contract)),
    fixes: [{ title: l10n.t('Add {0}({1})', contract.method, names(contract)), edits: [...mergeImports([...types, given].flatMap(({ edits }) => edits)), insert(after, text)], preferred: true }],
  };
}

/** `execute = async () => {}`: the worker looks for a method of the class. */
function asProperty(module: SourceModule, member: t.ClassProperty & Span, contract: Contract, l10n: L10n): Problem {
  const { value } = member;
  const fixes: Problem['fixes'] = [];
  if (value?.type === 'ArrowFunctionExpression' && value.body.type === 'BlockStatement') {
    const head = module.text.slice(value.start!, value.body.start!).replace(/^async\b\s*/, '').replace(/\s*=>\s*$/, ' ');
    const method = `${value.async ? 'async ' : ''}${contract.method}${head.startsWith('(') ? head : `(${head.trim()}) `}${module.text.slice(value.body.start!, value.body.end!)}`;
    fixes.push({ title: l10n.t('Make it a method'), edits: [replace({ start: member.key.start!, end: member.end }, method)], preferred: true });
  }
  return {
    code: 'method-kind', severity: 'error', span: keySpan(member), fixes,
    message: l10n.t('`{0}` is a property; it must be a method, {0}({1}) { … }.', contract.method, names(contract)),
  };
}

function asyncProblems(module: SourceModule, member: t.ClassMethod & Span, contract: Contract, l10n: L10n): Problem[] {
  if (member.async) return [];
  const annotated = member.returnType?.type === 'TSTypeAnnotation' ? member.returnType.typeAnnotation : undefined;
  const promised = annotated?.type === 'TSTypeReference' && annotated.typeName.type === 'Identifier' && annotated.typeName.name === 'Promise';
  const { waits, gives } = bodyOf(module, member);
  // Osmosis wants the word, whatever is returned.
  const wrong = waits || contract.result === 'void' || (contract.mustBeAsync && !promised && (annotated !== undefined || gives));
  if (!wrong) return [];
  const edits: Edit[] = [insert(member.key.start!, 'async ')];
  if (annotated !== undefined && !promised) edits.push(insert(annotated.start!, 'Promise<'), insert(annotated.end!, '>'));
  return [{
    code: 'not-async', severity: 'error', span: keySpan(member),
    message: contract.result === 'void' ? l10n.t('`{0}` must be async.', contract.method) : waits ? l10n.t('`{0}` waits for something, so it must be async.', contract.method) : l10n.t('`{0}` must be async: it gives a promise of a {1}.', contract.method, contract.result),
    fixes: [{ title: l10n.t('Make {0} async', contract.method), edits, preferred: true }],
  }];
}

/** Whether a method awaits, and whether it gives an output as it is. Functions inside it are others' business. */
function bodyOf(module: SourceModule, member: t.ClassMethod): { waits: boolean; gives: boolean } {
  const seen = { waits: false, gives: false };
  visit(member.body, (node) => {
    if (/^(?:FunctionExpression|FunctionDeclaration|ArrowFunctionExpression|ClassExpression|ClassDeclaration|ObjectMethod)$/.test(node.type)) return false;
    if (node.type === 'AwaitExpression' || (node.type === 'ForOfStatement' && node.await)) seen.waits = true;
    if (node.type === 'ReturnStatement' && node.argument?.type === 'NewExpression' && importedName(module, node.argument.callee) === 'WorkflowOutput') seen.gives = true;
    return true;
  });
  return seen;
}

function parameterProblems(module: SourceModule, member: t.ClassMethod & Span, contract: Contract, l10n: L10n): Problem[] {
  const { method } = contract;
  const parameters = member.params.filter((one) => !(one.type === 'Identifier' && one.name === 'this')) as (t.ClassMethod['params'][number] & Span)[];
  const problem = (code: string, span: Span, message: string, fixes: Problem['fixes']): Problem => ({ code, severity: 'error', message, span, fixes });
  const [first, second] = parameters;
  const swapped = first !== undefined && second !== undefined && isFor(module, first, contract.parameters[1]!) && !isFor(module, second, contract.parameters[1]!);
  if (swapped) {
    const edits = [replace(first, module.text.slice(second.start, second.end)), replace(second, module.text.slice(first.start, first.end))];
    const message = l10n.t('`{0}` is called with ({1}), in this order.', method, names(contract));
    return [problem('parameter-order', { start: first.start, end: second.end }, message, [{ title: l10n.t('Swap the parameters'), edits, preferred: true }])];
  }
  const wanted = (one: t.Node): boolean => one.type !== 'RestElement' && one.type !== 'AssignmentPattern' && !('optional' in one && one.optional === true);
  const extra = parameters.slice(2).find(wanted);
  const problems = parameters.slice(0, 2).flatMap((one, i) => typeProblem(module, one, contract, i, l10n));
  if (extra !== undefined) {
    const edits = [replace({ start: second!.end, end: parameters.at(-1)!.end }, '')];
    const message = l10n.t('`{0}` is called with ({1}) and nothing else.', method, names(contract));
    problems.push(problem('parameter-count', { start: extra.start, end: parameters.at(-1)!.end }, message, [{ title: l10n.t('Take out what is not given'), edits, preferred: true }]));
  }
  if (parameters.length < 2 && first?.type !== 'RestElement' && contract.mustBeAsync) {
    const absent = contract.parameters.slice(parameters.length).map(([name, type]) => ({ parameter: name, ...nameFor(module, type) }));
    // Of two that are added only the tuner is used at first.
    const written = absent.map(({ parameter, name }, i) => `${i < absent.length - 1 ? '_' : ''}${parameter}: ${name}`);
    const at = first?.end ?? module.text.indexOf('(', member.key.end!) + 1;
    problems.push({
      code: 'no-tuner', severity: 'warning', span: keySpan(member), message: l10n.t('`execute` takes no tuner, so it can call no model and there is nothing to train.'),
      fixes: [{ title: l10n.t('Take the tuner'), edits: [...mergeImports(absent.flatMap(({ edits }) => edits)), insert(at, [...(first ? [''] : []), ...written].join(', '))], preferred: true }],
    });
  }
  return problems;
}

/** By its type if it has one of ours, else by its name. */
function isFor(module: SourceModule, parameter: t.Node, [name, type]: Contract['parameters'][number]): boolean {
  const annotation = annotationOf(parameter);
  if (annotation !== undefined) return annotation.type === 'TSTypeReference' && importedName(module, annotation.typeName) === type;
  const target = parameter.type === 'AssignmentPattern' ? parameter.left : parameter;
  return target.type === 'Identifier' && target.name.replace(/^_/, '') === name;
}

function typeProblem(module: SourceModule, parameter: t.Node & Span, contract: Contract, index: number, l10n: L10n): Problem[] {
  const annotation = annotationOf(parameter);
  const [name, type] = contract.parameters[index]!;
  if (annotation === undefined || parameter.type === 'RestElement') return [];
  const imported = annotation.type === 'TSTypeReference' ? importedName(module, annotation.typeName) : undefined;
  if (imported === type || (imported === undefined && !PLAIN_TYPES.includes(annotation.type))) return [];
  const { name: local, edits } = nameFor(module, type);
  const span = { start: annotation.start!, end: annotation.end! };
  const message = imported === 'Task' && type === 'WorkflowTask'
    ? l10n.t('`{0}` gets a WorkflowTask; the row of the data is its `task`.', contract.method)
    : l10n.t('The parameter `{0}` of `{1}` is a {2}.', name, contract.method, type);
  return [{ code: 'parameter-type', severity: 'error', message, span, fixes: [{ title: l10n.t('Write {0}', type), edits: [...edits, replace(span, local)], preferred: true }] }];
}

function annotationOf(parameter: t.Node): t.TSType | undefined {
  const target = parameter.type === 'AssignmentPattern' ? parameter.left : parameter;
  const annotation = 'typeAnnotation' in target ? target.typeAnnotation : undefined;
  return annotation?.type === 'TSTypeAnnotation' ? annotation.typeAnnotation : undefined;
}

/** Names that go to one place go there as one edit. */
export function mergeImports(edits: readonly Edit[]): Edit[] {
  const [first] = edits;
  if (first === undefined) return [];
  const names = edits.map(({ text }) => text);
  const statement = /^import \{ (.*) \} (.*)$/s.exec(first.text);
  if (statement === null) return [{ ...first, text: names.join('') }];
  return [{ ...first, text: `import { ${names.map((text) => /\{ (.*) \}/.exec(text)![1]).join(', ')} } ${statement[2]}` }];
}

function names({ parameters }: Contract): string {
  return parameters.map(([name]) => name).join(', ');
}

export function keySpan({ key }: Pick<Exclude<Member, t.TSDeclareMethod>, 'key'>): Span {
  return { start: key.start!, end: key.end! };
}

export function nameSpan({ node }: OwnClass): Span {
  return node.id ? { start: node.id.start!, end: node.id.end! } : { start: node.start, end: node.start + 'class'.length };
}

function indentUnit(text: string): string {
  return /^(\t| {2,8})(?=\S)/m.exec(text)?.[1] ?? '  ';
}
