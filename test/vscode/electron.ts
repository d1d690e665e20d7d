/**
 * The tests that run inside the extension host, in a desktop VS Code: `node test/vscode/electron.ts js-debug active`. It is the one of
 * `VSCODE_EXECUTABLE`, else the version of the test host, downloaded once by @vscode/test-electron.
 */
import { build } from 'esbuild';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundle } from '../../esbuild.mjs';
import { setUpHost } from './host/setup.mjs';
import { repository } from './launch.ts';

interface TestElectron {
  runTests(options: { vscodeExecutablePath?: string; version?: string; extensionDevelopmentPath: string; extensionTestsPath: string; launchArgs: string[] }): Promise<number>;
}

setUpHost();
await bundle();
const { runTests } = createRequire(join(repository, 'test/vscode/host/package.json'))('@vscode/test-electron') as TestElectron;
const dir = mkdtempSync(join(tmpdir(), 'tf-desktop-'));
try {
  for (const name of process.argv.slice(2)) {
    const suite = join(dir, `${name}.js`);
    await build({ entryPoints: [fileURLToPath(new URL(`./suites/${name}.ts`, import.meta.url))], outfile: suite, bundle: true, platform: 'node', target: 'node20', format: 'cjs', external: ['vscode'], sourcemap: 'inline' });
    const workspace = join(dir, 'workspace');
    cpSync(join(repository, 'examples/math-agent'), workspace, { recursive: true, filter: (path) => !/[\\/](node_modules|runs)$/.test(path) });
    await runTests({
      ...(process.env.VSCODE_EXECUTABLE ? { vscodeExecutablePath: process.env.VSCODE_EXECUTABLE } : { version: '1.139.1' }),
      extensionDevelopmentPath: repository, extensionTestsPath: suite, launchArgs: [workspace, '--disable-workspace-trust', '--user-data-dir', join(dir, 'data'), '--extensions-dir', join(dir, 'ext')],
    });
  }
} finally {
  rmSync(dir, { recursive: true, force: true });
}
