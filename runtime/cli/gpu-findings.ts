/** What this machine has and lacks for training on a GPU: one finding a line, each lack with the next step. */
import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { errorInfo, formatPlace } from '../protocol/errors.ts';
import { MODEL_FILES } from '../protocol/trainer.ts';
import { findGpus } from '../trainers/gpu/driver.ts';
import { askInstalled, environmentState } from '../trainers/gpu/environment.ts';
import { pythonFolder, type Environment } from '../trainers/gpu/home.ts';
import { findPython, hasPython, LEAST_PYTHON, pythonOf } from '../trainers/gpu/python.ts';
import { reachGpu } from '../trainers/gpu/remote.ts';
import type { GpuPlace } from '../trainers/gpu/settings.ts';
import { NEEDED, sizeText } from '../trainers/gpu/setup.ts';
import { t } from './l10n.ts';
import { inOurWords, nearby } from './report.ts';

export interface GpuFinding {
  name: 'python' | 'driver' | 'disk' | 'environment' | 'torch' | 'compiler' | 'packages' | 'runtime';
  verdict: 'ok' | 'warning' | 'failed';
  message: string;
  next?: string | undefined;
}

const setup = (): string => t('Run "{0}".', 'tuning-fork gpu setup');

/** `place`: where the configuration says it runs; one elsewhere is asked, and nothing here has to be there for it. */
export async function examineGpu(place: GpuPlace, env: Environment, folder = pythonFolder(env)): Promise<GpuFinding[]> {
  if (place.kind !== 'here') return [await remote(place, env)];
  const [python, gpus, disk] = await Promise.all([pythonFinding(place.python, folder), findGpus(), diskFinding(folder)]);
  const driver: GpuFinding = gpus.length > 0
    ? { name: 'driver', verdict: 'ok', message: gpus.map(({ name, memory, driver }) => t('{0}, {1}, driver {2}', name, sizeText(memory), driver)).join('; ') }
    : { name: 'driver', verdict: 'warning', message: t('No NVIDIA driver answers, so it computes on the CPU.'), next: t('That is enough for small models. For a GPU install its driver, or use one on another machine with gpu.ssh.') };
  return [python, driver, disk, ...await environmentFindings(place.python, folder, gpus.length > 0)];
}

async function pythonFinding(asked: string | undefined, folder: string): Promise<GpuFinding> {
  const found = await findPython(asked ?? (hasPython(folder) ? pythonOf(folder) : undefined));
  const least = LEAST_PYTHON.join('.');
  if (found === undefined) return { name: 'python', verdict: 'failed', message: t('There is no Python on this machine.'), next: t('Install Python {0} or newer.', least) };
  const message = `${found.version} (${found.path})`;
  if (!found.enough) return { name: 'python', verdict: 'failed', message, next: t('{0} is needed: install it, or name one with --python.', least) };
  return found.venv ? { name: 'python', verdict: 'ok', message } : { name: 'python', verdict: 'failed', message, next: t('Its module venv is missing: on Debian and Ubuntu install python3-venv.') };
}

async function diskFinding(folder: string): Promise<GpuFinding> {
  const parent = hasPython(folder) ? folder : await nearest(folder);
  const { bavail, bsize } = await statfs(parent);
  const free = bavail * bsize;
  const message = t('{0} free for {1}', sizeText(free), folder);
  const least = environmentState(folder).state === 'ready' ? 1e9 : NEEDED.cpu;
  return free >= least ? { name: 'disk', verdict: 'ok', message } : { name: 'disk', verdict: 'failed', message, next: t('{0} are needed: free some space, or set it up elsewhere with --dir.', sizeText(least)) };
}

async function nearest(folder: string): Promise<string> {
  return statfs(folder).then(() => folder, () => nearest(dirname(folder)));
}

async function environmentFindings(asked: string | undefined, folder: string, driver: boolean): Promise<GpuFinding[]> {
  const state = environmentState(folder);
  const findings: GpuFinding[] = [];
  if (asked === undefined) {
    if (state.state === 'absent') return [{ name: 'environment', verdict: 'failed', message: t('It is not set up.'), next: setup() }];
    if (state.state === 'unfinished') findings.push({ name: 'environment', verdict: 'failed', message: t('{0} is set up in part only.', folder), next: setup() });
    else if (state.state === 'outdated') findings.push({ name: 'environment', verdict: 'failed', message: t('{0} was made for another version.', folder), next: setup() });
    else findings.push({ name: 'environment', verdict: 'ok', message: folder });
  }
  try {
    const { torch, cuda, devices, lacking, transformers, peft } = await askInstalled(asked ?? pythonOf(folder));
    const built = cuda === null ? t('for the CPU') : t('for CUDA {0}', cuda);
    if (devices.length > 0) {
      findings.push({ name: 'torch', verdict: 'ok', message: `${torch}, ${built}: ${devices.map(({ name, free, total }) => t('{0}, {1} of {2} free', name, sizeText(free), sizeText(total))).join('; ')}` });
      if (lacking === 'compiler') findings.push({ name: 'compiler', verdict: 'warning', message: t('There is no C compiler, so nothing is compiled for the GPU, and steps are slower.'), next: t('Install gcc.') });
      if (lacking === 'headers') findings.push({ name: 'compiler', verdict: 'warning', message: t('The headers of Python are missing, so nothing is compiled for the GPU, and steps are slower.'), next: t('On Debian and Ubuntu install python3-dev.') });
    } else if (driver) {
      findings.push({ name: 'torch', verdict: 'failed', message: t('{0}, {1}, finds no GPU, though a driver answers.', torch, built), next: cuda === null ? t('Run "{0}".', 'tuning-fork gpu setup --cuda --fresh') : t('The driver is probably too old for this CUDA: update it.') });
    } else {
      findings.push({ name: 'torch', verdict: 'ok', message: `${torch}, ${built}` });
    }
    findings.push({ name: 'packages', verdict: peft === null ? 'failed' : 'ok', message: `transformers ${transformers}, peft ${peft ?? '–'}`, ...(peft === null && { next: setup() }) });
  } catch (error) {
    findings.push({ name: 'packages', verdict: 'failed', ...toldBy(error) });
  }
  return findings;
}

/** Reachable, of our version, with all that prompts need. */
async function remote(place: Exclude<GpuPlace, { kind: 'here' }>, env: Environment): Promise<GpuFinding> {
  try {
    const trainer = await reachGpu(place, { env });
    try {
      const info = await trainer.client.info();
      const files = await Promise.all(MODEL_FILES.map(async (name) => ({ name, there: await trainer.client.file(name) !== undefined })));
      const missing = files.filter(({ name, there }) => !there && (name === 'tokenizer.json' || name === 'config.json'));
      if (missing.length > 0) return { name: 'runtime', verdict: 'failed', message: t('It has no {0} of {1}.', missing.map(({ name }) => name).join(', '), info.model), next: t('Serve a model in Hugging Face format.') };
      return { name: 'runtime', verdict: 'ok', message: t('{0} on {1}, {2}, context {3}, version {4} of its weights', info.model, info.device, info.dtype, info.context, info.version) };
    } finally {
      await trainer.stop();
    }
  } catch (error) {
    return { name: 'runtime', verdict: 'failed', ...toldBy(error) };
  }
}

function toldBy(error: unknown): Pick<GpuFinding, 'message' | 'next'> {
  const { message, next, where } = inOurWords(errorInfo(error));
  return { message: where === undefined || where.file === '' ? message : `${formatPlace(nearby(where))}: ${message}`, next };
}
