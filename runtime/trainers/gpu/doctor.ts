/** What this machine has and lacks for training on a GPU: one finding a line, each lack with the next step. */
import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { errorInfo } from '../../protocol/errors.ts';
import { MODEL_FILES, TRAINER_PROTOCOL } from '../../protocol/trainer.ts';
import { findGpus } from './driver.ts';
import { askInstalled, environmentState } from './environment.ts';
import { pythonFolder, type Environment } from './home.ts';
import { findPython, hasPython, LEAST_PYTHON, pythonOf } from './python.ts';
import { reachGpu } from './remote.ts';
import type { GpuPlace } from './settings.ts';
import { NEEDED, sizeText } from './setup.ts';

export interface GpuFinding {
  name: 'python' | 'driver' | 'disk' | 'environment' | 'torch' | 'packages' | 'runtime';
  verdict: 'ok' | 'warning' | 'failed';
  message: string;
  next?: string | undefined;
}

const SETUP = 'Run "tuning-fork gpu setup".';

/** `place`: where the configuration says it runs; one elsewhere is asked, and nothing here has to be there for it. */
export async function examineGpu(place: GpuPlace, env: Environment, folder = pythonFolder(env)): Promise<GpuFinding[]> {
  if (place.kind !== 'here') return [await remote(place, env)];
  const [python, gpus, disk] = await Promise.all([pythonFinding(place.python, folder), findGpus(), diskFinding(folder)]);
  const driver: GpuFinding = gpus.length > 0
    ? { name: 'driver', verdict: 'ok', message: gpus.map(({ name, memory, driver }) => `${name}, ${sizeText(memory)}, driver ${driver}`).join('; ') }
    : { name: 'driver', verdict: 'warning', message: 'No NVIDIA driver answers, so it computes on the CPU.', next: 'That is enough for small models. For a GPU install its driver, or use one on another machine with gpu.ssh.' };
  return [python, driver, disk, ...await environmentFindings(place.python, folder, gpus.length > 0)];
}

async function pythonFinding(asked: string | undefined, folder: string): Promise<GpuFinding> {
  const found = await findPython(asked ?? (hasPython(folder) ? pythonOf(folder) : undefined));
  const least = LEAST_PYTHON.join('.');
  if (found === undefined) return { name: 'python', verdict: 'failed', message: 'There is no Python on this machine.', next: `Install Python ${least} or newer.` };
  const message = `${found.version} (${found.path})`;
  if (!found.enough) return { name: 'python', verdict: 'failed', message, next: `${least} is needed: install it, or name one with --python.` };
  return found.venv ? { name: 'python', verdict: 'ok', message } : { name: 'python', verdict: 'failed', message, next: 'Its module venv is missing: on Debian and Ubuntu install python3-venv.' };
}

async function diskFinding(folder: string): Promise<GpuFinding> {
  const parent = hasPython(folder) ? folder : await nearest(folder);
  const { bavail, bsize } = await statfs(parent);
  const free = bavail * bsize;
  const message = `${sizeText(free)} free for ${folder}`;
  const least = environmentState(folder).state === 'ready' ? 1e9 : NEEDED.cpu;
  return free >= least ? { name: 'disk', verdict: 'ok', message } : { name: 'disk', verdict: 'failed', message, next: `${sizeText(least)} are needed: free some space, or set it up elsewhere with --dir.` };
}

async function nearest(folder: string): Promise<string> {
  return statfs(folder).then(() => folder, () => nearest(dirname(folder)));
}

async function environmentFindings(asked: string | undefined, folder: string, driver: boolean): Promise<GpuFinding[]> {
  const state = environmentState(folder);
  const findings: GpuFinding[] = [];
  if (asked === undefined) {
    if (state.state === 'absent') return [{ name: 'environment', verdict: 'failed', message: 'It is not set up.', next: SETUP }];
    if (state.state === 'unfinished') findings.push({ name: 'environment', verdict: 'failed', message: `${folder} is set up in part only.`, next: `${SETUP} It goes on where it was.` });
    else if (state.state === 'outdated') findings.push({ name: 'environment', verdict: 'failed', message: `${folder} was made for another version.`, next: SETUP });
    else findings.push({ name: 'environment', verdict: 'ok', message: folder });
  }
  try {
    const { torch, cuda, devices, transformers, peft, vllm } = await askInstalled(asked ?? pythonOf(folder));
    const built = cuda === null ? 'for the CPU' : `for CUDA ${cuda}`;
    if (devices.length > 0) {
      findings.push({ name: 'torch', verdict: 'ok', message: `${torch}, ${built}: ${devices.map(({ name, free, total }) => `${name}, ${sizeText(free)} of ${sizeText(total)} free`).join('; ')}` });
    } else if (driver) {
      findings.push({ name: 'torch', verdict: 'failed', message: `${torch}, ${built}, finds no GPU, though a driver answers.`, next: cuda === null ? 'Run "tuning-fork gpu setup --cuda --fresh".' : 'The driver is probably too old for this CUDA: update it.' });
    } else {
      findings.push({ name: 'torch', verdict: 'ok', message: `${torch}, ${built}` });
    }
    findings.push({ name: 'packages', verdict: peft === null ? 'failed' : 'ok', message: [`transformers ${transformers}`, `peft ${peft ?? '–'}`, ...(vllm === null ? [] : [`vLLM ${vllm}`])].join(', '), ...(peft === null && { next: SETUP }) });
  } catch (error) {
    const { message, next } = errorInfo(error);
    findings.push({ name: 'packages', verdict: 'failed', message, next });
  }
  return findings;
}

/** Reachable, of our version, with all that prompts need. */
async function remote(place: Exclude<GpuPlace, { kind: 'here' }>, env: Environment): Promise<GpuFinding> {
  try {
    const trainer = await reachGpu(place, { env });
    try {
      const info = await trainer.client.info();
      if (info.protocol !== TRAINER_PROTOCOL) return { name: 'runtime', verdict: 'failed', message: `It speaks version ${info.protocol} of the protocol, and this is ${TRAINER_PROTOCOL}.`, next: 'Install the same version of Tuning Fork on both machines.' };
      const files = await Promise.all(MODEL_FILES.map(async (name) => ({ name, there: await trainer.client.file(name) !== undefined })));
      const missing = files.filter(({ name, there }) => !there && (name === 'tokenizer.json' || name === 'config.json'));
      if (missing.length > 0) return { name: 'runtime', verdict: 'failed', message: `It has no ${missing.map(({ name }) => name).join(', ')} of ${info.model}.`, next: 'Serve a model in Hugging Face format.' };
      return { name: 'runtime', verdict: 'ok', message: `${info.model} on ${info.device}, ${info.dtype}, context ${info.context}, version ${info.version} of its weights` };
    } finally {
      await trainer.stop();
    }
  } catch (error) {
    const { message, next } = errorInfo(error);
    return { name: 'runtime', verdict: 'failed', message, next };
  }
}
