/** Makes the package for npm: the compiled runtime, what lies beside it, and ONNX Runtime. */
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundlePages } from '../../../esbuild.mjs';
import { INSTALL_ONLY, loadedFiles } from '../modules.ts';
import { TARGETS, type Target } from '../target.ts';
import { isLeftOut, under } from '../vsix.ts';
import type { Entry } from '../zip.ts';
import { compile } from './compile.ts';
import { npmManifest, type Source } from './manifest.ts';
import { writeTar } from './tar.ts';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const work = join(root, 'dist/package');

const TEXTS = ['README.md', 'MIGRATION.md', 'CHANGELOG.md', 'LICENSE', 'snippets/tuning-fork.schema.json'];
const TEMPLATES = 'runtime/cli/init/templates/';

/**
 * It comes with us: as a dependency it would bring what DirectML needs on all platforms, and on Linux an install script that
 * fetches libraries for CUDA from elsewhere, without which the install fails. We compute on the CPU.
 */
const BUNDLED = ['onnxruntime-node', 'onnxruntime-common'];

/** `targets`: whose native code it holds. @returns the file and its size. */
export async function makeTarball(targets: readonly Target[] = TARGETS, folder = work): Promise<{ path: string; bytes: number }> {
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Source;
  const made = join(work, `npm-${process.pid}`);
  mkdirSync(folder, { recursive: true });
  try {
    await bundlePages({ outdir: join(made, 'dist'), minify: true });
    const path = join(folder, `${manifest.name}-${manifest.version}.tgz`);
    return { path, bytes: await writeTar(path, entriesFor(manifest, made, targets)) };
  } finally {
    rmSync(made, { recursive: true, force: true });
  }
}

function entriesFor(manifest: Source, made: string, targets: readonly Target[]): Entry[] {
  const { description } = JSON.parse(readFileSync(join(root, 'package.nls.json'), 'utf8')) as { description: string };
  const code = compile(root, [...Object.values(manifest.exports), ...Object.values(manifest.bin)], made);
  const bundled = BUNDLED.map((name) => JSON.parse(readFileSync(join(root, 'node_modules', name, 'package.json'), 'utf8')) as Installed);
  const entries = [
    json('package.json', npmManifest(manifest, description, Object.fromEntries(bundled.map(({ name, version }) => [name, version])))),
    ...TEXTS.map((name) => file(name, join(root, name))),
    ...under(join(made, 'dist')).map((name) => file(`dist/${name}`, join(made, 'dist', name))),
    ...Array.from(code, ([name, text]): Entry => ({ name, content: () => Buffer.from(text), executable: Object.values(manifest.bin).includes(name) })),
    ...under(join(root, 'runtime')).map((name) => `runtime/${name}`).filter(isAsset).map((name) => file(name, join(root, name))),
    ...bundled.flatMap((installed) => bundledFiles(installed, targets)),
  ];
  return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** What is not code, and what is code of other people's projects. */
function isAsset(name: string): boolean {
  return !isLeftOut(name) && (name.startsWith(TEMPLATES) || !/\.(m?ts|mjs)$/.test(name));
}

interface Installed {
  name: string;
  version: string;
  dependencies?: Record<string, string>;
  scripts?: unknown;
}

function bundledFiles({ scripts: _scripts, ...installed }: Installed, targets: readonly Target[]): Entry[] {
  const place = `node_modules/${installed.name}`;
  const files = new Map(targets.flatMap((target) => Array.from(loadedFiles(place, join(root, place), target), ({ name, path }) => [name, path] as const)));
  const dependencies = Object.fromEntries(Object.entries(installed.dependencies ?? {}).filter(([name]) => !INSTALL_ONLY[installed.name]?.includes(name)));
  files.delete(`${place}/package.json`);
  return [json(`${place}/package.json`, { ...installed, dependencies }), ...Array.from(files, ([name, path]) => file(name, path))];
}

function file(name: string, path: string): Entry {
  return { name, content: () => readFile(path) };
}

function json(name: string, value: object): Entry {
  return { name, content: () => Buffer.from(`${JSON.stringify(value, null, 2)}\n`) };
}
