/**
 * `npm run code`: VS Code with the extension and a copy of the examples. The desktop one where there is one, else the one of
 * the tests, to be opened in a browser. `npm run code -- --browser` asks for that one, `-- <folder>` for a folder of your own.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { bundle } from '../../esbuild.mjs';
import { repository, startServer } from './launch.ts';

const args = process.argv.slice(2);
const asked = args.find((arg) => !arg.startsWith('--'));
const desktop = !args.includes('--browser') && spawnSync('code --version', { shell: true, stdio: 'ignore' }).status === 0;

if (desktop) {
  await bundle();
  const folder = asked === undefined ? examples() : resolve(asked);
  // By the shell: on Windows it is a script. A backslash before the quote would be taken for part of the path.
  process.exit(spawnSync(`code --new-window "--extensionDevelopmentPath=${resolve(repository)}" "${folder}"`, { shell: true, stdio: 'inherit' }).status ?? 1);
}

const server = await startServer({ ...(asked === undefined ? { workspace: { from: join(repository, 'examples') } } : { folder: resolve(asked) }), port: Number(process.env.PORT ?? 8421) });
console.log(`VS Code with Tuning Fork is at\n\n  ${server.url}\n\n  Ctrl-C ends it.`);
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => void server.close().then(() => process.exit(0)));

/** What a person tries stays between starts, beside what is built. */
function examples(): string {
  const folder = join(repository, 'dist/examples');
  if (!existsSync(folder)) {
    mkdirSync(join(repository, 'dist'), { recursive: true });
    cpSync(join(repository, 'examples'), folder, { recursive: true, filter: (path) => !/[\\/](node_modules|runs)$/.test(path) });
  }
  return folder;
}
