import type { Command } from './args.ts';

/** Each is loaded when it is needed: starting must not cost what isn't used. */
export const commands: Record<string, { summary: string; load(): Promise<Command> }> = {
  init: { summary: 'Make a project that runs as it is', load: async () => (await import('./commands/init.ts')).init },
  check: { summary: 'Check configuration, workflow, data, model and judge before a run', load: async () => (await import('./commands/check.ts')).check },
  rollout: { summary: 'Run a workflow on tasks and keep every token', load: async () => (await import('./commands/rollout.ts')).rollout },
  train: { summary: 'Train the model behind a workflow, on this machine or on a GPU', load: async () => (await import('./commands/train.ts')).train },
  eval: { summary: 'Measure a model on the validation tasks, alone or beside another', load: async () => (await import('./commands/eval.ts')).evaluate },
  serve: { summary: 'Serve a model as an OpenAI-compatible API, to use what was trained', load: async () => (await import('./commands/serve.ts')).serve },
  runs: { summary: 'List stored runs; show, export or delete one, or attach to one that is running', load: async () => (await import('./commands/runs.ts')).runs },
  view: { summary: 'Look at a run in the browser: rollouts, every token, conversations, comparisons', load: async () => (await import('./commands/view.ts')).view },
  replay: { summary: 'Run a stored rollout again from its record, or fork it', load: async () => (await import('./commands/replay.ts')).replay },
  test: { summary: 'Run rollouts that were saved as tests again; no model is called', load: async () => (await import('./commands/test.ts')).test },
  rejudge: { summary: 'Score stored rollouts again with a changed judge; no model is called', load: async () => (await import('./commands/rejudge.ts')).rejudge },
  gpu: { summary: 'Set up, examine or serve the GPU runtime, which trains larger models with PyTorch', load: async () => (await import('./commands/gpu.ts')).gpu },
  'export-policy': { summary: 'Make the graphs that let a model folder be sampled and trained here; needs Python once', load: async () => (await import('./commands/export-policy.ts')).exportPolicy },
  migrate: { summary: 'Take over a configuration of AgentJet, ASTuner or Trinity-RFT, and say what becomes of every key', load: async () => (await import('./commands/migrate.ts')).migrate },
  status: { summary: 'Show the backbone of this project', load: async () => (await import('./commands/backbone.ts')).status },
  stop: { summary: 'Stop the backbone of this project', load: async () => (await import('./commands/backbone.ts')).stop },
};

/** What other tools call it, or what stands behind another word here. */
export const MEANT: Readonly<Record<string, string>> = {
  ...Object.fromEntries(['list', 'show', 'attach', 'export', 'delete', 'pause', 'checkpoint'].map((action) => [action, `runs ${action}`])),
  ls: 'runs list', rm: 'runs delete', resume: 'train --resume', run: 'rollout', new: 'init', create: 'init', evaluate: 'eval', validate: 'check', lint: 'check',
  dashboard: 'view', open: 'view', debug: 'rollout --inspect', doctor: 'gpu doctor', setup: 'gpu setup', kill: 'stop --force',
};
