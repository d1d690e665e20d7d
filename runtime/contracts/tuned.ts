/** What `tune` asks of its functions, checked as they are written, in AgentScope's order and words. */
import type * as t from '@babel/types';
import { writtenPath } from './config-path.ts';
import { nameFor } from './imports.ts';
import { importedName, readModule, type SourceModule } from './module.ts';
import { insert, replace, type Edit, type L10n, type Problem, type Span } from './problem.ts';
import { bare, keyName, visit } from './syntax.ts';

export type TunedKind = 'workflow' | 'judge';

export interface TunedFunction {
  kind: TunedKind;
  /** As a configuration names it. */
  name: string;
  node: FunctionNode;
  /** The name, or the beginning of one that has none. */
  span: Span;
  /** The newer `tune({ … })` looks at names alone, `tune(function, file)` at types too. */
  byName: boolean;
  /** What each call trains it with; none for a judge. */
  calls: TuneCall[];
}

export interface TuneCall {
  /** The path of its configuration; undefined where a run could tell it, or where options of the call stand above one. */
  config: string | undefined;
  /** The name of the judge that is given with it. */
  judge: string | undefined;
}

export type FunctionNode = (t.FunctionDeclaration | t.FunctionExpression | t.ArrowFunctionExpression) & Span;

const MODELS: readonly string[] = ['ChatModel', 'TrinityChatModel', 'ModelTuner'];
const ESSENTIAL: Readonly<Record<TunedKind, readonly [string, string]>> = { workflow: ['task', 'model'], judge: ['task', 'response'] };

/** Options that say what else stands in a configuration. */
const SETTINGS: readonly string[] = ['trainDataset', 'evalDataset', 'model', 'algorithm'];

/** The functions of this file that it gives to `tune`. */
export function tunedFunctions(module: SourceModule): TunedFunction[] {
  const found: TunedFunction[] = [];
  const functions = functionsOf(module.program);
  const take = (kind: TunedKind, value: t.Node, byName: boolean): TunedFunction | undefined => {
    const node = bare(value);
    const named = node.type === 'Identifier' ? functions.get(node.name) : undefined;
    const known = found.find((one) => one.kind === kind && one.node === (named?.node ?? node));
    if (known !== undefined) return known;
    const taken: TunedFunction | undefined = named !== undefined ? { kind, name: (node as t.Identifier).name, byName, calls: [], ...named }
      : isFunction(node) ? { kind, name: `${kind}Func`, node, span: { start: node.start, end: node.start + 5 }, byName, calls: [] } : undefined;
    if (taken !== undefined) found.push(taken);
    return taken;
  };
  visit(module.program, (node) => {
    if (node.type !== 'CallExpression' || importedName(module, node.callee) !== 'tune') return;
    const [first, path] = node.arguments;
    const given = first && bare(first);
    if (given?.type !== 'ObjectExpression') {
      if (given !== undefined) take('workflow', given, false)?.calls.push({ config: path && writtenPath(path, module.texts), judge: undefined });
      return;
    }
    const options = new Map(given.properties.flatMap((one) => (one.type === 'ObjectProperty' ? [[keyName(one), one.value] as const] : [])));
    const workflow = options.has('workflowFunc') ? take('workflow', options.get('workflowFunc')!, true) : undefined;
    const judge = options.has('judgeFunc') ? take('judge', options.get('judgeFunc')!, true) : undefined;
    const config = options.get('configPath');
    const readable = options.size === given.properties.length && !SETTINGS.some((name) => options.has(name)) && options.has('judgeFunc') === (judge !== undefined);
    workflow?.calls.push({ config: readable && config !== undefined ? writtenPath(config, module.texts) : undefined, judge: judge?.name });
  });
  return found;
}

export function tunedProblems(module: SourceModule, l10n: L10n): Problem[] {
  return tunedFunctions(module).flatMap((tuned) => functionProblems(module, tuned, l10n));
}

/** Before a run: a function by its name, whether `tune` gets it here or a configuration names it. Undefined where the file has no such function. */
export function namedFunctionProblems(text: string, file: string, name: string, kind: TunedKind): { line: number; column: number; message: string }[] | undefined {
  const module = readModule(text, file);
  if (module === undefined) return undefined;
  const inFile = functionsOf(module.program).get(name);
  const tuned = tunedFunctions(module).find((one) => one.kind === kind && one.name === name) ?? (inFile && { kind, name, byName: false, calls: [], ...inFile });
  if (tuned === undefined) return undefined;
  return functionProblems(module, tuned, { t: (message, ...args) => message.replace(/\{(\d+)\}/g, (_, i: string) => String(args[Number(i)])) })
    .filter(({ severity }) => severity === 'error')
    .map(({ message, span }) => ({ message, ...placeOf(text, span.start) }));
}

function functionProblems(module: SourceModule, tuned: TunedFunction, l10n: L10n): Problem[] {
  const problem = (code: string, span: Span, message: string, fixes: Problem['fixes'] = []): Problem => ({ code, severity: 'error', message, span: { start: span.start, end: span.end }, fixes });
  const { node, kind, span } = tuned;
  const problems: Problem[] = [];
  if (!node.async) {
    problems.push(problem('not-async', span, l10n.t('The function is not asynchronous.'), [{ title: l10n.t('Make {0} async', tuned.name), edits: asAsync(node), preferred: true }]));
  }
  const parameters = node.params as (FunctionNode['params'][number] & Span)[];
  const rest = parameters.find((one) => one.type === 'RestElement');
  if (rest !== undefined) return [...problems, problem('parameter-rest', rest, l10n.t('A rest parameter is not allowed: {0}', textAt(module, rest)))];

  const [first, second] = ESSENTIAL[kind];
  if (parameters.length < 2) {
    const absent = [first, second].slice(parameters.length);
    const message = tuned.byName ? l10n.t('Missing essential parameters: [{0}]', absent.join(', ')) : l10n.t('Expected {0} parameters, but got {1}', 2, parameters.length);
    return [...problems, problem('parameter-count', span, message)];
  }
  const extra = parameters.slice(2).filter((one, i) => !(i === 0 && (one.type === 'ObjectPattern' || one.type === 'AssignmentPattern' || nameOf(one) === 'extras')));
  if (extra.length > 0) {
    const message = tuned.byName ? l10n.t('Contains disallowed parameters: [{0}]', extra.map((one) => nameOf(one) ?? textAt(module, one)).join(', ')) : l10n.t('Expected {0} parameters, but got {1}', 2, parameters.length);
    const edits = [replace({ start: parameters[parameters.indexOf(extra[0]!) - 1]!.end, end: parameters.at(-1)!.end }, '')];
    problems.push(problem('parameter-count', { start: extra[0]!.start, end: parameters.at(-1)!.end }, message, [{ title: l10n.t('Take out what is not given'), edits }]));
  }
  problems.push(...[first, second].flatMap((name, i) => parameterProblem(module, tuned, parameters[i]!, name, i, l10n)));
  const wrong = returnProblem(module, tuned, l10n);
  return wrong === undefined ? problems : [...problems, wrong];
}

/** A parameter that is taken apart has no name, and needs none. */
function parameterProblem(module: SourceModule, { kind, byName }: TunedFunction, parameter: FunctionNode['params'][number] & Span, name: string, index: number, l10n: L10n): Problem[] {
  const given = nameOf(parameter);
  const annotation = annotationOf(parameter);
  const isModel = kind === 'workflow' && index === 1;
  const wanted = isModel ? 'ChatModel' : kind === 'judge' && index === 1 ? 'unknown' : 'JsonObject';
  const nameFits = given === undefined ? parameter.type === 'ObjectPattern' && !isModel : given.replace(/^_/, '') === name;
  const typeFits = byName || wanted === 'unknown' || annotation === undefined || (isModel ? isModelType(module, annotation) : isRowType(module, annotation));
  if (nameFits && typeFits) return [];
  const got = annotation === undefined ? l10n.t('none') : textAt(module, annotation as t.TSType & Span);
  const { name: local, edits } = nameFor(module, wanted);
  return [{
    code: 'parameter-type', severity: 'error', span: { start: parameter.start, end: parameter.end },
    message: byName ? l10n.t('Missing essential parameters: [{0}]', name) : l10n.t('Expected parameter {0} of type {1}, but got {2} of type {3}', name, wanted, given ?? textAt(module, parameter), got),
    fixes: nameFits && annotation !== undefined ? [{ title: l10n.t('Write {0}', wanted), edits: [...edits, replace({ start: annotation.start!, end: annotation.end! }, local)], preferred: true }] : [],
  }];
}

function returnProblem(module: SourceModule, { node, kind, byName }: TunedFunction, l10n: L10n): Problem | undefined {
  const annotation = node.returnType?.type === 'TSTypeAnnotation' ? node.returnType.typeAnnotation : undefined;
  if (annotation === undefined) return undefined;
  const inner = annotation.type === 'TSTypeReference' && annotation.typeName.type === 'Identifier' && annotation.typeName.name === 'Promise' ? annotation.typeArguments?.params[0] : undefined;
  const plain = inner?.type ?? 'none';
  const object = plain === 'TSTypeReference' || plain === 'TSTypeLiteral' || plain === 'TSUnionType' || plain === 'TSAnyKeyword' || plain === 'TSUnknownKeyword';
  if (plain === 'TSNumberKeyword' || (object && (byName || kind === 'judge' || plain !== 'TSUnionType'))) return undefined;
  const got = textAt(module, annotation as t.TSType & Span);
  return {
    code: 'return-type', severity: 'error', span: { start: annotation.start!, end: annotation.end! }, message: l10n.t('Expected return type {0}, but got {1}', 'Promise<number>', got),
    fixes: [{ title: l10n.t('Write {0}', 'Promise<number>'), edits: [replace({ start: annotation.start!, end: annotation.end! }, 'Promise<number>')], preferred: true }],
  };
}

/** A row is an object: what can't be one is wrong, what can't be told from here is left to TypeScript. */
function isRowType(module: SourceModule, type: t.TSType): boolean {
  if (type.type === 'TSTypeReference') {
    const imported = importedName(module, type.typeName);
    const global = type.typeName.type === 'Identifier' ? type.typeName.name : '';
    return imported === undefined ? !['Array', 'ReadonlyArray', 'Set', 'Map', 'Promise', 'String', 'Number'].includes(global) : imported === 'JsonObject';
  }
  return ['TSTypeLiteral', 'TSAnyKeyword', 'TSUnknownKeyword', 'TSObjectKeyword', 'TSIntersectionType', 'TSUnionType', 'TSMappedType', 'TSIndexedAccessType', 'TSImportType'].includes(type.type);
}

function isModelType(module: SourceModule, type: t.TSType): boolean {
  if (type.type === 'TSAnyKeyword' || type.type === 'TSUnknownKeyword') return true;
  if (type.type !== 'TSTypeReference') return false;
  const imported = importedName(module, type.typeName);
  if (imported !== undefined) return MODELS.includes(imported);
  // A type made in this project may be one of ours under another name.
  const name = type.typeName.type === 'Identifier' ? type.typeName.name : '';
  return module.program.body.some((statement) => {
    if (statement.type === 'ImportDeclaration') return statement.source.value.startsWith('.') && statement.specifiers.some(({ local }) => local.name === name);
    const inner = statement.type === 'ExportNamedDeclaration' ? statement.declaration : statement;
    return (inner?.type === 'TSTypeAliasDeclaration' || inner?.type === 'TSInterfaceDeclaration') && inner.id.name === name;
  });
}

function functionsOf(program: t.Program): Map<string, { node: FunctionNode; span: Span }> {
  const functions = new Map<string, { node: FunctionNode; span: Span }>();
  for (const statement of program.body) {
    const inner = statement.type === 'ExportNamedDeclaration' || statement.type === 'ExportDefaultDeclaration' ? statement.declaration : statement;
    if (inner?.type === 'FunctionDeclaration' && inner.id) functions.set(inner.id.name, { node: inner as FunctionNode, span: inner.id as unknown as Span });
    if (inner?.type !== 'VariableDeclaration') continue;
    for (const { id, init } of inner.declarations) {
      const value = init ? bare(init) : undefined;
      if (id.type === 'Identifier' && isFunction(value)) functions.set(id.name, { node: value, span: id as unknown as Span });
    }
  }
  return functions;
}

function isFunction(node: t.Node | undefined): node is FunctionNode {
  return node?.type === 'ArrowFunctionExpression' || node?.type === 'FunctionExpression' || node?.type === 'FunctionDeclaration';
}

/** A type that says what comes back has to say that it comes later. */
function asAsync(node: FunctionNode): Edit[] {
  const annotation = node.returnType?.type === 'TSTypeAnnotation' ? node.returnType.typeAnnotation : undefined;
  const promised = annotation?.type === 'TSTypeReference' && annotation.typeName.type === 'Identifier' && annotation.typeName.name === 'Promise';
  return [insert(node.start, 'async '), ...(annotation === undefined || promised ? [] : [insert(annotation.start!, 'Promise<'), insert(annotation.end!, '>')])];
}

function annotationOf(parameter: t.Node): t.TSType | undefined {
  const target = parameter.type === 'AssignmentPattern' ? parameter.left : parameter;
  const annotation = 'typeAnnotation' in target ? target.typeAnnotation : undefined;
  return annotation?.type === 'TSTypeAnnotation' ? annotation.typeAnnotation : undefined;
}

function nameOf(parameter: t.Node): string | undefined {
  const target = parameter.type === 'AssignmentPattern' ? parameter.left : parameter;
  return target.type === 'Identifier' ? target.name : undefined;
}

function textAt({ text }: SourceModule, { start, end }: Span): string {
  return text.slice(start, end);
}

function placeOf(text: string, offset: number): { line: number; column: number } {
  const before = text.slice(0, offset).split('\n');
  return { line: before.length, column: before.at(-1)!.length + 1 };
}
