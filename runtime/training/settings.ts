/** From the configuration to the numbers of a step. The defaults that depend on the model stand in one table here. */
import type { Sampling } from '../protocol/chat.ts';
import type { TuningForkConfig } from '../protocol/config.ts';
import { TuningForkError, type Place } from '../protocol/errors.ts';
import type { StepSettings, TrainerInfo } from '../protocol/trainer.ts';
import { decoderCost } from '../tracker/index.ts';
import type { BatchOptions } from './batch.ts';
import { LAPTOP_LIMITS } from './packs.ts';

/**
 * What fits a model where the configuration says nothing, by its parameters. A model of a million learns at 3e-4 and loses its entropy in
 * some twenty steps at 1e-3 or without an entropy term (tried on FrozenLake); large ones are kept at what is usual for them.
 */
export const OWN_SETTINGS = [
  { parameters: 10_000_000, learningRate: 3e-4, entropyCoef: 0.01 },
  { parameters: 200_000_000, learningRate: 3e-5, entropyCoef: 0 },
  { parameters: Infinity, learningRate: 1e-6, entropyCoef: 0 },
] as const;

/** Of exp(trainer - sampler): a token the sampler found far less likely than the trainer must not outweigh all others. */
const IMPORTANCE_CAP = 2;
/** Adapters take about ten times the rate of the weights they stand in for. */
const ADAPTER_RATE = 10;
const ADAM_EPSILON = 1e-8;
/** Sequences may be as long as the model's context, and trees this long where that is shorter. */
const LONGEST_TREE = 2048;

function ownSettings(parameters: number): (typeof OWN_SETTINGS)[number] {
  return OWN_SETTINGS.find((row) => parameters <= row.parameters)!;
}

/** What decides how fast a model may learn. */
export type Learner = Pick<TrainerInfo, 'parameters' | 'training'>;

/** `step` counts from 1, up to `total`. */
export function stepSettings({ rollout, trainer_common: trainer }: TuningForkConfig, { parameters, training }: Learner, step: number, total: number): StepSettings {
  const own = ownSettings(parameters);
  const ownRate = own.learningRate * (training?.method === 'lora' ? ADAPTER_RATE : 1);
  const { optim } = trainer;
  return {
    learningRate: (optim.lr ?? ownRate) * shareOfRate(optim, step, total),
    betas: optim.betas,
    eps: ADAM_EPSILON,
    weightDecay: optim.weight_decay,
    gradClip: optim.grad_clip,
    clipLow: trainer.clip_ratio_low,
    clipHigh: trainer.clip_ratio_high,
    dualClip: trainer.clip_ratio_c,
    importanceCap: trainer.tis_imp_ratio_cap ?? IMPORTANCE_CAP,
    klCoef: trainer.use_kl_loss ? trainer.kl_loss_coef : 0,
    entropyCoef: trainer.entropy_coeff ?? own.entropyCoef,
    temperature: rollout.temperature,
  };
}

/** It rises from the first step, which already learns, and falls to the last, which still does. */
function shareOfRate({ lr_warmup_steps: warmup, lr_scheduler_type: type, min_lr_ratio: least }: TuningForkConfig['trainer_common']['optim'], step: number, total: number): number {
  const rise = Math.max(0, warmup);
  if (step <= rise) return step / rise;
  if (type === 'constant') return 1;
  const gone = (step - 1 - rise) / (total - rise);
  return least + (1 - least) * 0.5 * (1 + Math.cos(Math.PI * gone));
}

export function batchOptions({ data, rollout, trainer_common: trainer }: TuningForkConfig, info: TrainerInfo): Omit<BatchOptions, 'version'> {
  const estimator = trainer.algorithm.adv_estimator;
  return {
    estimator,
    aggregation: estimator === 'dr_grpo' && trainer.loss_agg_mode === 'rollout-mean' ? 'rollout-constant' : trainer.loss_agg_mode,
    constantLength: data.max_response_length ?? rollout.max_response_length_in_one_turn,
    minibatches: trainer.mini_batch_num,
    epochs: trainer.ppo_epochs,
    maxPrompt: data.max_prompt_length,
    maxResponse: data.max_response_length,
    engine: decoderCost({ parameters: info.parameters, ...info.shape }),
    maxTokens: info.context,
    maxTree: Math.max(info.context, LONGEST_TREE),
    trees: info.capabilities.trees,
    limits: info.limits ?? LAPTOP_LIMITS,
  };
}

/** Validation is sampled as its own settings say; where those are greedy, as in training, since greedy rollouts are measured anyway. */
export function evaluationSampling({ rollout }: TuningForkConfig): Sampling {
  const { val_kwargs: own } = rollout;
  const greedy = own.temperature === 0 || own.do_sample === false;
  const { temperature, top_p: topP, top_k: topK } = greedy ? rollout : own;
  return { temperature, topP, topK: Math.max(0, topK), maxTokens: rollout.max_response_length_in_one_turn };
}

/** What would make every step useless is told before anything runs. `place`: where a key stands. */
export function checkTrainable({ rollout, trainer_common: trainer }: TuningForkConfig, place: (key: string) => Place): void {
  const refuse = (key: string, message: string, next: string): never => {
    throw new TuningForkError('config', message, { next, where: place(key) });
  };
  if (rollout.temperature === 0) refuse('rollout.temperature', 'Greedy rollouts of a task are all alike, so there is nothing to compare.', 'Set rollout.temperature to 1 for training.');
  if (rollout.top_p !== 1 || rollout.top_k > 0) {
    refuse(rollout.top_p !== 1 ? 'rollout.top_p' : 'rollout.top_k', 'A trainer cannot reproduce probabilities that top_p or top_k cut off.', 'Leave rollout.top_p at 1 and rollout.top_k at -1; rollout.val_kwargs may have its own.');
  }
  if (rollout.num_repeat === 1 && trainer.algorithm.adv_estimator !== 'reinforce_plus_plus') {
    refuse('rollout.num_repeat', 'One rollout of a task has no other to be compared with.', 'Set rollout.num_repeat to 4 or more, or algorithm.adv_estimator to reinforce_plus_plus.');
  }
}
