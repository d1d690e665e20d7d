import type { StartRun } from '../../protocol/backbone.ts';
import type { Args, Command, Options } from '../args.ts';
import { connect, environment } from '../connect.ts';
import { follow } from '../follow.ts';
import { EXIT, printJson } from '../io.ts';
import { summarize } from '../summary.ts';

/** What `rollout`, `check` and `--backbone debug` have in common. */
export const runOptions: Options = {
  conf: { value: 'yaml', short: 'c', help: 'The configuration', required: true },
  model: { value: 'path|provider:model', short: 'm', help: 'Another model than the one in the configuration, e.g. embedded, ./weights or ollama:qwen3' },
  train: { value: 'roles', help: 'Roles to train, comma separated, instead of the ones the workflow names', many: true },
  temperature: { value: 't', help: 'Sampling temperature; 0 is greedy', number: 'real' },
  seed: { value: 'n', help: 'Seed; the same one gives the same rollouts', number: 'integer' },
};

export const rollout: Command = {
  name: 'rollout',
  summary: 'Run a workflow on tasks and keep every token',
  usage: '--conf <yaml> [options]',
  about: ['Runs the tasks of the configuration as rollouts, live, and stores them under runs/.'],
  examples: [
    'tuning-fork rollout --conf examples/countdown/countdown.yaml',
    'tuning-fork rollout --conf countdown.yaml --task countdown-3 -n 8 --temperature 1',
    'tuning-fork rollout --conf math-agent.yaml --model ollama:qwen3 --split validation',
  ],
  options: {
    ...runOptions,
    task: { value: 'id', short: 't', help: 'Only this task; may be given more than once', many: true },
    split: { value: 'split', help: 'Which tasks (default: training)', choices: ['training', 'validation'] },
    tasks: { value: 'n', help: 'Only the first n tasks (0: all)', number: 'integer' },
    repeats: { value: 'n', short: 'n', help: 'Rollouts of each task (default: rollout.num_repeat)', number: 'integer' },
    concurrency: { value: 'k', short: 'k', help: 'Rollouts under way at once (default: rollout.max_env_worker)', number: 'integer' },
    workers: { value: 'n', help: 'Worker processes they are shared out among (default: rollout.workers)', number: 'integer' },
    inspect: { help: 'Open the worker for a debugger and wait until one is attached' },
  },
  run: (args) => startAndFollow(args, {
    split: args.text('split') as StartRun['split'],
    tasks: chosenTasks(args),
    repeats: args.number('repeats'),
    concurrency: args.number('concurrency'),
    workers: args.number('workers'),
    inspect: args.on('inspect'),
  }),
};

/** Ten tasks tell most in seconds; the whole data set is a word away. */
const FIRST_TASKS = 10;

function chosenTasks(args: Args): StartRun['tasks'] {
  const ids = args.list('task');
  if (ids !== undefined) return { ids };
  const first = args.number('tasks') ?? FIRST_TASKS;
  return first === 0 ? {} : { first };
}

export async function startAndFollow(args: Args, request: Partial<StartRun>): Promise<number> {
  const json = args.on('json');
  const client = await connect(args);
  const { run } = await client.request('start', {
    kind: 'rollout', conf: args.text('conf')!, env: environment(), cwd: process.cwd(),
    model: args.text('model'), train: args.list('train'), temperature: args.number('temperature'), seed: args.number('seed'),
    ...request,
  });
  const followed = await follow(client, run, { json, owner: true });
  client.close();
  if (json) printJson({ type: 'summary', run, dir: followed.status.dir, state: followed.state, progress: followed.status.progress, error: followed.error });
  else await summarize(followed);
  if (followed.interrupted || followed.state === 'cancelled') return EXIT.cancelled;
  if (followed.state === 'failed') return followed.error?.code === 'workflow' || followed.error?.code === 'data' ? EXIT.usage : EXIT.failed;
  return followed.status.progress.failed > 0 ? EXIT.failed : EXIT.ok;
}
