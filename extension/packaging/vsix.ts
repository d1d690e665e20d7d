/** Makes the VSIX of a platform: the bundle, the runtime as it is, and the packages it needs there. */
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundle } from '../../esbuild.mjs';
import { contentTypes, shippedPackage, vsixManifest, type Package } from './manifest.ts';
import { moduleFiles } from './modules.ts';
import type { Target } from './target.ts';
import { writeZip, type Entry } from './zip.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const work = join(root, 'dist/package');

/** What a person gets of the repository: the runtime runs in their Node as it is here, by type stripping. */
const SHIPPED = [
  /^package\.nls(\.[\w-]+)?\.json$/, /^(README|CHANGELOG)\.md$/, /^LICENSE$/,
  /^snippets\//, /^examples\//, /^extension\/.*(?<!\.ts)$/, /^runtime\//,
];
const LEFT_OUT = /(^|\/)(node_modules|runs|__pycache__|\.[^/]+)(\/|$)|^runtime\/cli\/setup\.mjs$|\.pyc$/;

/** @returns the file and its size. */
export async function makeVsix(target: Target): Promise<{ path: string; bytes: number }> {
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Package;
  const code = join(work, `code-${process.pid}`);
  mkdirSync(work, { recursive: true });
  try {
    await bundle({ outdir: code, minify: true });
    const path = join(work, `${manifest.name}-${target.name}-${manifest.version}.vsix`);
    return { path, bytes: await writeZip(path, entriesFor(target, manifest, code)) };
  } finally {
    rmSync(code, { recursive: true, force: true });
  }
}

function entriesFor(target: Target, manifest: Package, code: string): Entry[] {
  const texts = JSON.parse(readFileSync(join(root, 'package.nls.json'), 'utf8')) as Record<string, string>;
  const files = [
    ...shipped().map((name) => file(`extension/${name === 'LICENSE' ? 'LICENSE.txt' : name}`, join(root, name))),
    ...under(code).map((name) => file(`extension/dist/${name}`, join(code, name))),
    ...Array.from(moduleFiles(root, target, join(work, 'modules')), ({ name, path }) => file(`extension/${name}`, path)),
    text('extension/package.json', `${JSON.stringify(shippedPackage(manifest), null, 2)}\n`),
  ].sort((a, b) => (a.name < b.name ? -1 : 1));
  const native = [`onnxruntime-node/bin/napi-v6/${target.os}/${target.cpu}/onnxruntime_binding.node`, `@esbuild/${target.name}/package.json`];
  const missing = native.find((name) => !files.some((entry) => entry.name === `extension/node_modules/${name}`));
  if (missing !== undefined) throw new Error(`The package for ${target.name} would lack ${missing}.`);
  const first = text('extension.vsixmanifest', vsixManifest(manifest, texts, target));
  return [first, text('[Content_Types].xml', contentTypes([first, ...files].map(({ name }) => name))), ...files];
}

/** Neither what was made while working here, nor what makes a clone ready. */
export function isLeftOut(name: string): boolean {
  return LEFT_OUT.test(name);
}

function shipped(): string[] {
  return readdirSync(root, { withFileTypes: true })
    .filter((entry) => !isLeftOut(entry.name) && !['dist', 'test'].includes(entry.name))
    .flatMap((entry) => (entry.isDirectory() ? under(join(root, entry.name)).map((name) => `${entry.name}/${name}`) : [entry.name]))
    .filter((name) => SHIPPED.some((pattern) => pattern.test(name)) && !isLeftOut(name));
}

export function under(dir: string): string[] {
  return readdirSync(dir, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).map((entry) => relative(dir, join(entry.parentPath, entry.name)).replaceAll('\\', '/'));
}

function file(name: string, path: string): Entry {
  return { name, content: () => readFile(path), executable: /\/bin\.mjs$|\/@esbuild\/[^/]+\/(bin\/)?esbuild(\.exe)?$/.test(name) };
}

function text(name: string, content: string): Entry {
  return { name, content: () => Buffer.from(content) };
}
