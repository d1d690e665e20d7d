/**
 * `npm run bench -- runtime`: one JSON line a figure, and a table on a terminal. With `--save` the result becomes the
 * committed one in test/bench/results/. `npm run bench -- training --full` takes three seeds. Parts can be
 * named (`-- training learning --save`): then the other figures of the committed result stay. Each part runs in a process of its own, so that none warms or burdens another.
 */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { unmeasured, type Figure } from './figure.ts';
import { save, short, writeOverview } from './saved.ts';

const [area = 'runtime', ...rest] = process.argv.slice(2);
if (rest.includes('--full')) process.env.TUNING_FORK_BENCH_SEEDS ??= '3';

/** The figures each part prints, so that a part that fails still prints all its names. */
const AREAS: Record<string, Record<string, { names: string[]; seconds: number }>> = {
  runtime: {
    gateway: { names: ['calls_per_second_64', 'call_overhead_p50_ms_1', 'memory_per_rollout_1000'], seconds: 240 },
    tracker: { names: ['tracker_naive_tokens_per_second', 'tracker_distinct_tokens_per_second', 'tracker_growth_10x_turns', 'tokens_vs_naive', 'tokens_vs_episode_merge'], seconds: 240 },
    onnx: { names: ['onnx_single_vs_transformers_js', 'onnx_16_vs_transformers_js', 'onnx_staggered_16_vs_longest_alone'], seconds: 600 },
    startup: { names: ['edit_to_first_token_warm_ms', 'cold_cli_to_first_token_ms'], seconds: 240 },
    trace: { names: ['open_100k_rollouts_ms', 'read_one_rollout_ms', 'trace_bytes_per_token', 'export_rows_per_second', 'export_bytes_per_row', 'journal_calls_per_second'], seconds: 240 },
  },
  training: {
    training: { names: ['start_to_first_step_s', 'training_memory_backbone', 'training_memory_trainer', 'grad_step_vs_torch_eager', 'tree_vs_linear_per_token', 'peak_fraction'], seconds: 300 },
    learning: {
      names: ['math_agent_sampled', 'math_agent_greedy', 'countdown_sampled', 'countdown_greedy', 'frozenlake_sampled', 'frozenlake_greedy'],
      seconds: 1_200 * Number(process.env.TUNING_FORK_BENCH_SEEDS ?? 1),
    },
    sharing: { names: ['training_wall_sharing_off_over_on_math_agent', 'training_wall_sharing_off_over_on_countdown', 'training_wall_sharing_off_over_on_frozenlake'], seconds: 300 },
  },
  extension: {
    'extension-start': { names: ['activation_ms', 'extension_js_kb'], seconds: 240 },
    'extension-debug': { names: ['f5_to_breakpoint_s', 'restart_to_breakpoint_s'], seconds: 240 },
    'extension-scale': { names: ['runs_tree_100k_ms', 'keystroke_p95_ms'], seconds: 420 },
  },
  frameworks: {
    frameworks: {
      names: [
        ...['openai_agents', 'ai', 'ai_toolloopagent', 'strands_agents_sdk', 'langchain', 'langchain_langgraph', 'mastra_core', 'openai', 'fetch'].map((name) => `merged_share_${name}`),
        ...['openai_agents', 'ai', 'ai_toolloopagent', 'strands_agents_sdk', 'langchain', 'langchain_langgraph', 'mastra_core', 'openai'].map((name) => `added_latency_ms_${name}`),
      ],
      seconds: 240,
    },
  },
  gpu: {
    gpu: { names: ['train_wall_vs_naive_rows', 'mfu_distinct_tokens', 'sample_64_vs_generate', 'new_weights_to_first_token_ms'], seconds: 1_200 },
  },
  webview: {
    webview: {
      names: ['rollouts_100k_first_paint_ms', 'filter_ms', 'heap_mb', 'tokens_100k_paint_ms', 'tokens_100k_command_ms', 'scroll_p95_ms', 'find_ms', 'viewer_js_kb', 'viewer_css_kb'],
      seconds: 420,
    },
    'webview-dashboard': { names: ['dashboard_10x10k_ms', 'dashboard_10x10k_command_ms', 'dashboard_10x10k_smooth_ms', 'dashboard_read_mb_per_s'], seconds: 120 },
  },
};

const parts = AREAS[area];
if (parts === undefined) {
  console.error(`There is no bench "${area}".\n  → There are ${Object.keys(AREAS).join(', ')}.`);
  process.exit(2);
}
const only = rest.filter((word) => !word.startsWith('--'));

const figures: Figure[] = [];
for (const [part, { names, seconds }] of Object.entries(parts)) {
  if (only.length > 0 && !only.includes(part)) continue;
  const measured = await measure(part, names, seconds);
  for (const figure of measured) console.log(JSON.stringify(figure));
  figures.push(...measured);
}
if (process.stdout.isTTY) printTable(figures);
if (rest.includes('--save')) {
  save(area, figures, only.length === 0);
  writeOverview(Object.keys(AREAS));
}
process.exitCode = figures.every((figure) => figure.holds) ? 0 : 1;

function measure(part: string, names: string[], seconds: number): Promise<Figure[]> {
  const child = spawn(process.execPath, ['--expose-gc', fileURLToPath(new URL('./part.ts', import.meta.url)), new URL(`./${part}.ts`, import.meta.url).href], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  return new Promise((resolve) => {
    let found: Figure[] = [];
    const timer = setTimeout(() => child.kill('SIGKILL'), seconds * 1_000);
    child.on('message', (figures) => void (found = figures as Figure[]));
    child.on('exit', (code, signal) => {
      clearTimeout(timer);
      const cause = signal === null ? `The bench ended with exit code ${code}.` : `The bench did not end within ${seconds} s.`;
      const missing = names.filter((name) => !found.some((figure) => figure.name === name));
      resolve([...found, ...missing.map((name) => unmeasured(name, '', '', cause))]);
    });
  });
}

function printTable(rows: Figure[]): void {
  const cells = rows.map((row) => [row.holds ? '✓' : '✗', row.name, short(row.ours), short(row.peer), short(row.ratio), row.unit, row.bound]);
  const head = ['', 'figure', 'ours', 'peer', 'ratio', 'unit', 'bound'];
  const widths = head.map((title, column) => Math.max(title.length, ...cells.map((row) => row[column]!.length)));
  const line = (row: string[]): string => row.map((cell, column) => (column >= 2 && column <= 4 ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!))).join('  ').trimEnd();
  console.log(`\n${line(head)}`);
  for (const [index, row] of cells.entries()) {
    console.log(line(row));
    if (!rows[index]!.holds && rows[index]!.note !== undefined) console.log(`   ${rows[index]!.note}`);
  }
}
