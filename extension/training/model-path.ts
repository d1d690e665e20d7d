/** The one place of a YAML that names its model, changed without touching the rest. No editor here. */
import { isAbsolute, relative, sep } from 'node:path';
import { isMap, isScalar, parseDocument, type YAMLMap } from 'yaml';
import { ROOTS } from '../../runtime/protocol/config.ts';
import { TuningForkError } from '../../runtime/protocol/errors.ts';

export interface TextChange {
  from: number;
  to: number;
  text: string;
}

/** Folders near the YAML are named from there. */
export function withModelPath(yaml: string, dir: string, path: string): TextChange {
  const tree = parseDocument(yaml);
  const root = ROOTS.map((name) => tree.get(name)).find(isMap);
  if (root === undefined) throw new TuningForkError('config', 'The configuration has no root `tuning_fork:`.', { next: 'Put it right first.' });
  const value = quoted(nameOf(dir, path));
  const model = root.get('model', true);
  const node = isMap(model) ? model.get('path', true) : undefined;
  if (isScalar(node) && node.range) return { from: node.range[0], to: node.range[1], text: value };
  if (isMap(model) && model.items.length > 0) return before(model, yaml, `path: ${value}`);
  return before(root, yaml, 'model:', `  path: ${value}`);
}

/** As the first entries of a mapping, at its own indentation. */
function before({ items }: YAMLMap, yaml: string, ...lines: string[]): TextChange {
  const first = (items[0]?.key as { range?: [number, number, number] } | undefined)?.range?.[0] ?? yaml.length;
  const indent = ' '.repeat(first - (yaml.lastIndexOf('\n', first - 1) + 1));
  return { from: first, to: first, text: `${lines.join(`\n${indent}`)}\n${indent}` };
}

function nameOf(dir: string, path: string): string {
  const near = relative(dir, path);
  return isAbsolute(near) || near.split(sep).filter((part) => part === '..').length > 2 ? path : near.split(sep).join('/');
}

function quoted(text: string): string {
  return /^[\w./-]+$/.test(text) ? text : JSON.stringify(text);
}
