/** Whether code is still what it was when a run was made. */
import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';

/** A file as an editor has it, saved or not. */
export interface OpenText {
  version: number;
  getText(): string;
}

export class Code {
  readonly #onDisk = new Map<string, { stamp: string; hash: string }>();
  readonly #open = new WeakMap<OpenText, { version: number; hashes: readonly string[] }>();

  /** Those of `files` (SHA-256 by path) that are others now, or gone. */
  async changed(files: Readonly<Record<string, string>>, openAt: (path: string) => OpenText | undefined): Promise<string[]> {
    const same = await Promise.all(Object.entries(files).map(async ([path, hash]) => {
      const open = openAt(path);
      return open === undefined ? hash === await this.#hashOnDisk(path) : this.holds(hash, open);
    }));
    return Object.keys(files).filter((_, index) => !same[index]);
  }

  holds(hash: string, open: OpenText): boolean {
    return this.#hashesOf(open).includes(hash);
  }

  /** An editor doesn't show the byte order mark that a file may begin with. */
  #hashesOf(open: OpenText): readonly string[] {
    const known = this.#open.get(open);
    if (known?.version === open.version) return known.hashes;
    const text = open.getText();
    const hashes = [hashOf(text), hashOf(`\uFEFF${text}`)];
    this.#open.set(open, { version: open.version, hashes });
    return hashes;
  }

  async #hashOnDisk(path: string): Promise<string | undefined> {
    try {
      const { mtimeMs, size } = await stat(path);
      const stamp = `${mtimeMs}/${size}`;
      const known = this.#onDisk.get(path);
      if (known?.stamp === stamp) return known.hash;
      const hash = hashOf(await readFile(path));
      this.#onDisk.set(path, { stamp, hash });
      return hash;
    } catch {
      return undefined;
    }
  }
}

function hashOf(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}
