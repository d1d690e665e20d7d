/** Makes the environment of the GPU runtime, step by step. Cut off at any point, the next call goes on where it was. */
import { spawn } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, statfs, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { createInterface } from 'node:readline';
import { TuningForkError, type ErrorInfo } from '../../protocol/errors.ts';
import { findGpus } from './driver.ts';
import { askInstalled, environmentState, STAMP, wantedPackages, type EnvironmentStamp, type Installed } from './environment.ts';
import { findPython, hasPython, LEAST_PYTHON, packageFolder, pythonEnvironment, pythonOf } from './python.ts';

export type Build = 'cpu' | 'cuda';
export type SetupStep = 'python' | 'disk' | 'environment' | 'torch' | 'packages' | 'check';
export const SETUP_STEPS: readonly SetupStep[] = ['python', 'disk', 'environment', 'torch', 'packages', 'check'];

export interface SetupOptions {
  folder: string;
  /** Absent: for a GPU where there is a driver. */
  build?: Build | undefined;
  /** Which Python makes it. */
  python?: string | undefined;
  /** Begin anew. */
  fresh?: boolean;
  signal?: AbortSignal;
  /** A step begins, or is done: with what. */
  step(step: SetupStep, done?: string): void;
  /** What a person should know of, though it goes on. */
  notice(notice: ErrorInfo): void;
  /** What it does just now. */
  detail(text: string): void;
}

/** Bytes: what was seen to be needed, and as much again for the archives that are unpacked. */
export const NEEDED: Record<Build, number> = { cpu: 4e9, cuda: 16e9 };

export async function setUpGpu(options: SetupOptions): Promise<Installed> {
  const { folder, step, signal } = options;
  await needOwnFolder(folder);
  if (options.fresh) await rm(folder, { recursive: true, force: true });
  const driver = (await findGpus()).length > 0;
  const build = options.build ?? (driver ? 'cuda' : 'cpu');
  if (build === 'cuda' && !driver) options.notice({ code: 'usage', message: 'No NVIDIA driver answers on this machine, and PyTorch for a GPU was asked for.', next: 'It is installed all the same, and needs the driver before it trains.' });
  const state = environmentState(folder);
  const ready = state.state === 'ready' && state.stamp.torch === build;
  if (!ready) {
    step('python');
    const base = hasPython(folder) ? pythonOf(folder) : await basePython(options.python);
    step('python', base);
    step('disk');
    step('disk', sizeText(await enoughDisk(folder, build)));
    step('environment');
    if (!hasPython(folder)) await makeEnvironment(base, folder, options);
    step('environment', folder);
    const python = pythonOf(folder);
    step('torch');
    await installTorch(python, build, driver, options);
    if (build === 'cuda' && !await hasTorch(python, build)) throw noCuda();
    step('torch', build);
    step('packages');
    await installPackages(python, options);
    step('packages', 'tuning_fork_gpu[serve]');
  }
  signal?.throwIfAborted();
  step('check');
  const installed = await askInstalled(pythonOf(folder));
  if (build === 'cuda' && installed.devices.length === 0 && (driver || installed.cuda === null)) throw noDevice(installed);
  if (!ready) await writeFile(join(folder, STAMP), JSON.stringify({ packages: wantedPackages(), torch: build, made: new Date().toISOString() } satisfies EnvironmentStamp));
  step('check', `torch ${installed.torch}, transformers ${installed.transformers}`);
  return installed;
}

async function basePython(asked: string | undefined): Promise<string> {
  const least = LEAST_PYTHON.join('.');
  const found = await findPython(asked);
  if (found?.enough && found.venv) return found.path;
  if (found === undefined && asked !== undefined) throw new TuningForkError('usage', `There is no Python at ${asked}.`, { next: 'Name its program with --python, or leave that out: it is looked for.' });
  if (found === undefined) throw new TuningForkError('usage', 'There is no Python on this machine.', { next: `Install Python ${least} or newer, then run the same command again.` });
  throw found.enough
    ? new TuningForkError('usage', `Python ${found.version} (${found.path}) cannot make environments: its module venv is missing.`, { next: 'Install it (on Debian and Ubuntu: the package python3-venv), then run the same command again.' })
    : new TuningForkError('usage', `The newest Python here is ${found.version} (${found.path}); ${least} is needed.`, { next: `Install Python ${least} or newer, or name one with --python, then run the same command again.` });
}

/** Of an environment that was cut off before it said what it is. */
const BEGINNINGS: ReadonlySet<string> = new Set(['bin', 'include', 'lib', 'lib64', 'Include', 'Lib', 'Scripts']);

/** Nothing is written or deleted where somebody else keeps something. */
async function needOwnFolder(folder: string): Promise<void> {
  const inside = await readdir(folder).catch((error: NodeJS.ErrnoException): string[] => {
    if (error.code === 'ENOENT') return [];
    throw new TuningForkError('usage', `${folder} cannot be the folder of an environment: ${error.code === 'ENOTDIR' ? 'there is a file' : error.message}.`, { cause: error, next: 'Name another place with --dir.' });
  });
  const others = inside.includes('pyvenv.cfg') || inside.includes(STAMP) ? [] : inside.filter((name) => !BEGINNINGS.has(name));
  if (others.length === 0) return;
  throw new TuningForkError('usage', `${folder} holds ${others[0]} and is no environment of Python, so nothing was touched.`, { next: 'Name a folder with --dir that is empty or not there yet.' });
}

async function enoughDisk(folder: string, build: Build): Promise<number> {
  await mkdir(dirname(folder), { recursive: true }).catch((cause: Error) => {
    throw new TuningForkError('usage', `The folder ${dirname(folder)} can't be made: ${cause.message}`, { cause, next: 'Name another place with --dir.' });
  });
  const { bavail, bsize } = await statfs(dirname(folder));
  const free = bavail * bsize;
  if (free >= NEEDED[build]) return free;
  throw new TuningForkError('usage', `It takes ${sizeText(NEEDED[build])} on the disk of ${dirname(folder)}, and ${sizeText(free)} are free.`, { next: 'Free some space, or choose another place with --dir.' });
}

async function makeEnvironment(base: string, folder: string, options: SetupOptions): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  await command(base, ['-m', 'venv', folder], options, 'The environment could not be made.');
}

/**
 * Of torch there is a build for each CUDA, and one for the CPU that is a tenth of their size. uv knows where they are; where it can't get one,
 * the one of the package index of this machine has to do.
 */
async function installTorch(python: string, build: Build, driver: boolean, options: SetupOptions): Promise<void> {
  const torch = await torchRequirement();
  if (await hasTorch(python, build)) return;
  // Without a driver uv would take the one for the CPU; the package index has one for a CUDA.
  if (process.platform !== 'darwin' && (build === 'cpu' || driver)) {
    try {
      const uv = await findUv(python, options);
      await command(uv[0]!, [...uv.slice(1), 'pip', 'install', '--python', python, torch, '--reinstall-package', 'torch', `--torch-backend=${build === 'cpu' ? 'cpu' : 'auto'}`], options, 'That build of PyTorch could not be installed.');
      return;
    } catch (error) {
      options.signal?.throwIfAborted();
      options.notice({ code: 'usage', message: (error as Error).message, next: 'The build of the package index is taken instead.' });
    }
  }
  await command(python, ['-m', 'pip', 'install', '--disable-pip-version-check', ...(build === 'cuda' ? ['--force-reinstall'] : []), torch], options, 'PyTorch could not be installed.');
}

async function torchRequirement(): Promise<string> {
  const project = await readFile(join(packageFolder, 'pyproject.toml'), 'utf8');
  return /"(torch==[^"]+)"/.exec(project)?.[1] ?? 'torch';
}

async function hasTorch(python: string, build: Build): Promise<boolean> {
  const wanted = build === 'cpu' ? 'True' : 'torch.version.cuda is not None';
  try {
    await command(python, ['-c', `import torch, sys; sys.exit(not (torch.__version__.split("+")[0] == "${(await torchRequirement()).split('==')[1] ?? ''}" and ${wanted}))`], { detail: () => {} }, '');
    return true;
  } catch {
    return false;
  }
}

async function findUv(python: string, options: SetupOptions): Promise<string[]> {
  try {
    await command('uv', ['--version'], { detail: () => {} }, '');
    return ['uv'];
  } catch {
    await command(python, ['-m', 'pip', 'install', '--disable-pip-version-check', 'uv'], options, 'The installer uv could not be installed.');
    return [python, '-m', 'uv'];
  }
}

/** What tools of those who work on it leave there. */
const LEFT_BEHIND = /(^|[\\/])(__pycache__|\.[^\\/]+|[^\\/]+\.egg-info|build)$/;

/** From a copy: the folder of ours may not be written to. */
async function installPackages(python: string, options: SetupOptions): Promise<void> {
  const copy = await mkdtemp(join(tmpdir(), 'tuning-fork-gpu-'));
  try {
    await cp(packageFolder, copy, { recursive: true, filter: (path) => !LEFT_BEHIND.test(relative(packageFolder, path)) });
    await command(python, ['-m', 'pip', 'install', '--disable-pip-version-check', `${copy}[serve]`], options, 'The packages could not be installed.');
  } catch (error) {
    throw (error as NodeJS.ErrnoException).code === 'ENOSPC' ? diskFull('The packages could not be installed.') : error;
  } finally {
    await rm(copy, { recursive: true, force: true });
  }
}

/** What stands between a machine and its package index; the last line only says what came of it. */
const UNREACHED = /Temporary failure in name resolution|Name or service not known|nodename nor servname provided|getaddrinfo failed|Network is unreachable|Connection refused|Connection reset by peer|timed out|certificate verify failed/i;
const FULL = /No space left on device|ENOSPC|not enough space on the disk/i;

/** Its lines become details; what it said last becomes the error. */
function command(program: string, words: string[], { signal, detail }: Pick<SetupOptions, 'signal' | 'detail'>, problem: string): Promise<void> {
  const { PYTHONPATH: _path, ...env } = pythonEnvironment(process.env);
  return new Promise((resolve, reject) => {
    const child = spawn(program, words, { env, stdio: ['ignore', 'pipe', 'pipe'], signal, windowsHide: true });
    let last = '';
    let unreached: string | undefined;
    let full = false;
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => {
        const text = line.trim();
        if (text === '') return;
        unreached = UNREACHED.exec(text)?.[0] ?? unreached;
        full ||= FULL.test(text);
        if (/error|fail|no matching|could not/i.test(text) || last === '') last = text.replace(/^ERROR: /, '');
        const told = /^(Collecting|Downloading|Using cached|Installing|Building|Prepared|Resolved|Successfully)\b.*/.exec(text)?.[0];
        if (told !== undefined) detail(told);
      });
    }
    child.once('error', (cause) => reject(signal?.aborted ? signal.reason : new TuningForkError('usage', `${problem} ${cause.message}`, { cause })));
    child.once('close', (code) => {
      if (code === 0) return resolve();
      if (signal?.aborted) return reject(signal.reason);
      if (full) return reject(diskFull(problem));
      if (unreached !== undefined) return reject(new TuningForkError('usage', `${problem} The package index does not answer: ${unreached}.`, { next: 'Look at the connection of this machine, its proxy and the index that pip uses; then run the same command again: it goes on where it was.' }));
      reject(new TuningForkError('usage', `${problem} It said: ${(last || `exit code ${code}`).replace(/\.$/, '')}.`, { next: 'Look at the connection and the package index of this machine; then run the same command again: it goes on where it was.' }));
    });
  });
}

function diskFull(problem: string): TuningForkError {
  return new TuningForkError('usage', `${problem} The disk is full.`, { next: `Free some space there and in ${tmpdir()}, then run the same command again: it goes on where it was.` });
}

function noCuda(): TuningForkError {
  return new TuningForkError('usage', 'The package index of this machine has PyTorch for the CPU only, and a GPU was asked for.', { next: 'Name an index with builds for CUDA to pip and run the command again with --fresh, or use --cpu.' });
}

function noDevice({ cuda }: Installed): TuningForkError {
  return cuda === null ? noCuda()
    : new TuningForkError('usage', `PyTorch for CUDA ${cuda} finds no GPU it can use.`, { next: 'Look whether "nvidia-smi" answers and its driver is new enough for this CUDA, or use --cpu.' });
}

export function sizeText(bytes: number): string {
  return bytes >= 1e9 ? `${(bytes / 1e9).toFixed(1)} GB` : `${Math.round(bytes / 1e6)} MB`;
}
