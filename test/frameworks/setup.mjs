// Installs the agent frameworks that the examples and the tests use, once. Plain JavaScript for the Node that is there. Prints nothing when they are there.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const examples = fileURLToPath(new URL('../../examples/frameworks/', import.meta.url));
const older = fileURLToPath(new URL('./older/', import.meta.url));
/** The tests import the frameworks as the examples do. */
const link = fileURLToPath(new URL('./node_modules', import.meta.url));

/** Throws one sentence with the next step if they can't be had. */
export function setUpFrameworks() {
  install(examples, '330 MB');
  install(older, '160 MB');
  if (existsSync(join(link, 'ready.json'))) return;
  rmSync(link, { recursive: true, force: true });
  symlinkSync(join(examples, 'node_modules'), link, 'junction');
}

function install(dir, size) {
  const ready = join(dir, 'node_modules/ready.json');
  const wanted = readFileSync(join(dir, 'package-lock.json'), 'utf8');
  if (existsSync(ready) && readFileSync(ready, 'utf8') === wanted) return;
  console.error(`Installing the agent frameworks for the tests (once, about ${size})…`);
  const { status } = spawnSync('npm ci --ignore-scripts --no-fund --no-audit --loglevel=error', { cwd: dir, stdio: ['ignore', 2, 2], shell: true });
  if (status !== 0) throw new Error('The agent frameworks could not be installed.\n  → Check the connection to your npm registry, then run the same command again.');
  writeFileSync(ready, wanted);
}

if (realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  try {
    setUpFrameworks();
  } catch (error) {
    console.error(error.message);
    process.exit(1);
  }
}
