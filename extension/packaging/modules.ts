/** The packages the runtime needs on a platform, and of each only what is ever loaded. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { Target } from './target.ts';

interface Locked {
  version: string;
  integrity?: string;
  os?: string[];
  cpu?: string[];
  libc?: string[];
  dependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
}

/** What a package needs only while it is installed. */
export const INSTALL_ONLY: Record<string, string[]> = { 'onnxruntime-node': ['adm-zip', 'global-agent'] };

/** What type-checks a workflow beside what runs it: our types name Node's, and so does most code. */
const FOR_TYPES = ['@types/node'];

/** Names are those of the files in the package: `node_modules/zod/index.js`. */
export function* moduleFiles(root: string, target: Target, cache: string): Generator<{ name: string; path: string }> {
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as { packages: Record<string, Locked> };
  for (const place of needed(lock.packages, target)) {
    const here = join(root, place);
    const dir = existsSync(here) ? here : download(place, lock.packages[place]!, cache);
    yield* loadedFiles(place, dir, target);
  }
}

/** Of one package, which lies in `dir`. */
export function* loadedFiles(place: string, dir: string, target: Target): Generator<{ name: string; path: string }> {
  const files = new Set(readdirSync(dir, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).map((entry) => relative(dir, join(entry.parentPath, entry.name)).replaceAll('\\', '/')));
  for (const file of files) {
    if (isLoaded(place.split('node_modules/').at(-1)!, file, files, target)) yield { name: `${place}/${file}`, path: join(dir, file) };
  }
}

/** From the root down, as Node finds them: a package's own `node_modules` first, then those above. */
function needed(packages: Record<string, Locked>, target: Target): string[] {
  const found = new Set<string>();
  const visit = (from: string): void => {
    const { dependencies = {}, optionalDependencies = {} } = packages[from]!;
    const installOnly = INSTALL_ONLY[from.split('node_modules/').at(-1)!] ?? [];
    for (const name of Object.keys({ ...dependencies, ...optionalDependencies })) {
      const place = resolve(packages, from, name);
      if (place === undefined || found.has(place) || installOnly.includes(name) || !runsOn(packages[place]!, target)) continue;
      found.add(place);
      visit(place);
    }
  };
  visit('');
  for (const name of FOR_TYPES) {
    found.add(`node_modules/${name}`);
    visit(`node_modules/${name}`);
  }
  return [...found].sort();
}

function resolve(packages: Record<string, Locked>, from: string, name: string): string | undefined {
  for (let dir = from; ; dir = dir.slice(0, Math.max(0, dir.lastIndexOf('node_modules/') - 1))) {
    const place = dir === '' ? `node_modules/${name}` : `${dir}/node_modules/${name}`;
    if (packages[place] !== undefined) return place;
    if (dir === '') return undefined;
  }
}

function runsOn({ os, cpu, libc }: Locked, target: Target): boolean {
  return (os?.includes(target.os) ?? true) && (cpu?.includes(target.cpu) ?? true) && (libc?.includes('glibc') ?? true);
}

/** A package of another platform is not in our `node_modules`: npm fetches it, the lock says what it must be. */
function download(place: string, { version, integrity }: Locked, cache: string): string {
  const name = place.split('node_modules/').at(-1)!;
  const dir = join(cache, `${name.replace('/', '+')}-${version}`);
  if (existsSync(dir)) return dir;
  const aside = `${dir}.${process.pid}`;
  mkdirSync(aside, { recursive: true });
  try {
    run(`npm pack --silent ${name}@${version}`, aside);
    const archive = readdirSync(aside)[0]!;
    const digest = `sha512-${createHash('sha512').update(readFileSync(join(aside, archive))).digest('base64')}`;
    if (integrity !== undefined && digest !== integrity) throw new Error(`${name}@${version} is not what package-lock.json says it is.`);
    run(`tar -xzf ${archive} --strip-components=1`, aside);
    rmSync(join(aside, archive));
    renameSync(aside, dir);
    return dir;
  } finally {
    rmSync(aside, { recursive: true, force: true });
  }
}

/** By the shell: on Windows npm is a script. */
function run(command: string, cwd: string): void {
  const { status } = spawnSync(command, { cwd, stdio: ['ignore', 'ignore', 'inherit'], shell: true });
  if (status !== 0) throw new Error(`"${command}" failed.`);
}

function isLoaded(name: string, file: string, files: ReadonlySet<string>, target: Target): boolean {
  if (name === 'onnxruntime-node' && /^(bin|script)\//.test(file)) return isNative(file, target);
  if (name === 'yaml' && file.startsWith('browser/')) return false;
  // Declarations stay: the types of a workflow come from ours, and ours from theirs.
  if (/\.d\.[mc]?ts$|(^|\/)(licen[cs]e|notice|copying)/i.test(file)) return !isTwin(file, files);
  return !/\.(map|md|markdown|flow|tsbuildinfo|[mc]?tsx?)$/.test(file) && !/(^|\/)(tests?|__tests__|docs)\//.test(file) && !isTwin(file, files);
}

/** One of two forms of the same module: we import, so the form for `require` goes where there is another. */
function isTwin(file: string, files: ReadonlySet<string>): boolean {
  const match = /^(.*?)((?:\.d)?)\.(cjs|cts|js|ts)$/.exec(file);
  if (match === null) return false;
  const [, base, declares, form] = match;
  const type = form!.endsWith('ts') ? 'ts' : 'js';
  if (form!.startsWith('c')) return files.has(`${base}${declares}.${type}`) || files.has(`${base}${declares}.m${type}`);
  return files.has(`${base}${declares}.m${type}`);
}

/**
 * The CPU's part of ONNX Runtime. On Windows DirectML and the shader compiler are loaded when a GPU is asked for, which we never do;
 * on macOS the library is there twice under two names, and the binding asks for the shorter one.
 */
function isNative(file: string, { os, cpu }: Target): boolean {
  return file.startsWith('bin/') && file.includes(`/${os}/${cpu}/`) && !/\/(DirectML|dxcompiler|dxil)\.dll$|\/libonnxruntime\.\d+\.\d+\.\d+\.dylib$|providers_(cuda|tensorrt)/.test(file);
}
