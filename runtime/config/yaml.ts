import { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument, visit, type Alias, type Document, type Node, type Pair, type YAMLError } from 'yaml';
import type { ErrorInfo, Place } from '../protocol/errors.ts';
import type { Json } from '../protocol/json.ts';

/** Where a key of a YAML file and its value stand, as offsets into the text. */
export interface Mark {
  key?: number;
  value: number;
  /** Written without quotes, so that `4` would be a number. */
  plain: boolean;
}

export interface YamlTree {
  /** Undefined when the text is no YAML. */
  data: Json | undefined;
  /** By dotted key path. */
  marks: Map<string, Mark>;
  problems: ErrorInfo[];
  warnings: ErrorInfo[];
  placeAt(offset: number, key?: string): Place;
}

/** Enough for any configuration, and a bound for aliases that multiply one another. */
const MOST_NODES = 100_000;

/** YAML 1.2 with merge keys (`<<`), every value with its place. */
export function readYaml(source: string, file: string): YamlTree {
  const text = source.startsWith('\uFEFF') ? source.slice(1) : source;
  const lines = new LineCounter();
  const doc = parseDocument(text, { lineCounter: lines, prettyErrors: false, merge: true, logLevel: 'error' });
  const placeAt = (offset: number, key?: string): Place => {
    const { line, col } = lines.linePos(Math.min(offset, text.length));
    return key === undefined ? { file, line, column: col } : { file, line, column: col, key };
  };
  const tree: YamlTree = { data: undefined, marks: new Map(), problems: [], warnings: [], placeAt };
  tree.problems.push(...syntaxProblems(doc.errors, text, placeAt));
  for (const warning of doc.warnings) {
    tree.warnings.push({ code: 'config', message: `${warning.message}; the tag is left out.`, where: placeAt(warning.pos[0]) });
  }
  if (doc.errors.every((error) => error.code === 'DUPLICATE_KEY')) new Reader(doc, tree).read();
  return tree;
}

/** What people get wrong, in their words; for the rest the parser speaks. */
const STUMBLES: readonly { code: string; said?: RegExp; what: string; next?: string }[] = [
  { code: 'MULTIPLE_DOCS', what: 'a second document starts here (`---`)' },
  { code: 'TAB_AS_INDENT', what: 'a tab indents this line', next: 'Indent with spaces.' },
  { code: 'BAD_INDENT', said: /same column/, what: 'the lines of one mapping are not indented alike', next: 'Begin all keys of one mapping in the same column; see the lines above, too.' },
  { code: 'BAD_INDENT', said: /end with a \]/, what: 'a list isn’t closed with a ]' },
  { code: 'BAD_INDENT', said: /end with a \}/, what: 'a mapping isn’t closed with a }' },
  { code: 'BLOCK_AS_IMPLICIT_KEY', what: 'a second key begins in this line', next: 'Put a value that has a colon in quotes, or the second key on a line of its own.' },
  { code: 'MULTILINE_IMPLICIT_KEY', what: 'this line is no `key: value`' },
  { code: 'MISSING_CHAR', said: /quote/, what: 'a quote isn’t closed' },
  { code: 'BAD_SCALAR_START', what: 'a value can’t start with this character', next: 'Put it in quotes.' },
];

/** One mistake makes a YAML parser stumble several times: duplicate keys are all told, of the rest only the first. */
function syntaxProblems(errors: readonly YAMLError[], text: string, placeAt: YamlTree['placeAt']): ErrorInfo[] {
  const duplicates = errors.filter((error) => error.code === 'DUPLICATE_KEY');
  const first = errors.find((error) => error.code !== 'DUPLICATE_KEY');
  const problems = duplicates.map((error): ErrorInfo => {
    const name = /^[^\s:]+/.exec(text.slice(error.pos[0]))?.[0] ?? 'a key';
    return { code: 'config', message: `\`${name}\` is written twice.`, next: 'Keep one of the two.', where: placeAt(error.pos[0]) };
  });
  if (first === undefined) return problems;
  const lineStart = text.lastIndexOf('\n', first.pos[0] - 1) + 1;
  const line = text.slice(lineStart).split('\n', 1)[0]!;
  const { what, next } = STUMBLES.find(({ code, said }) => code === first.code && (said?.test(first.message) ?? true)) ?? { what: lowerFirst(first.message), next: undefined };
  problems.push({
    code: 'config',
    message: `This isn’t YAML: ${what}.`,
    next: line.includes('${') ? 'Inside { } or [ ], put a variable in quotes: "${NAME}".' : next,
    where: placeAt(first.pos[0]),
  });
  return problems;
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1).replace(/\.$/, '');
}

class Reader {
  #doc: Document;
  #tree: YamlTree;
  #open = new Set<Node>();
  #targets: Map<Alias, Node | undefined> | undefined;
  #nodes = 0;

  constructor(doc: Document, tree: YamlTree) {
    this.#doc = doc;
    this.#tree = tree;
  }

  read(): void {
    this.#tree.data = this.#value(this.#doc.contents as Node | null, '', undefined);
  }

  #value(node: Node | null, path: string, key: number | undefined): Json {
    const offset = node?.range?.[0] ?? key ?? 0;
    const plain = isScalar(node) && node.type === 'PLAIN';
    if (!this.#tree.marks.has(path)) this.#tree.marks.set(path, { key, value: offset, plain });
    if (this.#isTooMuch(offset, path)) return null;
    if (isAlias(node)) return this.#alias(node, path, key);
    if (isScalar(node)) return scalar(node.value);
    if (node === null || !(isMap(node) || isSeq(node))) return null;
    if (this.#open.has(node)) {
      this.#problem('An alias here contains itself.', offset, path);
      return null;
    }
    this.#open.add(node);
    const value = isMap(node) ? this.#map(node.items as Pair<Node, Node | null>[], path) : node.items.map((item, i) => this.#value(item as Node, join(path, String(i)), undefined));
    this.#open.delete(node);
    return value;
  }

  #isTooMuch(offset: number, path: string): boolean {
    if (++this.#nodes === MOST_NODES + 1) this.#problem(`This file unfolds to more than ${MOST_NODES} values.`, offset, path);
    return this.#nodes > MOST_NODES;
  }

  #target(alias: Alias): Node | undefined {
    return (this.#targets ??= targetsIn(this.#doc)).get(alias);
  }

  #alias(node: Alias, path: string, key: number | undefined): Json {
    const target = this.#target(node);
    if (target !== undefined) return this.#value(target, path, key);
    this.#problem(`There is no anchor &${node.source} above this alias.`, node.range?.[0] ?? 0, path);
    return null;
  }

  #map(pairs: Pair<Node, Node | null>[], path: string): Json {
    const result: { [key: string]: Json } = Object.create(null);
    const merged: (Node | null)[] = [];
    for (const { key, value } of pairs) {
      const start = key.range?.[0] ?? 0;
      if (!isScalar(key)) {
        this.#problem('A key must be plain text.', start, path);
      } else if (key.type === 'PLAIN' && key.source === '<<') {
        merged.push(value);
      } else {
        const name = String(key.value);
        result[name] = this.#value(value, join(path, name), start);
      }
    }
    for (const node of merged) this.#merge(result, node, path);
    return { ...result };
  }

  /** Keys written in the mapping itself win, then earlier merges. */
  #merge(into: { [key: string]: Json }, node: Node | null, path: string): void {
    if (this.#isTooMuch(node?.range?.[0] ?? 0, path)) return;
    const source = isAlias(node) ? this.#target(node) : node;
    if (isSeq(source)) {
      for (const item of source.items) this.#merge(into, item as Node, path);
    } else if (isMap(source) && !this.#open.has(source)) {
      this.#open.add(source);
      const from = this.#map(source.items as Pair<Node, Node | null>[], path) as { [key: string]: Json };
      this.#open.delete(source);
      for (const [name, value] of Object.entries(from)) if (!Object.hasOwn(into, name)) into[name] = value;
    } else {
      this.#problem('`<<` must name a mapping.', node?.range?.[0] ?? 0, path);
    }
  }

  #problem(message: string, offset: number, key: string): void {
    this.#tree.problems.push({ code: 'config', message, where: this.#tree.placeAt(offset, key || undefined) });
  }
}

/** Of each alias the last anchor above it, all at once: asked one by one, each would look through the whole document. */
function targetsIn(doc: Document): Map<Alias, Node | undefined> {
  const anchors = new Map<string, Node>();
  const targets = new Map<Alias, Node | undefined>();
  visit(doc, {
    Node: (_key, node) => {
      if (isAlias(node)) targets.set(node, anchors.get(node.source));
      else if (node.anchor !== undefined) anchors.set(node.anchor, node);
    },
  });
  return targets;
}

function scalar(value: unknown): Json {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? value : value == null ? null : String(value);
}

export function join(path: string, key: string): string {
  return path === '' ? key : `${path}.${key}`;
}
