/** A configuration as a text: where its keys and values stand. */
import { join, readYaml, type YamlTree } from '../../runtime/config/yaml.ts';
import { RENAMED, ROOTS } from '../../runtime/protocol/config.ts';
import type { Place } from '../../runtime/protocol/errors.ts';
import type { Json } from '../../runtime/protocol/json.ts';
import type { Span } from '../../runtime/contracts/problem.ts';

export class ConfigText {
  readonly text: string;
  readonly root: string;
  readonly #tree: YamlTree;

  constructor(text: string, file: string) {
    this.text = text;
    this.#tree = readYaml(text, file);
    const { data } = this.#tree;
    this.root = ROOTS.find((name) => isMapping(data) && Object.hasOwn(data, name)) ?? ROOTS[0];
  }

  /** What stands below the root. */
  get body(): Json {
    const { data } = this.#tree;
    return (isMapping(data) ? data[this.root] : undefined) ?? null;
  }

  /** Of a key below the root, or beside it; of the root by the empty path. */
  key(path: string): Span | undefined {
    const at = this.#mark(path)?.key;
    return at === undefined ? undefined : tokenAt(this.text, at);
  }

  value(path: string): Span | undefined {
    const mark = this.#mark(path);
    return mark === undefined || mark.value === mark.key ? undefined : tokenAt(this.text, mark.value);
  }

  /** What is meant by a place that names only where it begins. */
  span({ line = 1, column = 1 }: Place): Span {
    let start = 0;
    for (let i = 1; i < line; i++) start = this.text.indexOf('\n', start) + 1;
    return tokenAt(this.text, Math.min(start + column - 1, this.text.length));
  }

  written(span: Span): string {
    return this.text.slice(span.start, span.end);
  }

  #mark(path: string): ReturnType<YamlTree['marks']['get']> {
    const { marks } = this.#tree;
    const old = Object.keys(RENAMED).find((name) => RENAMED[name] === path);
    return marks.get(path === '' ? this.root : join(this.root, path)) ?? (old === undefined ? undefined : marks.get(join(this.root, old))) ?? marks.get(path);
  }
}

/** The key or the scalar that begins at a place; of a list or a mapping in braces the whole, of a block its first line. */
export function tokenAt(text: string, start: number): Span {
  const line = text.slice(start).split(/\r?\n/, 1)[0]!;
  const flow = isInFlow(text, start);
  const key = /^(?:"[^"]*"|'[^']*'|[^\s:#{}[\],]+)(?=\s*:(?:\s|$))/.exec(line);
  const quoted = /^(?:"(?:\\.|[^"\\])*"|'(?:''|[^'])*')/.exec(line);
  const braces = /^[[{]/.test(line) ? balanced(line) : undefined;
  const scalar = (flow ? /^[^,\]}]*/.exec(line)![0] : line).replace(/\s+#.*$/, '').trimEnd();
  const length = (key?.[0] ?? quoted?.[0] ?? braces ?? scalar).length;
  return { start, end: start + length };
}

function isInFlow(text: string, at: number): boolean {
  let depth = 0;
  for (const char of text.slice(text.lastIndexOf('\n', at - 1) + 1, at)) depth += char === '{' || char === '[' ? 1 : char === '}' || char === ']' ? -1 : 0;
  return depth > 0;
}

function balanced(line: string): string | undefined {
  let depth = 0;
  for (let i = 0; i < line.length; i++) {
    const char = line[i]!;
    depth += char === '{' || char === '[' ? 1 : char === '}' || char === ']' ? -1 : 0;
    if (depth === 0) return line.slice(0, i + 1);
  }
  return undefined;
}

function isMapping(data: Json | undefined): data is { [key: string]: Json } {
  return typeof data === 'object' && data !== null && !Array.isArray(data);
}
