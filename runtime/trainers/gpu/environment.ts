/** The environment of the GPU runtime: a Python of its own in a person's folder, so that no project and no other Python is touched. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { TuningForkError } from '../../protocol/errors.ts';
import { pythonFolder, type Environment } from './home.ts';
import { hasPython, packageFolder, pythonEnvironment, pythonOf } from './python.ts';

/** Written when everything is in it. */
export const STAMP = 'tuning-fork.json';

export interface EnvironmentStamp {
  /** Of the list of packages it was made from. */
  packages: string;
  torch: 'cpu' | 'cuda';
  made: string;
}

export type EnvironmentState = { state: 'absent' } | { state: 'unfinished' } | { state: 'outdated'; stamp: EnvironmentStamp } | { state: 'ready'; stamp: EnvironmentStamp };

/** What is installed in it. */
export interface Installed {
  python: string;
  torch: string;
  /** The CUDA that torch was built for; null: a build for the CPU. */
  cuda: string | null;
  /** GPUs that torch can use, and their bytes: free, and all. */
  devices: { name: string; free: number; total: number }[];
  /** Of what compiles for a GPU: Triton makes a module of Python's in C. */
  lacking: 'compiler' | 'headers' | null;
  transformers: string;
  peft: string | null;
}

const PATIENCE_MS = 120_000;
const run = promisify(execFile);

/** Changes where the packages do: an environment of older ones is made anew. */
export function wantedPackages(): string {
  return createHash('sha256').update(readFileSync(join(packageFolder, 'pyproject.toml'))).digest('hex').slice(0, 16);
}

export function environmentState(folder: string): EnvironmentState {
  if (!hasPython(folder)) return { state: 'absent' };
  const file = join(folder, STAMP);
  if (!existsSync(file)) return { state: 'unfinished' };
  const stamp = JSON.parse(readFileSync(file, 'utf8')) as EnvironmentStamp;
  return { state: stamp.packages === wantedPackages() ? 'ready' : 'outdated', stamp };
}

/** The program that runs the GPU runtime here. */
export function gpuPython(asked: string | undefined, env: Environment): string {
  if (asked !== undefined) return asked;
  const folder = pythonFolder(env);
  const { state } = environmentState(folder);
  if (state === 'ready') return pythonOf(folder);
  const why = { absent: 'is not set up on this machine', unfinished: 'is set up in part only', outdated: 'was set up for another version' }[state];
  throw new TuningForkError('trainer', `The GPU runtime ${why}.`, { next: 'Run "tuning-fork gpu setup", or name a runtime on another machine at gpu.url or gpu.ssh.' });
}

const ASK = `
import json, os, platform, shutil, sysconfig
def version(name):
    try:
        import importlib.metadata as m
        return m.version(name)
    except Exception:
        return None
import torch
devices = []
if torch.cuda.is_available():
    for i in range(torch.cuda.device_count()):
        free, total = torch.cuda.mem_get_info(i)
        devices.append({"name": torch.cuda.get_device_name(i), "free": free, "total": total})
import transformers, tuning_fork_gpu
compiler = os.environ.get("CC") or shutil.which("gcc") or shutil.which("clang")
headers = os.path.isfile(os.path.join(sysconfig.get_paths()["include"], "Python.h"))
lacking = "compiler" if compiler is None else None if headers else "headers"
print(json.dumps({"python": platform.python_version(), "torch": torch.__version__, "cuda": torch.version.cuda, "devices": devices, "lacking": lacking,
                  "transformers": transformers.__version__, "peft": version("peft")}))
`;

/** Imports what it needs, and says what that is. Throws with the last line of what Python says. */
export async function askInstalled(python: string): Promise<Installed> {
  try {
    const { stdout } = await run(python, ['-c', ASK], { timeout: PATIENCE_MS, windowsHide: true, env: pythonEnvironment(process.env) });
    return JSON.parse(stdout.trim().split('\n').at(-1)!) as Installed;
  } catch (cause) {
    const { stderr = '', message } = cause as { stderr?: string; message: string };
    throw new TuningForkError('trainer', `${python} cannot run the GPU runtime: ${stderr.trim().split('\n').at(-1) || message.split('\n')[0]}.`, { cause, next: 'Run "tuning-fork gpu setup".' });
  }
}
