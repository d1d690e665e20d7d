/** From an edit, and from nothing, to the first sampled token: what a person waits for. The peer is a bare Node process that starts and ends. */
import { execFileSync, spawn } from 'node:child_process';
import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { connectBackbone, type BackboneClient } from '../../runtime/backbone/client.ts';
import { scaffold } from '../../runtime/cli/init/scaffold.ts';
import { median, type Figure } from './figure.ts';

const ROUNDS = 9;
const bin = fileURLToPath(new URL('../../runtime/cli/bin.mjs', import.meta.url));

export async function bench(): Promise<Figure[]> {
  const dir = mkdtempSync(join(tmpdir(), 'tuning-fork-bench-'));
  process.env.TUNING_FORK_RUNTIME_DIR = join(dir, 'runtime');
  const project = join(dir, 'project');
  try {
    await scaffold(project, 'blank');
    const conf = join(project, 'tuning-fork.yaml');
    const cold: number[] = [];
    for (let round = 0; round < ROUNDS; round++) cold.push(await coldStart(project, conf));
    const client = (await connectBackbone({ project, client: 'bench' }))!;
    const warm: number[] = [];
    for (let round = 0; round < ROUNDS + 1; round++) warm.push(await warmEdit(client, project, conf));
    await client.request('shutdown', { force: true });
    const node = median(Array.from({ length: ROUNDS }, bareNode));
    // The first run loads the model; after it the backbone is warm.
    const edit = median(warm.slice(1));
    const start = median(cold);
    return [
      { name: 'edit_to_first_token_warm_ms', ours: edit, peer: node, ratio: edit / node, unit: 'ms', bound: '<= 300', holds: edit <= 300, note: 'workflow edited, backbone warm, until the first token was sampled; peer: an empty Node process' },
      { name: 'cold_cli_to_first_token_ms', ours: start, peer: node, ratio: start / node, unit: 'ms', bound: '<= 1500', holds: start <= 1500, note: 'no process running, from the command until the first token was sampled; peer: an empty Node process' },
    ];
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

async function warmEdit(client: BackboneClient, project: string, conf: string): Promise<number> {
  // Between two edits of a person there is time for the next worker to start.
  await new Promise((resolve) => setTimeout(resolve, 2_000));
  const started = performance.now();
  appendFileSync(join(project, 'workflow.ts'), '// edited\n');
  const { run } = await client.request('start', { kind: 'rollout', conf, env: {}, cwd: project, tasks: { first: 1 }, repeats: 1 });
  const first = Promise.withResolvers<number>();
  const ended = Promise.withResolvers<void>();
  await client.attach(run, (event) => {
    // The call's event comes with its last token; what it took to sample the others is not waiting for the first.
    if (event.type === 'call') first.resolve(performance.now() - started - (event.duration * (event.sampled - 1)) / event.sampled);
    if (event.type === 'finished') { ended.resolve(); first.reject(new Error(event.error?.message ?? 'The run ended without a call.')); }
  }, 0);
  const time = await first.promise;
  await ended.promise;
  return time;
}

async function coldStart(project: string, conf: string): Promise<number> {
  const started = performance.now();
  const child = spawn(process.execPath, [bin, 'rollout', '--conf', conf, '--tasks', '1', '-n', '1', '--json'], { cwd: project, stdio: ['ignore', 'pipe', 'inherit'] });
  let time = NaN;
  for await (const line of createInterface(child.stdout)) {
    if (process.env.DEBUG_BENCH) console.error(line.slice(0, 300));
    const event = JSON.parse(line) as { type: string; duration: number; sampled: number };
    if (event.type === 'call') time = performance.now() - started - (event.duration * (event.sampled - 1)) / event.sampled;
  }
  execFileSync(process.execPath, [bin, 'stop', '--force'], { cwd: project });
  if (Number.isNaN(time)) throw new Error('The command made no model call.');
  return time;
}

function bareNode(): number {
  const started = performance.now();
  execFileSync(process.execPath, ['-e', '0']);
  return performance.now() - started;
}
