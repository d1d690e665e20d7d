/** Rewards that can't be numbers, as far as the text alone tells. */
import type * as t from '@babel/types';
import { callableOf, importedName, type SourceModule } from '../../runtime/contracts/module.ts';
import { insert, replace, type Fix, type L10n, type Problem, type Span } from '../../runtime/contracts/problem.ts';
import { bare, keyName, visit } from '../../runtime/contracts/syntax.ts';

interface NoNumber extends Span {
  what: string;
  /** What could stand there instead. */
  instead: string;
}

/** Of every `new WorkflowOutput({ reward })` of the file. `null` and `undefined` leave it to the judge. */
export function outputRewardProblems(module: SourceModule, l10n: L10n): Problem[] {
  const problems: Problem[] = [];
  visit(module.program, (node) => {
    if (node.type !== 'NewExpression' || importedName(module, node.callee) !== 'WorkflowOutput') return;
    const [options] = node.arguments;
    const reward = options?.type === 'ObjectExpression' ? propertyOf(options, 'reward') : undefined;
    if (reward === undefined) return;
    for (const found of noNumbers(reward.value, module.text, l10n, 'null')) {
      problems.push(rewardProblem(found, reward.shorthand, l10n.t('The reward is {0}; it must be a number, or null so that the judge grades.', found.what), l10n));
    }
  });
  return problems;
}

/** Of every `return { reward, success }` of a judge. */
export function verdictProblems(module: SourceModule, l10n: L10n): Problem[] {
  return module.classes.filter(({ kind, contract }) => kind === 'judge' && contract === 'ours').flatMap((own): Problem[] => {
    const callable = callableOf(own);
    return callable === undefined ? [] : returnsOf(callable).flatMap((value) => verdictProblem(module, value, l10n));
  });
}

function verdictProblem(module: SourceModule, value: t.Node & Span, l10n: L10n): Problem[] {
  const inner = bare(value);
  if (inner.type !== 'ObjectExpression') return bareVerdict(module, value, l10n);
  const problem = { code: 'verdict', severity: 'error' as const, span: inner };
  const reward = propertyOf(inner, 'reward');
  if (reward !== undefined) {
    return noNumbers(reward.value, module.text, l10n, '0')
      .map((found) => rewardProblem(found, reward.shorthand, l10n.t('The reward is {0}; a judge gives a number for every answer.', found.what), l10n));
  }
  const [first] = inner.properties;
  if (inner.properties.some(({ type }) => type === 'SpreadElement')) return [];
  const edit = first ? insert(first.start!, 'reward: 0, ') : replace(inner, '{ reward: 0, success: false }');
  return [{ ...problem, message: l10n.t('The verdict has no reward.'), fixes: [{ title: l10n.t('Add a reward'), edits: [edit], preferred: true }] }];
}

/** `return 1` and `return answer === label`, where a verdict is wanted. */
function bareVerdict(module: SourceModule, value: t.Node & Span, l10n: L10n): Problem[] {
  const text = module.text.slice(value.start, value.end);
  const number = /^-?[\d.]+$/.test(text);
  const found = number ? undefined : noNumbers(value, module.text, l10n, '0')[0];
  if (!number && found === undefined) return [];
  const graded = found?.instead.endsWith(' ? 1 : 0') ? text : undefined;
  const written = number ? `{ reward: ${text}, success: null }` : graded ? `{ reward: ${found!.instead}, success: ${graded} }` : `{ reward: ${found!.instead}, success: ${found!.instead === '1'} }`;
  return [{
    code: 'verdict', severity: 'error', span: value, message: l10n.t('A judge returns { reward, success }, not {0}.', found?.what ?? l10n.t('a bare number')),
    fixes: [{ title: l10n.t('Return { reward, success }'), edits: [replace(value, written)], preferred: true }],
  }];
}

function rewardProblem({ start, end, instead }: NoNumber, shorthand: boolean, message: string, l10n: L10n): Problem {
  const fixes: Fix[] = shorthand ? [] : [{ title: l10n.t('Write {0}', instead), edits: [replace({ start, end }, instead)], preferred: true }];
  return { code: 'reward', severity: 'error', message, span: { start, end }, fixes };
}

function propertyOf(object: t.ObjectExpression, name: string): { value: t.Node; shorthand: boolean } | undefined {
  const found = object.properties.find((one) => one.type === 'ObjectProperty' && keyName(one) === name);
  return found?.type === 'ObjectProperty' ? { value: found.value, shorthand: found.shorthand } : undefined;
}

/** What an expression can come to that is no number; both sides of a choice are looked at. `nothing`: what stands for no grade here. */
function noNumbers(expression: t.Node, text: string, l10n: L10n, nothing: 'null' | '0'): NoNumber[] {
  const node = bare(expression);
  const written = text.slice(node.start, node.end);
  const is = (what: string, instead: string): NoNumber[] => [{ start: node.start, end: node.end, what, instead }];
  switch (node.type) {
    case 'ConditionalExpression':
      return [...noNumbers(node.consequent, text, l10n, nothing), ...noNumbers(node.alternate, text, l10n, nothing)];
    case 'StringLiteral':
      return is(l10n.t('a text'), node.value.trim() !== '' && Number.isFinite(Number(node.value)) ? String(Number(node.value)) : nothing);
    case 'TemplateLiteral':
      return is(l10n.t('a text'), `Number(${written})`);
    case 'BooleanLiteral':
      return is(String(node.value), node.value ? '1' : '0');
    case 'NullLiteral':
      return nothing === 'null' ? [] : is('null', '0');
    case 'Identifier':
      if (node.name === 'NaN' || node.name === 'Infinity') return is(node.name, nothing);
      return node.name === 'undefined' && nothing === '0' ? is('undefined', '0') : [];
    case 'UnaryExpression':
      if (node.operator === '!') return is(l10n.t('true or false'), `${written} ? 1 : 0`);
      if (node.operator === 'typeof') return is(l10n.t('a text'), nothing);
      return node.argument.type === 'Identifier' && node.argument.name === 'Infinity' ? is(written, nothing) : [];
    case 'BinaryExpression':
      if (/^(?:[=!]==?|[<>]=?|in|instanceof)$/.test(node.operator)) return is(l10n.t('true or false'), `${written} ? 1 : 0`);
      return node.operator === '+' && [node.left, node.right].some(({ type }) => type === 'StringLiteral' || type === 'TemplateLiteral') ? is(l10n.t('a text'), `Number(${written})`) : [];
    case 'CallExpression':
      return calls(node.callee, ['toFixed', 'toPrecision', 'toString']) || (node.callee.type === 'Identifier' && node.callee.name === 'String') ? is(l10n.t('a text'), `Number(${written})`)
        : node.callee.type === 'Identifier' && node.callee.name === 'Boolean' ? is(l10n.t('true or false'), `${written} ? 1 : 0`) : [];
    case 'ArrayExpression': return is(l10n.t('a list'), nothing);
    case 'ObjectExpression': return is(l10n.t('an object'), nothing);
    case 'BigIntLiteral': return is(written, written.replace(/n$/, ''));
    case 'ArrowFunctionExpression': case 'FunctionExpression': return is(l10n.t('a function'), nothing);
    default: return [];
  }
}

function calls(callee: t.Node, methods: readonly string[]): boolean {
  return callee.type === 'MemberExpression' && callee.property.type === 'Identifier' && methods.includes(callee.property.name);
}

function returnsOf(callable: NonNullable<ReturnType<typeof callableOf>>): (t.Node & Span)[] {
  if (callable.body.type !== 'BlockStatement') return [callable.body as t.Node & Span];
  const found: (t.Node & Span)[] = [];
  visit(callable.body, (node) => {
    if (/^(?:FunctionExpression|FunctionDeclaration|ArrowFunctionExpression|ClassExpression|ClassDeclaration|ObjectMethod)$/.test(node.type)) return false;
    if (node.type === 'ReturnStatement' && node.argument) found.push(node.argument as t.Node & Span);
    return true;
  });
  return found;
}
