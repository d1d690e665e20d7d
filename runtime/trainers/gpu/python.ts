/** Python: which there is on this machine, and which of them runs the GPU runtime. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

export const LEAST_PYTHON = [3, 11] as const;
const PATIENCE_MS = 20_000;
const run = promisify(execFile);

/** The Python package that is the GPU runtime: it comes with us and needs no installing of its own. */
export const packageFolder = fileURLToPath(new URL('../../gpu', import.meta.url));

export interface FoundPython {
  path: string;
  /** As it says: 3.12.4. */
  version: string;
  enough: boolean;
  /** It can make environments; Debian ships that apart. */
  venv: boolean;
}

const NAMES = process.platform === 'win32' ? ['py', 'python', 'python3'] : ['python3.13', 'python3.12', 'python3.11', 'python3.14', 'python3', 'python'];

/** The first that is new enough, else the newest there is; undefined: none. `asked`: only this one. */
export async function findPython(asked?: string): Promise<FoundPython | undefined> {
  const found: FoundPython[] = [];
  for (const name of asked === undefined ? NAMES : [asked]) {
    const python = await probePython(name);
    if (python?.enough && python.venv) return python;
    if (python !== undefined) found.push(python);
  }
  return found.find(({ enough }) => enough) ?? found[0];
}

export async function probePython(path: string): Promise<FoundPython | undefined> {
  try {
    const code = 'import sys, importlib.util as u; print(*sys.version_info[:3], int(u.find_spec("venv") is not None and u.find_spec("ensurepip") is not None), sys.executable)';
    const { stdout } = await run(path, ['-c', code], { timeout: PATIENCE_MS, windowsHide: true, env: { ...process.env, ...SAFE } });
    const [major, minor, patch, venv, ...executable] = stdout.trim().split(' ');
    const enough = Number(major) === LEAST_PYTHON[0] && Number(minor) >= LEAST_PYTHON[1];
    return { path: executable.join(' ') || path, version: `${major}.${minor}.${patch}`, enough, venv: venv === '1' };
  } catch {
    return undefined;
  }
}

/** The program of an environment. */
export function pythonOf(environment: string): string {
  return join(environment, process.platform === 'win32' ? 'Scripts/python.exe' : 'bin/python');
}

export function hasPython(environment: string): boolean {
  return existsSync(pythonOf(environment));
}

/** A Python looks for modules in the folder it is started in first: a `torch.py` that lies in a project is not what is meant. From 3.11 on it can be told. */
const SAFE = { PYTHONSAFEPATH: '1' };
/** What libraries tell others of their use, unless somebody wants them to. */
const QUIET = { DO_NOT_TRACK: '1', HF_HUB_DISABLE_TELEMETRY: '1' };

/** What a Python needs to find the runtime; where it is installed too, ours comes first, so that both ends are of one version. */
export function pythonEnvironment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const { NODE_OPTIONS: _options, VSCODE_INSPECTOR_OPTIONS: _inspector, PYTHONHOME: _home, ...rest } = env;
  return { ...QUIET, ...rest, ...SAFE, PYTHONPATH: packageFolder, PYTHONUNBUFFERED: '1', PYTHONUTF8: '1' };
}
