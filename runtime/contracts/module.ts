/** The workflows and judges of a file: who extends what, under which name it can be had from outside. */
import type * as t from '@babel/types';
import { bare, keyName, parseTypeScript, visit, type Node } from './syntax.ts';

export type ClassNode = (t.ClassDeclaration | t.ClassExpression) & { start: number; end: number };
export type Kind = 'workflow' | 'judge';

export interface OwnClass {
  kind: Kind;
  /** Whose contract it is under: `osmosis` has `run(ctx)` and `grade(ctx)`. */
  contract: 'ours' | 'osmosis';
  node: ClassNode;
  /** Undefined for a nameless one. */
  name: string | undefined;
  /** What a YAML says after `->`; undefined when it is not exported. */
  exportedAs: string | undefined;
  abstract: boolean;
  /** The class of this file it extends, if it doesn't extend ours directly. */
  base: OwnClass | undefined;
}

export interface SourceModule {
  text: string;
  program: t.Program;
  /** What `tuning-fork` exports, by the name it has in this file. */
  imported: ReadonlyMap<string, string>;
  classes: readonly OwnClass[];
  /** Constants that are a text, by name. */
  texts: ReadonlyMap<string, string>;
}

const PACKAGES = ['tuning-fork', 'tuning-fork/osmosis'];
const BASES: Readonly<Record<string, Pick<OwnClass, 'kind' | 'contract'>>> = {
  Workflow: { kind: 'workflow', contract: 'ours' }, Judge: { kind: 'judge', contract: 'ours' },
  AgentWorkflow: { kind: 'workflow', contract: 'osmosis' }, Grader: { kind: 'judge', contract: 'osmosis' },
};

/** The method that is called. */
export function methodOf({ kind, contract }: Pick<OwnClass, 'kind' | 'contract'>): string {
  return contract === 'ours' ? { workflow: 'execute', judge: 'judge' }[kind] : { workflow: 'run', judge: 'grade' }[kind];
}

export function readModule(text: string, file: string): SourceModule | undefined {
  const program = parseTypeScript(text, file);
  if (program === undefined) return undefined;
  const imported = importsOf(program);
  return { text, program, imported, classes: classesOf(program, imported), texts: textsOf(program) };
}

function importsOf(program: t.Program): Map<string, string> {
  const imported = new Map<string, string>();
  for (const statement of program.body) {
    if (statement.type !== 'ImportDeclaration' || !PACKAGES.includes(statement.source.value)) continue;
    for (const one of statement.specifiers) {
      if (one.type === 'ImportSpecifier') imported.set(one.local.name, one.imported.type === 'Identifier' ? one.imported.name : one.imported.value);
      else if (one.type === 'ImportNamespaceSpecifier') imported.set(one.local.name, '*');
    }
  }
  return imported;
}

/** The name in `tuning-fork` of what an expression or a type names. */
export function importedName(module: Pick<SourceModule, 'imported'>, node: t.Node): string | undefined {
  if (node.type === 'Identifier') {
    const name = module.imported.get(node.name);
    return name === '*' ? undefined : name;
  }
  const [left, right] = node.type === 'MemberExpression' ? [node.object, node.property] : node.type === 'TSQualifiedName' ? [node.left, node.right] : [];
  return left?.type === 'Identifier' && module.imported.get(left.name) === '*' && right?.type === 'Identifier' ? right.name : undefined;
}

function classesOf(program: t.Program, imported: SourceModule['imported']): OwnClass[] {
  const exported = exportsOf(program);
  const named = new Map<string, OwnClass>();
  const classes: OwnClass[] = [];
  const add = (node: ClassNode, name: string | undefined, exportedAs: string | undefined): void => {
    const above = node.superClass && bare(node.superClass);
    if (!above) return;
    const base = above.type === 'Identifier' ? named.get(above.name) : undefined;
    const under = base ?? BASES[importedName({ imported }, above) ?? ''];
    if (under === undefined) return;
    const { kind, contract } = under;
    const found: OwnClass = { kind, contract, node, name, exportedAs, base, abstract: node.type === 'ClassDeclaration' && node.abstract === true };
    classes.push(found);
    if (name !== undefined) named.set(name, found);
  };
  for (const statement of program.body) {
    const isDefault = statement.type === 'ExportDefaultDeclaration';
    const inner = isDefault || statement.type === 'ExportNamedDeclaration' ? statement.declaration : statement;
    if (inner?.type === 'ClassDeclaration' || inner?.type === 'ClassExpression') {
      const name = inner.id?.name;
      add(inner as ClassNode, name, isDefault ? 'default' : statement !== inner ? name : exported.get(name ?? ''));
    } else if (inner?.type === 'VariableDeclaration') {
      for (const { id, init } of inner.declarations) {
        if (id.type === 'Identifier' && init?.type === 'ClassExpression') add(init as ClassNode, id.name, statement !== inner ? id.name : exported.get(id.name));
      }
    }
  }
  return classes;
}

/** `export { A as B }` and `export default A`: from names here to names outside. */
function exportsOf(program: t.Program): Map<string, string> {
  const exported = new Map<string, string>();
  for (const statement of program.body) {
    if (statement.type === 'ExportDefaultDeclaration' && statement.declaration.type === 'Identifier') exported.set(statement.declaration.name, 'default');
    if (statement.type !== 'ExportNamedDeclaration' || statement.source) continue;
    for (const one of statement.specifiers) {
      if (one.type === 'ExportSpecifier') exported.set((one.local as t.Identifier).name, one.exported.type === 'Identifier' ? one.exported.name : one.exported.value);
    }
  }
  return exported;
}

function textsOf(program: t.Program): Map<string, string> {
  const texts = new Map<string, string>();
  const twice = new Set<string>();
  visit(program, (node) => {
    if (node.type !== 'VariableDeclarator' || node.id.type !== 'Identifier') return;
    const value = node.init ? textOf(node.init, texts) : undefined;
    if (texts.has(node.id.name) || value === undefined) twice.add(node.id.name);
    else texts.set(node.id.name, value);
  });
  for (const name of twice) texts.delete(name);
  return texts;
}

/** The text an expression is, where that can be seen. */
export function textOf(node: t.Node, texts: SourceModule['texts']): string | undefined {
  const inner = bare(node);
  if (inner.type === 'StringLiteral') return inner.value;
  if (inner.type === 'TemplateLiteral' && inner.quasis.length === 1) return inner.quasis[0]!.value.cooked ?? undefined;
  return inner.type === 'Identifier' ? texts.get(inner.name) : undefined;
}

export type Member = (t.ClassMethod | t.ClassProperty | t.TSDeclareMethod) & { start: number; end: number };

/** A member that is not static, by its name. The body of an overloaded method, not its signatures. */
export function memberOf({ node }: OwnClass, name: string): Member | undefined {
  const found = node.body.body.filter((member): member is Member =>
    (member.type === 'ClassMethod' || member.type === 'ClassProperty' || member.type === 'TSDeclareMethod') && !member.static && keyName(member) === name);
  return found.find((member) => member.type !== 'TSDeclareMethod') ?? found[0];
}

/** The same, also of the classes of this file it extends. */
export function inheritedMember(own: OwnClass, name: string): Member | undefined {
  return memberOf(own, name) ?? (own.base && inheritedMember(own.base, name));
}

/** A method, or the function a property holds: what has parameters and a body. */
export type Callable = (t.ClassMethod | t.ArrowFunctionExpression | t.FunctionExpression) & { start: number; end: number };

/** The function that runs, if the class has one of its own. */
export function callableOf(own: OwnClass): Callable | undefined {
  const member = memberOf(own, methodOf(own));
  if (member?.type === 'ClassMethod') return member;
  const value = member?.type === 'ClassProperty' ? member.value : undefined;
  return value?.type === 'ArrowFunctionExpression' || value?.type === 'FunctionExpression' ? value as Callable : undefined;
}

/** The code that runs for a class: its own, that of its bases here, and what stands outside of all classes of ours. */
export function visitCode(module: SourceModule, own: OwnClass, enter: (node: Node) => boolean | void): void {
  const mine = new Set<t.Node>();
  for (let at: OwnClass | undefined = own; at !== undefined; at = at.base) mine.add(at.node);
  const others = new Set<t.Node>(module.classes.filter(({ node }) => !mine.has(node)).map(({ node }) => node));
  visit(module.program, (node) => (others.has(node) ? false : enter(node)));
}
