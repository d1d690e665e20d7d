import type { StartRun } from '../../protocol/backbone.ts';
import { wholeNumber, type Args, type Command } from '../args.ts';
import { asked, runOptions } from '../asked.ts';
import { startAndFollow, type Followed, type Watcher } from '../follow.ts';
import { doneOf } from '../frame.ts';
import { EXIT, printJson } from '../io.ts';
import { JsonView } from '../json-view.ts';
import { exitCodeOf } from '../report.ts';
import { RunView } from '../run-view.ts';
import { summarize } from '../summary.ts';

/** Ten tasks tell most in seconds; the whole data set is a word away. */
const FIRST_TASKS = 10;

export const rollout: Command = {
  name: 'rollout',
  summary: 'Run a workflow on tasks and keep every token',
  usage: '--conf <yaml> [options]',
  about: ['Runs the tasks of the configuration as rollouts, live, and stores them under runs/. Ctrl-C stops it; what has finished is kept.'],
  examples: [
    'tuning-fork rollout --conf examples/countdown/countdown.yaml',
    'tuning-fork rollout --conf countdown.yaml --task training-3 -n 8 --temperature 1',
    'tuning-fork rollout --conf math-agent.yaml --model ollama:qwen3 --split validation',
  ],
  options: {
    ...runOptions,
    task: { value: 'id', short: 't', help: 'Only this task; may be given more than once', many: true },
    split: { value: 'split', help: 'Which tasks (default: training)', choices: ['training', 'validation'] },
    tasks: { value: 'n', help: 'Only the first n tasks (default: 10; 0: all)', number: wholeNumber(0) },
    repeats: { value: 'n', short: 'n', help: 'Rollouts of each task (default: rollout.num_repeat)', number: wholeNumber(1) },
    concurrency: { value: 'k', short: 'k', help: 'Rollouts under way at once (default: rollout.max_env_worker)', number: wholeNumber(1) },
    workers: { value: 'n', help: 'Worker processes they are shared out among (default: rollout.workers)', number: wholeNumber(1) },
    inspect: { help: 'Open the worker for a debugger and wait until one is attached' },
  },
  run: (args) => runRollouts(args, {
    split: args.text('split') as StartRun['split'],
    tasks: chosenTasks(args),
    repeats: args.number('repeats'),
    concurrency: args.number('concurrency'),
    workers: args.number('workers'),
    inspect: args.on('inspect'),
    temperature: args.number('temperature'),
  }),
};

function chosenTasks(args: Args): StartRun['tasks'] {
  const ids = args.list('task');
  if (ids !== undefined) return { ids };
  const first = args.number('tasks') ?? FIRST_TASKS;
  return first === 0 ? {} : { first };
}

export async function runRollouts(args: Args, request: Partial<StartRun>): Promise<number> {
  const view = viewFor(args);
  const followed = await startAndFollow(args, {
    kind: 'rollout', conf: args.text('conf')!, ...asked(args), ...request,
  }, view);
  if (view instanceof RunView) await summarize(followed, [...view.failures.values()]);
  else tellSummary(followed);
  return exitCode(followed);
}

export function viewFor(args: Args): Watcher {
  return args.on('json') ? new JsonView() : new RunView();
}

export function tellSummary({ status: { run, dir, progress, elapsed }, state, error }: Followed): void {
  printJson({ type: 'summary', run, dir, state, progress, elapsed, error });
}

export function exitCode({ interrupted, state, error, status: { progress } }: Followed): number {
  if (interrupted || state === 'cancelled') return EXIT.cancelled;
  // Before anything has run it is what was asked for that is wrong.
  if (error !== undefined) return doneOf(progress) === 0 ? exitCodeOf(error) : EXIT.failed;
  return state === 'failed' || progress.failed > 0 ? EXIT.failed : EXIT.ok;
}
