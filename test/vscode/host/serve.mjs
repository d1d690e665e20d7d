// Runs VS Code's server and ends it, with everything it started and its folder, when its own standard input closes: also when
// whoever started it was killed. `node serve.mjs <folder> <server-main.js> [args…]`; what it starts carries the folder's name in its environment.
import { spawn, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync } from 'node:fs';

const [folder, ...command] = process.argv.slice(2);
const server = spawn(process.execPath, command, { stdio: ['ignore', 'inherit', 'inherit'], env: { ...process.env, TUNING_FORK_TEST_HOST: folder } });
server.on('exit', end);
process.stdin.on('end', endAll).on('error', endAll).resume();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, endAll);

function endAll() {
  process.on('exit', () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
  end();
}

function end() {
  if (process.platform === 'win32') spawnSync('taskkill', ['/pid', String(server.pid), '/t', '/f'], { stdio: 'ignore' });
  else {
    server.kill('SIGKILL');
    // A terminal, a warm backbone or a training has left the group of its parent; its environment still says whose it is.
    for (const pid of marked()) {
      try { process.kill(pid, 'SIGKILL'); } catch {}
    }
  }
  process.exit(0);
}

function marked() {
  if (process.platform !== 'linux') return [];
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map(Number).filter((pid) => {
    try {
      return pid !== process.pid && readFileSync(`/proc/${pid}/environ`, 'latin1').includes(`TUNING_FORK_TEST_HOST=${folder}\0`);
    } catch {
      return false;
    }
  });
}
