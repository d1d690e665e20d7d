/** The path of a configuration as it is handed to `tune`, where the code says it in so many words. */
import type * as t from '@babel/types';
import { posix } from 'node:path';
import { textOf, type SourceModule } from './module.ts';
import { bare } from './syntax.ts';

/** Undefined where only a run could tell. What begins at `import.meta` is left relative: it is meant from the folder of the file. */
export function writtenPath(value: t.Node, texts: SourceModule['texts']): string | undefined {
  const node = bare(value);
  const text = textOf(node, texts);
  if (text !== undefined) return text;
  // `new URL('config.yaml', import.meta.url)`, as it is or made a path.
  if (node.type === 'NewExpression') return nameOf(node.callee) === 'URL' && isOfFile(node.arguments[1], 'url') ? relativeText(node.arguments[0], texts) : undefined;
  if (node.type === 'MemberExpression') return node.property.type === 'Identifier' && node.property.name === 'pathname' ? writtenPath(node.object, texts) : undefined;
  if (node.type !== 'CallExpression') return undefined;
  const [first, ...rest] = node.arguments;
  const called = nameOf(node.callee);
  if (called === 'fileURLToPath') return first && rest.length === 0 && bare(first).type === 'NewExpression' ? writtenPath(first, texts) : undefined;
  if (called !== 'join' && called !== 'resolve') return undefined;
  const parts = (isOfFile(first, 'dirname') ? rest : node.arguments).map((part) => textOf(part, texts));
  return parts.length > 0 && parts.every((part) => part !== undefined) ? posix.join(...parts) : undefined;
}

function relativeText(node: t.Node | undefined, texts: SourceModule['texts']): string | undefined {
  const text = node && textOf(node, texts);
  return text === undefined || /^\w+:/.test(text) ? undefined : decodeURI(text);
}

/** `join` and `path.join` alike. */
function nameOf(callee: t.Node): string | undefined {
  if (callee.type === 'Identifier') return callee.name;
  return callee.type === 'MemberExpression' && callee.property.type === 'Identifier' ? callee.property.name : undefined;
}

function isOfFile(node: t.Node | undefined, property: 'dirname' | 'url'): boolean {
  return node?.type === 'MemberExpression' && node.object.type === 'MetaProperty' && node.property.type === 'Identifier' && node.property.name === property;
}
