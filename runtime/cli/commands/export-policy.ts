import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { errorInfo, TuningForkError } from '../../protocol/errors.ts';
import { environmentState } from '../../trainers/gpu/environment.ts';
import { pythonFolder } from '../../trainers/gpu/home.ts';
import { findPython, pythonEnvironment, pythonOf } from '../../trainers/gpu/python.ts';
import type { Command } from '../args.ts';
import { asWord, COMMAND } from '../invocation.ts';
import { EXIT, note, paint, print, printJson } from '../io.ts';
import { t } from '../l10n.ts';
import { warn } from '../report.ts';

const root = fileURLToPath(new URL('../../../', import.meta.url));

/** The graph that samples, and the three that train. */
const EXPORTERS = ['export.sampling_graph', 'export.training_graphs'];

export const exportPolicy: Command = {
  name: 'export-policy',
  summary: 'Make the graphs that let a model folder be sampled and trained here; needs Python once',
  usage: '<dir> [--python <path>]',
  about: [
    'Takes a small Qwen2 or Llama in Hugging Face format (config.json, model.safetensors, tokenizer.json) and writes <dir>/onnx.',
    'Of a LoRA checkpoint it makes <dir>-merged first.',
    'Python 3.11 with torch, safetensors, numpy and onnx: "tuning-fork gpu setup" makes one.',
  ],
  options: { python: { value: 'path', help: 'Which Python (default: .venv of this installation, what "gpu setup" made, python3)' } },
  words: { least: 1, most: 1 },
  run: async (args) => {
    const python = args.text('python') ?? await ownPython();
    const asked = resolve(args.words[0]!);
    const dir = existsSync(join(asked, 'adapter_config.json')) ? await merged(python, asked) : asked;
    try {
      await makeGraphs(python, dir);
    } catch (error) {
      if (dir === asked || !(error instanceof TuningForkError)) throw error;
      // One model it is all the same.
      if (args.on('json')) printJson({ type: 'merged', dir, error: errorInfo(error) });
      else {
        warn([error]);
        print(`${paint.green('✓')} ${t('{0} is the model with its adapter; the GPU runtime can use and train it.', dir)}`);
      }
      return EXIT.ok;
    }
    if (args.on('json')) printJson({ type: 'exported', dir });
    else print(`${paint.green('✓')} ${t('Exported {0}.', join(dir, 'onnx'))}\n  ${COMMAND} rollout --conf <yaml> --model ${asWord(dir === asked ? args.words[0]! : dir)}`);
    return EXIT.ok;
  },
};

async function makeGraphs(python: string, dir: string): Promise<void> {
  for (const file of ['config.json', 'model.safetensors']) {
    if (!existsSync(join(dir, file))) throw new TuningForkError('usage', t('{0} has no {1}.', dir, file), { next: t('Name a model folder in Hugging Face format.') });
  }
  for (const exporter of EXPORTERS) await run(python, exporter, [dir]);
}

async function ownPython(): Promise<string> {
  const own = pythonOf(join(root, '.venv'));
  if (existsSync(own)) return own;
  const gpu = pythonFolder();
  if (environmentState(gpu).state === 'ready') return pythonOf(gpu);
  return (await findPython())?.path ?? 'python3';
}

/** A checkpoint of LoRA holds an adapter alone; with its model it becomes one, beside it. */
async function merged(python: string, adapter: string): Promise<string> {
  const into = `${adapter}-merged`;
  if (!existsSync(into)) await run(python, 'training.merge', [adapter, into]);
  return into;
}

function run(python: string, module: string, args: readonly string[]): Promise<void> {
  const path = [join(root, 'runtime/gpu'), process.env.PYTHONPATH].filter(Boolean).join(delimiter);
  const child = spawn(python, ['-m', `tuning_fork_gpu.${module}`, ...args], { env: { ...pythonEnvironment(process.env), PYTHONPATH: path }, stdio: ['ignore', 'pipe', 'pipe'] });
  let told = '';
  createInterface({ input: child.stdout }).on('line', (line) => note(line));
  child.stderr.on('data', (text: Buffer) => void (told = (told + text.toString()).slice(-4_000)));
  const next = t('"tuning-fork gpu setup" makes a Python that can; or name another with --python.');
  return new Promise((resolve, reject) => {
    child.once('error', () => reject(new TuningForkError('usage', t('There is no Python at {0}.', python), { next })));
    child.once('close', (code) => {
      if (code === 0) return resolve();
      reject(new TuningForkError('policy', t('{0} failed: {1}', module, told.trim().split('\n').at(-1) ?? String(code)), { next }));
    });
  });
}
