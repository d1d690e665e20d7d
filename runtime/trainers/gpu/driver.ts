/** NVIDIA's driver, as it says of itself. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

export interface Gpu {
  name: string;
  /** Bytes. */
  memory: number;
  driver: string;
}

const PATIENCE_MS = 15_000;
const run = promisify(execFile);

/** Empty: no driver, or none that answers. */
export async function findGpus(): Promise<Gpu[]> {
  try {
    const { stdout } = await run('nvidia-smi', ['--query-gpu=name,memory.total,driver_version', '--format=csv,noheader,nounits'], { timeout: PATIENCE_MS, windowsHide: true });
    return stdout.trim().split('\n').map((line) => line.split(',').map((part) => part.trim())).filter(({ length }) => length === 3)
      .map(([name, mebibytes, driver]) => ({ name: name!, memory: Number(mebibytes) * 2 ** 20, driver: driver! }));
  } catch {
    return [];
  }
}
