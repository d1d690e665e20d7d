/**
 * How user files become modules. Node's own type stripping comes first: no source maps, exact lines. What it can't do
 * (enums, decorators, JSX, extensionless imports, `.js` that means `.ts`, tsconfig paths) is done here by esbuild and a
 * second try at resolution, for the files that need it and no others.
 */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { createRequire, registerHooks, stripTypeScriptTypes } from 'node:module';
import { dirname, extname, join, resolve as resolvePath } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type * as Esbuild from 'esbuild';

const ownRoot = new URL('../../', import.meta.url);
let ownExports: Record<string, string> | undefined;

const sourceExtensions = ['.ts', '.tsx', '.mts', '.cts', '.jsx', '.js', '.mjs'];

/** Files that needed more than stripping, told once in the log. */
export const transformed = new Set<string>();

export function installLoader(): void {
  process.setSourceMapsEnabled(true);
  registerHooks({
    resolve(specifier, context, next) {
      try {
        return next(specifier, context);
      } catch (error) {
        const found = resolveLikeTypeScript(specifier, context.parentURL);
        if (found === undefined) throw error;
        return { url: found, shortCircuit: true };
      }
    },
    load(url, context, next) {
      if (!url.startsWith('file:')) return next(url, context);
      const path = fileURLToPath(url);
      const extension = extname(path);
      if (extension === '.tsx' || extension === '.jsx') return transform(path, context.format);
      if (extension !== '.ts' && extension !== '.mts' && extension !== '.cts') return next(url, context);
      if (path.includes('/node_modules/') || path.includes('\\node_modules\\')) return transform(path, context.format);
      if (canStrip(path)) return next(url, context);
      return transform(path, context.format);
    },
  });
}

function canStrip(path: string): boolean {
  const source = readFileSync(path, 'utf8');
  // Decorators strip cleanly and then fail to parse, so they are looked for in the text.
  if (/^\s*@[A-Za-z_$][\w$.]*(\(|\s)/m.test(source)) return false;
  try {
    stripTypeScriptTypes(source, { mode: 'strip' });
    return true;
  } catch (error) {
    // A plain syntax error is told better by Node itself.
    return (error as { code?: string }).code !== 'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX';
  }
}

function transform(path: string, format: string | null | undefined): { format: string; source: string; shortCircuit: true } {
  const esbuild = createRequire(import.meta.url)('esbuild') as typeof Esbuild;
  const commonjs = extname(path) === '.cts' || format === 'commonjs' || format === 'commonjs-typescript';
  const result = esbuild.transformSync(readFileSync(path, 'utf8'), {
    loader: extname(path) === '.tsx' ? 'tsx' : extname(path) === '.jsx' ? 'jsx' : 'ts',
    format: commonjs ? 'cjs' : 'esm',
    target: 'es2024',
    sourcemap: 'inline',
    // An address: of a path, Node takes the drive for a protocol, and what follows # for no part of it.
    sourcefile: pathToFileURL(path).href,
    sourcesContent: false,
    keepNames: true,
    tsconfigRaw: JSON.stringify({ compilerOptions: pickCompilerOptions(path) }),
  });
  transformed.add(path);
  return { format: commonjs ? 'commonjs' : 'module', source: result.code, shortCircuit: true };
}

/** `tuning-fork` and what is under it, for a project that hasn't installed it. */
function ownModule(specifier: string): string | undefined {
  ownExports ??= (JSON.parse(readFileSync(new URL('package.json', ownRoot), 'utf8')) as { exports: Record<string, string> }).exports;
  const path = ownExports[`.${specifier.slice('tuning-fork'.length)}`];
  return path && new URL(path, ownRoot).href;
}

/** A second try for what TypeScript resolves and Node does not. */
function resolveLikeTypeScript(specifier: string, parent: string | undefined): string | undefined {
  if (/^tuning-fork(?:\/|$)/.test(specifier)) return ownModule(specifier);
  if (parent === undefined || !parent.startsWith('file:')) return undefined;
  const from = dirname(fileURLToPath(parent));
  if (specifier.startsWith('./') || specifier.startsWith('../') || specifier.startsWith('/')) {
    return firstFile(resolvePath(from, specifier));
  }
  return resolveByPaths(specifier, from);
}

function firstFile(base: string): string | undefined {
  const candidates = [base];
  const stem = /\.(js|mjs|cjs|jsx)$/.exec(base);
  if (stem) candidates.push(base.slice(0, -stem[0].length) + stem[0].replace('js', 'ts'), `${base.slice(0, -stem[0].length)}.tsx`);
  for (const extension of sourceExtensions) candidates.push(base + extension);
  for (const extension of sourceExtensions) candidates.push(join(base, `index${extension}`));
  const hit = candidates.find((path) => existsSync(path) && statSync(path).isFile());
  return hit === undefined ? undefined : pathToFileURL(hit).href;
}

interface CompilerOptions {
  baseUrl?: string;
  paths?: Record<string, string[]>;
  experimentalDecorators?: boolean;
  emitDecoratorMetadata?: boolean;
  useDefineForClassFields?: boolean;
  jsx?: string;
  jsxImportSource?: string;
}
interface FoundConfig { dir: string; options: CompilerOptions }

const configs = new Map<string, FoundConfig | undefined>();

function nearestConfig(dir: string): FoundConfig | undefined {
  if (configs.has(dir)) return configs.get(dir);
  const file = join(dir, 'tsconfig.json');
  const parent = dirname(dir);
  const found = existsSync(file) ? { dir, options: readCompilerOptions(file) } : parent === dir ? undefined : nearestConfig(parent);
  configs.set(dir, found);
  return found;
}

function readCompilerOptions(file: string, depth = 0): CompilerOptions {
  if (depth > 8 || !existsSync(file)) return {};
  const text = readFileSync(file, 'utf8').replace(/^\uFEFF/, '').replace(/\\"|"(?:\\"|[^"])*"|(\/\/.*|\/\*[\s\S]*?\*\/)/g, (all, comment) => (comment ? '' : all)).replace(/,(\s*[}\]])/g, '$1');
  let parsed: { extends?: string | string[]; compilerOptions?: CompilerOptions };
  try {
    parsed = JSON.parse(text);
  } catch {
    return {};
  }
  const bases = parsed.extends === undefined ? [] : [parsed.extends].flat();
  const inherited = bases
    .filter((base) => base.startsWith('.'))
    .map((base) => readCompilerOptions(resolvePath(dirname(file), extname(base) === '.json' ? base : `${base}.json`), depth + 1));
  return Object.assign({}, ...inherited, parsed.compilerOptions);
}

function resolveByPaths(specifier: string, from: string): string | undefined {
  const config = nearestConfig(from);
  if (config === undefined) return undefined;
  const base = resolvePath(config.dir, config.options.baseUrl ?? '.');
  for (const [pattern, targets] of Object.entries(config.options.paths ?? {})) {
    const star = pattern.indexOf('*');
    const matches = star === -1 ? specifier === pattern : specifier.startsWith(pattern.slice(0, star)) && specifier.endsWith(pattern.slice(star + 1));
    if (!matches) continue;
    const middle = star === -1 ? '' : specifier.slice(star, specifier.length - (pattern.length - star - 1));
    for (const target of targets) {
      const hit = firstFile(resolvePath(base, target.replace('*', middle)));
      if (hit !== undefined) return hit;
    }
  }
  return config.options.baseUrl === undefined ? undefined : firstFile(resolvePath(base, specifier));
}

function pickCompilerOptions(path: string): CompilerOptions {
  const { experimentalDecorators, emitDecoratorMetadata, useDefineForClassFields, jsx, jsxImportSource } = nearestConfig(dirname(path))?.options ?? {};
  return { experimentalDecorators, emitDecoratorMetadata, useDefineForClassFields, jsx, jsxImportSource };
}
