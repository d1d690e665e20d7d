/** A TypeScript file as a tree. The parser is large: this room is loaded when a file of ours is first seen. */
import { parse } from '@babel/parser';
import type * as t from '@babel/types';

export type Node = t.Node & { start: number; end: number };

/** Undefined while the text is too broken to be a tree, as it is for moments while someone types. */
export function parseTypeScript(text: string, file: string): t.Program | undefined {
  const jsx = /x$/i.test(file);
  try {
    return parse(text, {
      sourceType: 'unambiguous',
      errorRecovery: true,
      attachComment: false,
      allowAwaitOutsideFunction: true,
      allowReturnOutsideFunction: true,
      plugins: ['typescript', 'decorators-legacy', 'decoratorAutoAccessors', ...(jsx ? ['jsx' as const] : [])],
    }).program;
  } catch {
    return undefined;
  }
}

/** Every node below and including this one, in the order of the text; `enter` says whether to go below one. */
export function visit(node: t.Node, enter: (node: Node) => boolean | void): void {
  if (enter(node as Node) === false) return;
  for (const value of Object.values(node) as unknown[]) {
    if (Array.isArray(value)) for (const item of value) { if (isNode(item)) visit(item, enter); }
    else if (isNode(value)) visit(value, enter);
  }
}

function isNode(value: unknown): value is t.Node {
  return typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string' && 'start' in value;
}

/** What an expression is once casts are taken away. */
export function bare(node: t.Node): Node {
  switch (node.type) {
    case 'TSAsExpression': case 'TSSatisfiesExpression': case 'TSNonNullExpression': case 'TSTypeAssertion': case 'ParenthesizedExpression':
      return bare(node.expression);
    default:
      return node as Node;
  }
}

/** The name of a property or a method, where it is written out. */
export function keyName(member: { key: t.Node; computed?: boolean | undefined }): string | undefined {
  if (member.key.type === 'StringLiteral') return member.key.value;
  return member.key.type === 'Identifier' && !member.computed ? member.key.name : undefined;
}
