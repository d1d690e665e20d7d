import { statSync } from 'node:fs';
import { join } from 'node:path';
import { loadConfig } from '../../config/load.ts';
import { TuningForkError } from '../../protocol/errors.ts';
import { readPass, readPasses, type Pass } from '../../training/passes.ts';
import { wholeNumber, type Args, type Command } from '../args.ts';
import { asked, overridesOf, runOptions } from '../asked.ts';
import { printEvaluation, type EvaluatedPass } from '../eval-report.ts';
import { runNamed } from '../find-run.ts';
import { startAndFollow, type Followed } from '../follow.ts';
import { decimal } from '../format.ts';
import { errPaint, EXIT, note } from '../io.ts';
import { plural, t } from '../l10n.ts';
import { noteError } from '../report.ts';
import { exitCode, viewFor } from './rollout.ts';

/** Enough for an interval of some 5 % on each side, in a minute or two on a small model. */
const FIRST_TASKS = 200;
const REPEATS = 4;

/** Rollouts of all tasks at one temperature. */
interface Plan {
  temperature: number;
  repeats: number;
}

export const evaluate: Command = {
  name: 'eval',
  summary: 'Measure a model on the validation tasks, alone or beside another',
  usage: '--conf <yaml> [options]',
  about: [
    'Unless told otherwise each task is rolled out greedily once and four times at the training temperature. Rewards and success come with 95 % intervals, pass@k without bias.',
    '--compare takes a stored run on the same tasks, such as an earlier eval or a training, or another model, which is then measured too.',
  ],
  examples: [
    'tuning-fork eval --conf examples/countdown/countdown.yaml --tasks 50',
    'tuning-fork eval --conf countdown.yaml --model runs/…/checkpoints/best --compare embedded',
    'tuning-fork eval --conf countdown.yaml --greedy --compare latest',
  ],
  options: {
    ...runOptions,
    temperature: { value: 't', help: 'Only rollouts at this temperature', number: { integer: false, least: 0 } },
    greedy: { help: 'Only greedy rollouts; with --temperature both' },
    tasks: { value: 'n', help: 'Only the first n validation tasks (default: 200; 0: all)', number: wholeNumber(0) },
    repeats: { value: 'n', short: 'n', help: 'Rollouts of each task that are sampled (default: 4)', number: wholeNumber(1) },
    compare: { value: 'run|model', help: 'What it is measured against' },
    concurrency: { value: 'k', short: 'k', help: 'Rollouts under way at once (default: rollout.max_env_worker)', number: wholeNumber(1) },
    workers: { value: 'n', help: 'Worker processes they are shared out among (default: rollout.workers)', number: wholeNumber(1) },
  },
  run: async (args) => {
    const { config } = await loadConfig(args.text('conf')!, overridesOf(args));
    const plans = plansOf(args, config.rollout.temperature);
    const compared = args.text('compare');
    const otherModel = compared !== undefined && isModel(compared) ? compared : undefined;
    // Read before anything runs: "latest" is not what runs now.
    const stored = compared === undefined || otherModel !== undefined ? [] : await storedPasses(args, compared, plans);

    const evaluated: EvaluatedPass[] = [];
    let code: number = EXIT.ok;
    for (const plan of plans) {
      const mine = await measure(args, plan, args.text('model'));
      code = Math.max(code, mine.code);
      if (mine.pass === undefined) break;
      const other = otherModel === undefined ? undefined : await measure(args, plan, otherModel);
      code = Math.max(code, other?.code ?? EXIT.ok);
      const before = other === undefined ? stored.find(({ temperature }) => temperature === plan.temperature) : other.pass;
      if (compared !== undefined && before === undefined && !args.on('json')) note(errPaint.yellow(t('{0} has no rollouts at the temperature {1} to compare with.', compared, decimal(plan.temperature, 1))));
      evaluated.push({ pass: mine.pass, before });
      if (code === EXIT.cancelled) break;
    }
    if (evaluated.length > 0) printEvaluation(evaluated, args.on('json'));
    return code;
  },
};

function plansOf(args: Args, trainingTemperature: number): Plan[] {
  const [asked, repeats] = [args.number('temperature'), args.number('repeats')];
  const greedy = { temperature: 0, repeats: 1 };
  const temperature = asked ?? trainingTemperature;
  if ((asked === undefined && args.on('greedy')) || temperature === 0) return [{ ...greedy, ...(repeats !== undefined && { repeats }) }];
  const sampled = { temperature, repeats: repeats ?? REPEATS };
  return asked === undefined || args.on('greedy') ? [sampled, greedy] : [sampled];
}

/** `embedded`, `provider:model`, or a folder that is no run. */
function isModel(name: string): boolean {
  if (name === 'embedded' || /^[a-z][\w-]+:/i.test(name)) return true;
  return statSync(name, { throwIfNoEntry: false })?.isDirectory() === true && statSync(join(name, 'run.json'), { throwIfNoEntry: false }) === undefined;
}

async function storedPasses(args: Args, name: string, plans: readonly Plan[]): Promise<Pass[]> {
  const { dir, info } = await runNamed(args, name);
  const passes = await readPasses(dir);
  if (passes.some(({ temperature }) => plans.some((plan) => plan.temperature === temperature))) return passes;
  throw new TuningForkError('usage', t('{0} was sampled at the temperature {1}, and this would be at {2}.', info.run, temperatures(passes), temperatures(plans)), {
    next: t('Repeat the command with --temperature {0}.', passes[0]!.temperature),
  });
}

function temperatures(passes: readonly { temperature: number }[]): string {
  return passes.map(({ temperature }) => decimal(temperature, 1)).join(', ');
}

async function measure(args: Args, { temperature, repeats }: Plan, model: string | undefined): Promise<{ pass: Pass | undefined; code: number }> {
  const first = args.number('tasks') ?? FIRST_TASKS;
  if (!args.on('json')) note(errPaint.bold(temperature === 0 ? t('Greedy:') : t('At temperature {0}, {1} of each task:', decimal(temperature, 1), plural(repeats, '{0} rollout', '{0} rollouts'))));
  const followed: Followed = await startAndFollow(args, {
    kind: 'rollout', conf: args.text('conf')!, split: 'validation', tasks: first === 0 ? {} : { first }, repeats, temperature,
    ...asked(args), model, concurrency: args.number('concurrency'), workers: args.number('workers'),
  }, viewFor(args));
  const { status, error } = followed;
  if (error !== undefined && !args.on('json')) noteError(error);
  const pass = await readPass(status.dir, temperature);
  return { pass: pass.records.length === 0 ? undefined : pass, code: exitCode(followed) };
}
