/** The packed extension of this machine, and what a test module in its VS Code has measured. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { thisTarget } from '../../extension/packaging/target.ts';
import { makeVsix } from '../../extension/packaging/vsix.ts';
import type { Host } from '../vscode/launch.ts';

export async function packedExtension(): Promise<string> {
  const target = thisTarget();
  if (target === undefined) throw new Error('There is no package for this platform.');
  return (await makeVsix(target)).path;
}

/** Where a module of `suites/` writes what it has measured, as JSON. */
export class Told implements Disposable {
  readonly #dir = mkdtempSync(join(tmpdir(), 'tf-bench-'));
  readonly #file = join(this.#dir, 'told.json');
  readonly env = { TUNING_FORK_BENCH_TOLD: this.#file };

  async by<T>(host: Host, suite: string): Promise<T> {
    rmSync(this.#file, { force: true });
    await host.runTests(new URL(`./suites/${suite}.ts`, import.meta.url));
    return JSON.parse(readFileSync(this.#file, 'utf8')) as T;
  }

  [Symbol.dispose](): void {
    rmSync(this.#dir, { recursive: true, force: true });
  }
}
