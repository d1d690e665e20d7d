// Makes a fresh clone ready, once: what `npm start` and `npm test` do first. Plain JavaScript for the Node that is there.
import { spawnSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));
const installed = `${root}node_modules/.package-lock.json`;
const wanted = `${root}package-lock.json`;

if (!existsSync(installed) || statSync(installed).mtimeMs < statSync(wanted).mtimeMs) {
  console.error('Installing what Tuning Fork needs (once)…');
  // By the shell, as one text: on Windows npm is a script, which nothing else runs.
  const result = spawnSync('npm ci --no-fund --no-audit --loglevel=error', { cwd: root, stdio: ['ignore', 2, 2], shell: true });
  if (result.status !== 0) {
    console.error('\nThe packages could not be installed.\n  → Check the connection to your npm registry, then run the same command again.');
    process.exit(1);
  }
}
