// `npm run test:python`: the tests of what is written in Python, in an environment of its own. Users of Tuning Fork need no Python;
// whoever makes or exports a policy does, or trains with the GPU runtime. `--if-there`: no failure where there is no Python.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../', import.meta.url));
const venv = join(root, '.venv');
const bin = join(venv, process.platform === 'win32' ? 'Scripts' : 'bin');
const python = join(bin, process.platform === 'win32' ? 'python.exe' : 'python');
const wanted = readFileSync(join(root, 'runtime/gpu/pyproject.toml'), 'utf8');
const stamp = join(venv, 'installed.toml');
const ifThere = process.argv.includes('--if-there');
const words = process.argv.slice(2).filter((word) => word !== '--if-there');

if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== wanted) {
  console.error('Setting up Python in .venv (once)…');
  const names = process.platform === 'win32' ? ['py', 'python'] : ['python3.13', 'python3.12', 'python3.11', 'python3', 'python'];
  const base = names.find((name) => newEnough(name));
  if (base === undefined && ifThere) {
    console.error('The Python tests are skipped: Python 3.11 or newer was not found.');
    process.exit(0);
  }
  if (base === undefined) fail('Python 3.11 or newer was not found.', 'Install it, then run the same command again.');
  if (!existsSync(python)) run(base, ['-m', 'venv', venv], 'The environment .venv could not be made.');
  // torch by itself first: with it there, nothing that follows asks for a build with gigabytes for a GPU.
  run(python, ['-m', 'pip', 'install', '-q', '--disable-pip-version-check', 'torch==2.13.0'], 'PyTorch could not be installed.');
  run(python, ['-m', 'pip', 'install', '-q', '--disable-pip-version-check', '-e', `${join(root, 'runtime/gpu')}[test]`], 'The packages could not be installed.');
  writeFileSync(stamp, wanted);
}
process.exit(spawnSync(python, ['-m', 'pytest', '-q', join(root, 'test/gpu'), ...words], { cwd: root, stdio: 'inherit' }).status ?? 1);

function newEnough(name) {
  return spawnSync(name, ['-c', 'import sys; sys.exit(sys.version_info < (3, 11))'], { stdio: 'ignore' }).status === 0;
}

function run(command, args, problem) {
  if (spawnSync(command, args, { cwd: root, stdio: ['ignore', 2, 2] }).status !== 0) fail(problem, 'The lines above say why. Run the same command again.');
}

function fail(problem, next) {
  console.error(`${problem}\n  → ${next}`);
  process.exit(1);
}
