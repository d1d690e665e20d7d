// Makes a fresh clone ready, once: what `npm start` and `npm test` do first. Plain JavaScript for the Node that is there.
import { spawnSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { say } from './say.mjs';

const root = fileURLToPath(new URL('../../', import.meta.url));
const installed = `${root}node_modules/.package-lock.json`;
const wanted = `${root}package-lock.json`;

if (!existsSync(installed) || statSync(installed).mtimeMs < statSync(wanted).mtimeMs) {
  console.error(say('Installing what Tuning Fork needs (once)…', '正在安装 Tuning Fork 所需的内容（仅此一次）…'));
  // By the shell, as one text: on Windows npm is a script, which nothing else runs.
  const result = spawnSync('npm ci --no-fund --no-audit --loglevel=error', { cwd: root, stdio: ['ignore', 2, 2], shell: true });
  if (result.status !== 0) {
    console.error(say(
      '\nThe packages could not be installed.\n  → Check the connection to your npm registry, then run the same command again.',
      '\n无法安装所需的包。\n  → 请检查与 npm 源的连接，然后重新运行同一命令。',
    ));
    process.exit(1);
  }
}
