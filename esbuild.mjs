// Bundles what runs inside VS Code. The runtime is not bundled: it runs in the user's Node, as TypeScript.
//   node esbuild.mjs [--watch] [--minify] [--sizes]
import { build, context } from 'esbuild';
import { globSync, mkdirSync, readdirSync, readFileSync, realpathSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('.', import.meta.url));

/** Files of the runtime find others beside them by `import.meta.url`; in a bundle that stands for the file they were. */
const keepPlaces = {
  name: 'keep-places',
  setup({ onLoad }) {
    onLoad({ filter: /[\\/]runtime[\\/].*\.(ts|mjs)$/ }, async ({ path }) => {
      const contents = await readFile(path, 'utf8');
      if (!contents.includes('import.meta.url')) return undefined;
      const place = JSON.stringify(`../${relative(root, path).replaceAll('\\', '/')}`);
      return { contents: contents.replaceAll('import.meta.url', `new URL(${place}, import.meta.url).href`), loader: path.endsWith('.ts') ? 'ts' : 'js' };
    });
  },
};

/** A VS Code that is running loads its pieces when it first needs them: they are never half written, and stay for an hour. */
const putInPlace = {
  name: 'put-in-place',
  setup({ onEnd }) {
    onEnd(({ outputFiles = [] }) => {
      for (const { path, contents } of outputFiles) {
        if (!sameAs(path, contents)) {
          mkdirSync(dirname(path), { recursive: true });
          writeFileSync(`${path}.${process.pid}`, contents);
          renameSync(`${path}.${process.pid}`, path);
        }
      }
      const made = new Set(outputFiles.map(({ path }) => path));
      for (const dir of new Set(outputFiles.map(({ path }) => dirname(path)))) {
        for (const path of readdirSync(dir).map((name) => join(dir, name))) {
          if (!made.has(path) && /-[A-Z0-9]{8}\.js(\.map)?$/.test(path) && Date.now() - statSync(path).mtimeMs > 3_600_000) rmSync(path, { force: true });
        }
      }
    });
  },
};

function sameAs(path, contents) {
  try {
    return readFileSync(path).equals(contents);
  } catch {
    return false;
  }
}

/** Split: what a feature needs is loaded when it is first used. */
const extension = ({ outdir, minify }) => ({
  absWorkingDir: root,
  entryPoints: { extension: 'extension/extension.ts', language: 'extension/language/thread.ts' },
  outdir,
  bundle: true,
  splitting: true,
  write: false,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  external: ['vscode'],
  // Packages in CommonJS ask for Node's own modules by `require`.
  banner: { js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);" },
  sourcemap: !minify,
  minify,
  metafile: true,
  logLevel: 'warning',
  plugins: [keepPlaces, putInPlace],
});

/** Each folder of `webview/` with a `main.ts` is a page: one script, one style sheet. Shared pieces are in both, so that a page asks for two files. */
const pages = ({ outdir, minify }) => ({
  absWorkingDir: root,
  entryPoints: Object.fromEntries(globSync('webview/*/main.ts', { cwd: root }).map((path) => [basename(dirname(path)), path])),
  outdir: join(outdir, 'webview'),
  bundle: true,
  write: false,
  format: 'esm',
  platform: 'browser',
  target: 'chrome132',
  sourcemap: minify ? false : 'inline',
  minify,
  metafile: true,
  logLevel: 'warning',
  plugins: [putInPlace],
});

/** @returns {Promise<Record<string, number>>} The files it made, and their bytes. */
export async function bundle({ outdir = join(root, 'dist'), minify = false } = {}) {
  return sizesOf(outdir, await Promise.all([build(extension({ outdir, minify })), build(pages({ outdir, minify }))]));
}

/** The pages alone, for tests that need no VS Code. */
export async function bundlePages({ outdir = join(root, 'dist'), minify = false } = {}) {
  return sizesOf(outdir, [await build(pages({ outdir, minify }))]);
}

function sizesOf(outdir, built) {
  const files = built.flatMap(({ outputFiles }) => outputFiles).filter(({ path }) => /\.(js|css)$/.test(path));
  return Object.fromEntries(files.map(({ path, contents }) => [relative(outdir, path).replaceAll('\\', '/'), contents.length]));
}

if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const asked = (flag) => process.argv.includes(flag);
  const minify = asked('--minify');
  if (asked('--watch')) {
    const outdir = join(root, 'dist');
    for (const kind of [extension, pages]) await (await context(kind({ outdir, minify }))).watch();
  }
  else {
    const sizes = await bundle({ minify });
    if (asked('--sizes')) console.log(JSON.stringify(sizes));
  }
}
