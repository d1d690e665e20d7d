// Makes the test host ready, once: VS Code's server from the npm package code-server, and a Chromium to look at it.
// Plain JavaScript for the Node that is there. Prints nothing when all is there already.
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = fileURLToPath(new URL('./', import.meta.url));
const vscode = (modules) => join(modules, 'code-server/lib/vscode');
const ready = join(here, 'node_modules/ready.json');
const wanted = ['package-lock.json', 'setup.mjs', 'spdlog.cjs'].map((name) => readFileSync(join(here, name), 'utf8')).join('\0');

/** @returns {{ server: string, chromium: string }} Throws one sentence with the next step if the host can't be had. */
export function setUpHost() {
  if (!existsSync(ready) || JSON.parse(readFileSync(ready, 'utf8')) !== wanted) installServer();
  return { server: join(vscode(join(here, 'node_modules')), 'out/server-main.js'), chromium: chromiumPath() };
}

/** Of the Chromium that tests look through; installed where there is none and it can be. */
export function chromiumPath() {
  return findChromium() ?? installChromium();
}

function installServer() {
  console.error('Installing VS Code for the tests (once, about 300 MB)…');
  // Made aside and moved into place, so that two who start at once don't build into one folder.
  const aside = join(here, `.install-${process.pid}`);
  rmSync(aside, { recursive: true, force: true });
  mkdirSync(aside);
  try {
    for (const name of ['package.json', 'package-lock.json']) copyFileSync(join(here, name), join(aside, name));
    npm(['ci', '--ignore-scripts'], aside);
    const server = vscode(join(aside, 'node_modules'));
    // Both have a lock inside the package; it is not quite in step with its package.json, so not `npm ci`.
    npm(['install', '--omit=dev', '--ignore-scripts'], server);
    npm(['install', '--omit=dev', '--ignore-scripts'], join(server, 'extensions'));
    // Two native parts that a compiler would have to build: the log writer, and a watchdog that serve.mjs makes needless.
    copyFileSync(join(here, 'spdlog.cjs'), join(server, 'node_modules/@vscode/spdlog/index.js'));
    writeFileSync(join(server, 'node_modules/@vscode/native-watchdog/index.js'), 'exports.start = () => {};\n');
    writeFileSync(join(aside, 'node_modules/ready.json'), JSON.stringify(wanted));
    rmSync(join(here, 'node_modules'), { recursive: true, force: true });
    renameSync(join(aside, 'node_modules'), join(here, 'node_modules'));
  } finally {
    rmSync(aside, { recursive: true, force: true });
  }
}

function npm(args, cwd) {
  const { status } = spawnSync(['npm', ...args, '--no-fund', '--no-audit', '--loglevel=error'].join(' '), { cwd, stdio: ['ignore', 2, 2], shell: true });
  if (status !== 0) throw new Error('VS Code for the tests could not be installed.\n  → Check the connection to your npm registry, then run the same command again.');
}

function findChromium() {
  const asked = process.env.TUNING_FORK_CHROMIUM;
  if (asked) return asked;
  const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
  const known = ['/Applications/Google Chrome.app/Contents/MacOS/Google Chrome', '/Applications/Chromium.app/Contents/MacOS/Chromium', 'C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe', 'C:\\Program Files (x86)\\Microsoft\\Edge\\Application\\msedge.exe'];
  return [...(process.env.PATH ?? '').split(delimiter).flatMap((dir) => names.map((name) => join(dir, name))), ...known].find((path) => existsSync(path));
}

function installChromium() {
  if (process.platform === 'linux' && process.getuid?.() === 0 && spawnSync('apt-get', ['--version'], { stdio: 'ignore' }).status === 0) {
    console.error('Installing Chromium for the tests (once)…');
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    const install = () => spawnSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', 'chromium', 'fonts-wqy-zenhei'], { env, stdio: ['ignore', 'ignore', 2] }).status;
    if (install() !== 0) {
      spawnSync('apt-get', ['update', '-qq'], { env, stdio: ['ignore', 'ignore', 2] });
      install();
    }
    const found = findChromium();
    if (found !== undefined) return found;
  }
  throw new Error('The tests in VS Code need Chromium or Chrome.\n  → Install one (Debian: apt-get install chromium), or set TUNING_FORK_CHROMIUM to its path.');
}

if (realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  try {
    setUpHost();
  } catch (error) {
    console.error(error.message);
    process.exit(1);
  }
}
