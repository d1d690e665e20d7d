/** A tree of named values, made as far as it is opened. */
import type { DebugProtocol } from '@vscode/debugprotocol';
import { excerpt } from './words.ts';

export interface Node {
  name: string;
  value: string;
  type?: string;
  /** How the value is written in a watch. */
  expression?: string;
  /** What `debug/variables/context` sees as `debugProtocolVariableMenuContext`. */
  menu?: string;
  children?: () => Node[];
  /** In place of `children` where there may be many: how many, and those of a range. */
  paged?: { count: number; page(start: number, count: number): Node[] };
  /** Absent: it can't be changed. Throws what is wrong with the new value. */
  set?: (text: string) => Node;
}

/** Any plain data. `expression` is how the value itself is written. */
export function jsonNode(name: string, value: unknown, expression?: string): Node {
  const at = expression === undefined ? {} : { expression };
  if (Array.isArray(value)) {
    const page = (start: number, count: number): Node[] => value.slice(start, start + count).map((item, index) => jsonNode(`[${start + index}]`, item, expression && `${expression}[${start + index}]`));
    return { name, value: `(${value.length}) ${excerpt(JSON.stringify(value.slice(0, 20)), 80)}`, type: 'array', ...at, ...(value.length > 0 && { paged: { count: value.length, page } }) };
  }
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value).filter(([, item]) => item !== undefined);
    const children = (): Node[] => entries.map(([key, item]) => jsonNode(key, item, expression && member(expression, key)));
    return { name, value: excerpt(JSON.stringify(value), 80), type: 'object', ...at, ...(entries.length > 0 && { children }) };
  }
  return { name, value: typeof value === 'string' ? JSON.stringify(value) : String(value ?? null), type: value === null ? 'null' : typeof value, ...at };
}

export function member(expression: string, key: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(key) ? `${expression}.${key}` : `${expression}[${JSON.stringify(key)}]`;
}

/** Handles for what a client may open; all of one stop are forgotten when it goes on. */
export class Handles {
  readonly #nodes = new Map<number, { node: Node; owner: number }>();
  #next = 1;

  /** `owner`: the thread. */
  variable(node: Node, owner: number): DebugProtocol.Variable & { __vscodeVariableMenuContext?: string } {
    return {
      name: node.name, value: node.value, type: node.type, variablesReference: this.reference(node, owner),
      ...(node.paged && { indexedVariables: node.paged.count }),
      ...(node.expression !== undefined && { evaluateName: node.expression }),
      ...(node.set === undefined && { presentationHint: { attributes: ['readOnly'] } }),
      ...(node.menu !== undefined && { __vscodeVariableMenuContext: node.menu }),
    };
  }

  reference(node: Node, owner: number): number {
    if (node.children === undefined && node.paged === undefined) return 0;
    this.#nodes.set(this.#next, { node, owner });
    return this.#next++;
  }

  get(reference: number): { node: Node; owner: number } | undefined {
    return this.#nodes.get(reference);
  }

  forget(owner: number): void {
    for (const [reference, held] of this.#nodes) if (held.owner === owner) this.#nodes.delete(reference);
  }
}

export function childrenOf(node: Node, start = 0, count?: number): Node[] {
  if (node.paged !== undefined) return node.paged.page(start, count === undefined || count === 0 ? node.paged.count : count);
  return node.children?.() ?? [];
}
