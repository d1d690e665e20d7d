// Bundles what runs inside VS Code. The runtime is not bundled: it runs in the user's Node, as TypeScript.
//   node esbuild.mjs [--watch] [--minify] [--sizes]
import { build, context } from 'esbuild';
import { readFile } from 'node:fs/promises';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('.', import.meta.url));
const asked = (flag) => process.argv.includes(flag);

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

/** Split: what a feature needs is loaded when it is first used. */
const extension = {
  absWorkingDir: root,
  entryPoints: { extension: 'extension/extension.ts' },
  outdir: 'dist',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  external: ['vscode'],
  // Packages in CommonJS ask for Node's own modules by `require`.
  banner: { js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);" },
  sourcemap: !asked('--minify'),
  minify: asked('--minify'),
  metafile: true,
  logLevel: 'info',
  plugins: [keepPlaces],
};

if (asked('--watch')) {
  await (await context(extension)).watch();
} else {
  const { metafile } = await build(extension);
  if (asked('--sizes')) {
    const sizes = Object.entries(metafile.outputs).filter(([file]) => file.endsWith('.js')).map(([file, { bytes }]) => [relative('dist', file), bytes]);
    console.log(JSON.stringify(Object.fromEntries(sizes)));
  }
}
