/** The classes and functions a file can give to a configuration. */
import { readModule } from '../../runtime/contracts/module.ts';
import { tunedFunctions } from '../../runtime/contracts/tuned.ts';

export interface Exports {
  classes: string[];
  /** What it exports besides may be a class too, or come from elsewhere: nobody can tell by this file alone. */
  others: string[];
  open: boolean;
}

export function exportsOf(text: string, file: string): Exports | undefined {
  const module = readModule(text, file);
  if (module === undefined) return undefined;
  const { program } = module;
  // What is given to tune() need not be exported.
  const found: Exports = { classes: [], others: tunedFunctions(module).map(({ name }) => name), open: false };
  const classes = new Set<string>();
  for (const statement of program.body) {
    if (statement.type === 'ClassDeclaration' && statement.id) classes.add(statement.id.name);
    if (statement.type === 'ExportAllDeclaration') found.open = true;
    if (statement.type === 'ExportDefaultDeclaration') (statement.declaration.type === 'ClassDeclaration' ? found.classes : found.others).push('default');
    if (statement.type !== 'ExportNamedDeclaration') continue;
    const { declaration } = statement;
    if (declaration?.type === 'ClassDeclaration' && declaration.id && !declaration.abstract) found.classes.push(declaration.id.name);
    if (declaration?.type === 'FunctionDeclaration' && declaration.id) found.others.push(declaration.id.name);
    if (declaration?.type === 'VariableDeclaration') {
      for (const { id, init } of declaration.declarations) {
        if (id.type === 'Identifier') (init?.type === 'ClassExpression' ? found.classes : found.others).push(id.name);
      }
    }
  }
  for (const statement of program.body) {
    if (statement.type !== 'ExportNamedDeclaration') continue;
    for (const one of statement.specifiers) {
      if (one.type !== 'ExportSpecifier') continue;
      const outside = one.exported.type === 'Identifier' ? one.exported.name : one.exported.value;
      const inside = one.local.type === 'Identifier' ? one.local.name : '';
      (!statement.source && classes.has(inside) ? found.classes : found.others).push(outside);
    }
  }
  return found;
}
