import type { Command } from '../args.ts';
import { startAndFollow } from '../follow.ts';
import { JsonView } from '../json-view.ts';
import { exitCode, runOptions, tellSummary } from './rollout.ts';

export const train: Command = {
  name: 'train',
  summary: 'Train the model behind a workflow, on this machine',
  usage: '--conf <yaml> [options]',
  options: {
    ...runOptions,
  },
  run: async (args) => {
    const view = new JsonView();
    const followed = await startAndFollow(args, { kind: 'training', conf: args.text('conf')!, model: args.text('model'), train: args.list('train'), seed: args.number('seed') }, view);
    tellSummary(followed);
    return exitCode(followed);
  },
};
