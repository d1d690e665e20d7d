import { loadConfig } from '../../config/load.ts';
import { TuningForkError } from '../../protocol/errors.ts';
import type { Command } from '../args.ts';
import { overridesOf, runOptions } from '../asked.ts';
import { t } from '../l10n.ts';
import { runRollouts } from './rollout.ts';
import { runTraining } from './train.ts';

/** `tuning-fork --conf <yaml> --backbone debug`: the call as AgentJet has it. */
export const launch: Command = {
  name: '',
  summary: 'Start a configuration on a backbone, as AgentJet does',
  usage: '--conf <yaml> [--backbone debug|embedded|gpu]',
  about: [
    'debug runs the first debug.debug_first_n_tasks validation tasks, rollout.num_repeat times each, and trains nothing.',
    'embedded and gpu train, as "tuning-fork train" does.',
  ],
  options: {
    ...runOptions,
    backbone: { value: 'backbone', help: 'debug runs rollouts; the others train (default: backbone in the configuration)', choices: ['debug', 'embedded', 'gpu', 'trinity', 'verl'] },
  },
  run: async (args) => {
    const { config } = await loadConfig(args.text('conf')!, overridesOf(args));
    const backbone = args.text('backbone') ?? config.backbone;
    if (backbone === 'embedded' || backbone === 'gpu') return runTraining(args, args.text('conf')!);
    if (backbone !== 'debug') throw notHereYet(backbone);
    return runRollouts(args, {
      split: 'validation', tasks: { first: config.debug.debug_first_n_tasks }, repeats: config.rollout.num_repeat,
      concurrency: config.debug.debug_max_parallel, temperature: args.number('temperature') ?? config.rollout.temperature,
    });
  },
};

function notHereYet(backbone: string): TuningForkError {
  const what: Record<string, string> = {
    trinity: t('Training on Trinity-RFT (backbone "trinity") is not part of this version.'),
    verl: t('Training on verl (backbone "verl") is not part of this version.'),
  };
  return new TuningForkError('not-here-yet', what[backbone] ?? t('There is no backbone "{0}".', backbone), { next: t('Train the same file on this machine with --backbone embedded, or run it with --backbone debug.') });
}
