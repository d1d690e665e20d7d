/** What a training costs: its first step, its gradient beside eager PyTorch, what sharing saves, how near the machine's limit it is, its memory. */
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { RunEvent } from '../../runtime/protocol/backbone.ts';
import { median, unmeasured, type Figure } from './figure.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const bin = join(root, 'runtime/cli/bin.mjs');
const START_BOUND_S = 5;

export async function bench(): Promise<Figure[]> {
  return [...await firstStep(), ...gradient()];
}

/** From the command on an idle machine to the first weights that have moved, and what its processes hold then. */
async function firstStep(): Promise<Figure[]> {
  const times: number[] = [];
  let memory = { backbone: 0, trainer: 0 };
  for (let round = 0; round < 3; round++) {
    const dir = mkdtempSync(join(tmpdir(), 'tuning-fork-first-step-'));
    const env = { ...process.env, TUNING_FORK_RUNTIME_DIR: join(dir, 'runtime') };
    const started = performance.now();
    const child = spawn(process.execPath, [bin, 'train', '--conf', join(root, 'examples/math-agent/math-agent.yaml'), '--steps', '3', '--json', '--project', dir], { cwd: root, env, stdio: ['ignore', 'pipe', 'inherit'] });
    for await (const line of createInterface(child.stdout)) {
      if (!line.startsWith('{"type":"training"')) continue;
      const event = JSON.parse(line) as RunEvent;
      if (event.type !== 'training' || event.event.type !== 'step') continue;
      if (event.event.row.step === 1) times.push((performance.now() - started) / 1_000);
      if (event.event.row.step === 3) {
        memory = residentMemory(dir);
        child.kill('SIGINT');
      }
    }
    execFileSync(process.execPath, [bin, 'stop', '--force', '--project', dir], { env, stdio: 'ignore' });
    rmSync(dir, { recursive: true, force: true });
  }
  const seconds = median(times);
  const megabytes = (bytes: number): number => Math.round(bytes / 2 ** 20);
  return [
    { name: 'start_to_first_step_s', ours: seconds, peer: null, ratio: null, unit: 's', bound: `<= ${START_BOUND_S}`, holds: seconds <= START_BOUND_S, note: 'from the command, nothing running, to the end of the first step of math-agent (8 x 16 rollouts)' },
    { name: 'training_memory_backbone', ours: megabytes(memory.backbone), peer: null, ratio: null, unit: 'MB resident', bound: '<= 600', holds: memory.backbone > 0 && megabytes(memory.backbone) <= 600, note: 'after three steps; Linux only' },
    { name: 'training_memory_trainer', ours: megabytes(memory.trainer), peer: null, ratio: null, unit: 'MB resident', bound: '<= 900', holds: memory.trainer > 0 && megabytes(memory.trainer) <= 900, note: 'after three steps: weights, moments, sampler and its caches; Linux only' },
  ];
}

function residentMemory(project: string): { backbone: number; trainer: number } {
  const found = { backbone: 0, trainer: 0 };
  if (process.platform !== 'linux') return found;
  const table = execFileSync('ps', ['-eo', 'pid,ppid,rss,args'], { encoding: 'utf8' }).split('\n').map((line) => line.trim().split(/\s+/));
  const backbone = table.find(([, , , ...args]) => args.some((arg) => arg.endsWith('backbone/main.ts')) && args.includes(project));
  const trainer = table.find(([, parent, , ...args]) => parent === backbone?.[0] && args.some((arg) => arg.endsWith('trainers/embedded/main.ts')));
  found.backbone = Number(backbone?.[2] ?? 0) * 1024;
  found.trainer = Number(trainer?.[2] ?? 0) * 1024;
  return found;
}

/** Needs PyTorch, which users never do: "npm run test:python" sets it up. */
function gradient(): Figure[] {
  const python = join(root, '.venv/bin/python');
  const names = [['grad_step_vs_torch_eager', '>= 1.2'], ['tree_vs_linear_per_token', '<= 1.15'], ['peak_fraction', '>= 0.3']] as const;
  if (!existsSync(python)) return names.map(([name, bound]) => unmeasured(name, 'ratio', bound, 'There is no .venv; "npm run test:python" makes it.'));
  const told = JSON.parse(execFileSync(python, [join(root, 'test/bench/peers/train_step.py'), '--threads', '2'], { encoding: 'utf8' })) as
    { grad_ms: number; eager_ms: number; grad_step_vs_torch_eager: number; tree_vs_linear_per_token: number };
  const peak = peakFlops(python);
  const fraction = gradientFlops() / (told.grad_ms / 1_000) / peak;
  return [
    { name: 'grad_step_vs_torch_eager', ours: told.grad_ms, peer: told.eager_ms, ratio: told.grad_step_vs_torch_eager, unit: 'ms', bound: '>= 1.2', holds: told.grad_step_vs_torch_eager >= 1.2, note: '8 x 96 tokens, linear columns, 2 threads; peer: the same decoder under autograd in eager PyTorch' },
    { name: 'tree_vs_linear_per_token', ours: told.tree_vs_linear_per_token, peer: 1, ratio: told.tree_vs_linear_per_token, unit: 'ratio', bound: '<= 1.15', holds: told.tree_vs_linear_per_token <= 1.15, note: 'the same shapes as trees of four answers and as rows' },
    { name: 'peak_fraction', ours: fraction, peer: 1, ratio: fraction, unit: 'of the matrix product rate', bound: '>= 0.3', holds: fraction >= 0.3, note: `matrix products alone, of ${(peak / 1e9).toFixed(0)} GFLOP/s that PyTorch reaches on 1024 x 1024 with 2 threads` },
  ];
}

/** Forward and twice that backward, of the products with weights; attention is some percent of it at this length. */
function gradientFlops(): number {
  const shape = JSON.parse(readFileSync(join(root, 'runtime/policy/embedded/config.json'), 'utf8')) as { hidden_size: number; intermediate_size: number; num_hidden_layers: number; num_attention_heads: number; num_key_value_heads: number; vocab_size: number };
  const { hidden_size: width, intermediate_size: middle, num_hidden_layers: layers, vocab_size: vocabulary } = shape;
  const shared = (width / shape.num_attention_heads) * shape.num_key_value_heads;
  const perToken = 2 * (layers * (2 * width * width + 2 * width * shared + 3 * width * middle));
  const tokens = 8 * 96;
  return 3 * (perToken * tokens + 2 * width * vocabulary * (tokens / 2));
}

function peakFlops(python: string): number {
  const program = 'import time, torch; torch.set_num_threads(2); a = torch.randn(1024, 1024); b = torch.randn(1024, 1024); [a @ b for _ in range(5)]\nbest = 1e9\nfor _ in range(30):\n    t = time.perf_counter(); a @ b; best = min(best, time.perf_counter() - t)\nprint(2 * 1024**3 / best)';
  return Number(execFileSync(python, ['-c', program], { encoding: 'utf8' }));
}
