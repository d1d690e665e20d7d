import { loadConfig } from '../../config/load.ts';
import { TuningForkError } from '../../protocol/errors.ts';
import type { Command } from '../args.ts';
import { t } from '../l10n.ts';
import { runOptions, runRollouts } from './rollout.ts';

/** `tuning-fork --conf <yaml> --backbone debug`: the call as AgentJet has it. */
export const launch: Command = {
  name: '',
  summary: 'Start a configuration on a backbone, as AgentJet does',
  usage: '--conf <yaml> [--backbone debug]',
  about: ['debug runs the first debug.debug_first_n_tasks validation tasks, rollout.num_repeat times each, and trains nothing.'],
  options: {
    ...runOptions,
    backbone: { value: 'backbone', help: 'debug runs rollouts; the others train (default: backbone in the configuration)', choices: ['debug', 'embedded', 'gpu', 'trinity', 'verl'] },
  },
  run: async (args) => {
    const { config } = await loadConfig(args.text('conf')!);
    const backbone = args.text('backbone') ?? config.backbone;
    if (backbone !== 'debug') throw notHereYet(backbone);
    return runRollouts(args, {
      split: 'validation', tasks: { first: config.debug.debug_first_n_tasks }, repeats: config.rollout.num_repeat,
      concurrency: config.debug.debug_max_parallel, temperature: args.number('temperature') ?? config.rollout.temperature,
    });
  },
};

function notHereYet(backbone: string): TuningForkError {
  const what: Record<string, string> = {
    embedded: t('Training on this machine (backbone "embedded") is not part of this version.'),
    gpu: t('The GPU runtime (backbone "gpu") is not part of this version.'),
    trinity: t('Training on Trinity-RFT (backbone "trinity") is not part of this version.'),
    verl: t('Training on verl (backbone "verl") is not part of this version.'),
  };
  return new TuningForkError('not-here-yet', what[backbone] ?? t('There is no backbone "{0}".', backbone), { next: t('Run the same file with --backbone debug: rollouts on real weights, every token kept.') });
}
