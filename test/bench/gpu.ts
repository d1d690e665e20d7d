/** The GPU runtime beside what one writes with transformers alone: on a GPU where there is one, with small shapes on the CPU elsewhere. */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Figure } from './figure.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

export async function bench(): Promise<Figure[]> {
  const python = process.env.TUNING_FORK_BENCH_PYTHON ?? join(root, '.venv/bin/python');
  if (!existsSync(python)) throw new Error('There is no .venv; "npm run test:python" makes it. TUNING_FORK_BENCH_PYTHON names another Python.');
  const shapes = hasGpu(python) ? ['0.5b', '1.5b'] : ['small'];
  return ['training', 'sampling'].flatMap((script) => shapes.flatMap((shape) => figuresOf(python, script, shape)));
}

function hasGpu(python: string): boolean {
  return execFileSync(python, ['-c', 'import torch; print(torch.cuda.is_available())'], { encoding: 'utf8' }).trim() === 'True';
}

/** One JSON line each. Those of a further shape name it. */
function figuresOf(python: string, script: string, shape: string): Figure[] {
  const told = execFileSync(python, [join(root, `test/bench/gpu/${script}.py`), '--shape', shape], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
  const figures = told.split('\n').filter((line) => line.startsWith('{')).map((line) => JSON.parse(line) as Figure);
  return shape !== '1.5b' ? figures : figures.map((figure) => ({ ...figure, name: `${figure.name}_${shape}` }));
}
