import { setting } from '../settings.ts';

/** The settings, as a run is told of them; a configuration goes before them. */
export function gpuEnvironment(): Record<string, string> {
  const named = { TUNING_FORK_GPU_URL: setting('gpu.url'), TUNING_FORK_GPU_SSH: setting('gpu.ssh'), TUNING_FORK_GPU_PYTHON: setting('gpu.python') };
  return Object.fromEntries(Object.entries(named).filter(([, value]) => value !== ''));
}
