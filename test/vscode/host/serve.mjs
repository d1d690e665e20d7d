// Runs VS Code's server and ends it, with everything it started, when its own standard input closes: also when whoever
// started it was killed. `node serve.mjs <marker> <server-main.js> [args…]`; what it starts carries the marker in its environment.
import { spawn, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

const [marker, ...command] = process.argv.slice(2);
const server = spawn(process.execPath, command, { stdio: ['ignore', 'inherit', 'inherit'], env: { ...process.env, TUNING_FORK_TEST_HOST: marker } });
server.on('exit', end);
process.stdin.on('end', end).on('error', end).resume();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, end);

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
      return pid !== process.pid && readFileSync(`/proc/${pid}/environ`, 'latin1').includes(`TUNING_FORK_TEST_HOST=${marker}\0`);
    } catch {
      return false;
    }
  });
}
