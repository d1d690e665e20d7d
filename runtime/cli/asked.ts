/** What a command line says in place of the configuration. */
import { plainScalar } from '../config/environment.ts';
import type { Overrides } from '../config/load.ts';
import type { StartRun } from '../protocol/backbone.ts';
import { TuningForkError } from '../protocol/errors.ts';
import type { Json } from '../protocol/json.ts';
import { wholeNumber, type Args, type Options } from './args.ts';
import { t } from './l10n.ts';

/** What `rollout`, `train`, `check`, `eval` and `--backbone …` have in common. */
export const runOptions: Options = {
  conf: { value: 'yaml', short: 'c', help: 'The configuration (default: tuning-fork.yaml, where it is)', required: true },
  model: { value: 'path|provider:model', short: 'm', help: 'Another model than the one in the configuration, e.g. embedded, ./weights or ollama:qwen3' },
  train: { value: 'roles', help: 'Roles to train, comma separated, instead of the ones the workflow names', many: true },
  temperature: { value: 't', help: 'Sampling temperature; 0 is greedy', number: { integer: false, least: 0 } },
  seed: { value: 'n', help: 'Seed; the same one gives the same rollouts', number: wholeNumber(0) },
  workflow: { value: 'file->name', help: 'Another workflow than the one in the configuration: "file.ts->Class", or ->function; in quotes' },
  judge: { value: 'file->name', help: 'Another judge: "file.ts->Class", or "builtin->math_answer"' },
  set: { value: 'key=value', help: 'A value for a key of the configuration, e.g. rollout.num_repeat=8; may be given more than once', many: true },
};

/** Only what was said. */
export function asked(args: Args): Pick<StartRun, 'model' | 'train' | 'seed' | 'workflow' | 'judge' | 'set'> {
  const all = {
    model: args.text('model'), train: args.list('train'), seed: args.number('seed'), workflow: args.text('workflow'), judge: args.text('judge'),
    set: args.each('set').length > 0 ? setOf(args) : undefined,
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}

/** The same where the configuration is read here. */
export function overridesOf(args: Args): Overrides {
  return { ...setOf(args), trainable_targets: args.list('train'), 'rollout.user_workflow': args.text('workflow'), 'task_judge.judge_protocol': args.text('judge') };
}

function setOf(args: Args): Record<string, Json> {
  return Object.fromEntries(args.each('set').map((word) => {
    const [, key, value] = /^([\w.]+)=(.*)$/s.exec(word) ?? [];
    if (key === undefined) throw new TuningForkError('usage', t('--set takes key=value, not "{0}".', word), { next: t('For example: {0}', '--set rollout.num_repeat=8') });
    return [key, valueOf(value!)];
  }));
}

function valueOf(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return plainScalar(text);
  }
}
