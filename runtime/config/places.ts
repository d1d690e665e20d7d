import { RENAMED } from '../protocol/config.ts';
import { COMMAND_LINE, type Place } from '../protocol/errors.ts';
import { join, type Mark, type YamlTree } from './yaml.ts';

/** From key paths (`rollout.seed`, the root left out) to places in the file. */
export class Places {
  readonly #tree: YamlTree;
  readonly #root: string;
  readonly #overridden = new Set<string>();

  constructor(tree: YamlTree, root: string) {
    this.#tree = tree;
    this.#root = root;
  }

  /** A value that came from the command line stands in no file. */
  override(key: string): void {
    this.#overridden.add(key);
  }

  mark(key: string): Mark | undefined {
    const { marks } = this.#tree;
    return marks.get(join(this.#root, key)) ?? marks.get(join(this.#root, oldName(key))) ?? marks.get(key);
  }

  /** The key's or the value's place; when it isn't written, that of the nearest mapping around it. */
  of(key: string, at: 'key' | 'value' = 'key'): Place {
    if (this.#overridden.has(key)) return { file: COMMAND_LINE, key };
    for (let path = key; path !== ''; path = path.slice(0, Math.max(0, path.lastIndexOf('.')))) {
      const mark = this.mark(path);
      if (mark !== undefined) return this.#tree.placeAt(at === 'value' && path === key ? mark.value : mark.key ?? mark.value, key);
    }
    const root = this.#tree.marks.get(this.#root);
    return this.#tree.placeAt(root?.key ?? root?.value ?? 0, key);
  }
}

export function oldName(key: string): string {
  return Object.entries(RENAMED).find(([, now]) => now === key)?.[0] ?? key;
}
