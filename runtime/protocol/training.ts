/** What a training tells: rows of metrics.jsonl, events, and the report at its end. Names here are what files and views use: they stay. */
import type { ErrorInfo } from './errors.ts';
import type { UntrainedReason } from './trace.ts';

/** One line of metrics.jsonl for each step. `null`: there was nothing to measure it on. Everything but `time` depends on seed and data alone. */
export interface StepRow {
  kind: 'step';
  /** Counts from 1. */
  step: number;
  epoch: number;
  /** Of the weights after this step. */
  version: number;
  /** false: no group had anything to teach, so the weights stayed as they are. */
  stepped: boolean;

  tasks: number;
  rollouts: number;
  /** Rollouts that ended through no fault of the agent: they left their group. */
  lost: number;
  /** Rollouts that the agent's own code or answers ended: they count with the reward of a failure. */
  failed: number;
  rewardMean: number | null;
  rewardStd: number | null;
  rewardMin: number | null;
  rewardMax: number | null;
  /** Share of the rollouts that were told to be right or wrong. */
  success: number | null;
  callsPerRollout: number;
  /** Tokens sampled for a rollout, in all its calls to trained roles. */
  sampledPerRollout: number;
  /** Share of the calls to trained roles that were cut off, and whose tool call could not be read. */
  truncated: number;
  malformed: number;

  groups: number;
  groupsWithSpread: number;
  /** Dropped: all their rewards are equal. Groups of one are told apart. */
  groupsWithoutSpread: number;
  groupsOfOne: number;

  sampledTokens: number;
  trainedTokens: number;
  /** By how many versions the weights that sampled a trained token are behind those that learn from it, in the mean; absent while rollouts and steps take turns. */
  staleness?: number;
  /** Sampled tokens of trained roles that were not trained, by reason. */
  untrained: Partial<Record<UntrainedReason, number>>;
  targets: number;
  /** One row for each trained call, its whole prompt in it: what training costs without sharing. */
  naiveTokens: number;
  /** What is left of that once calls share what they have in common. */
  sharedTokens: number;
  /** With the padding of the packs: what the trainer computes. */
  computedTokens: number;
  /** 1 - sharedTokens / naiveTokens. */
  saved: number | null;

  packs: number;
  updates: number;
  /** Updates that changed nothing, because their gradient was not finite. */
  skipped: number | null;
  learningRate: number;
  loss: number | null;
  policyLoss: number | null;
  /** From the weights the training began with; null while nothing keeps it near them. */
  kl: number | null;
  entropy: number | null;
  clipLow: number | null;
  clipHigh: number | null;
  clipDual: number | null;
  ratioMean: number | null;
  ratioMax: number | null;
  /** Mean |trainer's logprob - sampler's|. */
  samplerGap: number | null;
  importanceMean: number | null;
  gradNorm: number | null;

  time: StepTime;
}

/** Milliseconds where nothing else is said. */
export interface StepTime {
  /** When the step was done, in milliseconds since 1970. */
  at: number;
  /** Until the rollouts were there: those that ran ahead were sooner. */
  collect: number;
  /** Advantages, trees, packs, and their bytes. */
  prepare: number;
  /** Scores of the reference. */
  score: number;
  learn: number;
  total: number;
  sampledPerSecond: number;
  /** Shares of the step in which no rollout was under way, and in which the trainer had nothing to do. Absent in older rows. */
  samplerIdle?: number;
  trainerIdle?: number;
}

/** One line of metrics.jsonl for each validation. */
export interface EvaluationRow {
  kind: 'evaluation';
  /** Steps trained so far; 0: the weights the training began with. */
  step: number;
  tasks: number;
  greedy: EvaluationFigures;
  sampled: EvaluationFigures;
  /** The highest so far of all validations of trained weights, by the mean reward of sampled rollouts. */
  best: boolean;
  time: { at: number; total: number };
}

export interface EvaluationFigures {
  rollouts: number;
  /** Left out: they ended through no fault of the agent. */
  lost: number;
  /** A rollout that the agent ended counts with the reward of a failure. */
  failed: number;
  reward: Estimate | null;
  success: Estimate | null;
  /** Unbiased, by k. */
  passAt: Record<string, number>;
  sampledPerRollout: number;
  truncated: number;
}

/** A mean and its 95 % interval. */
export interface Estimate {
  mean: number;
  low: number;
  high: number;
}

export type MetricsRow = StepRow | EvaluationRow;

export interface TrainingPlan {
  steps: number;
  stepsPerEpoch: number;
  tasksPerStep: number;
  repeats: number;
  trainingTasks: number;
  /** Of one validation. */
  validationTasks: number;
  validationRollouts: number;
  /** 0, or the step this training goes on from. */
  from: number;
  learningRate: number;
  entropyCoef: number;
  klCoef: number;
}

export type TrainingPhase = 'collect' | 'score' | 'learn' | 'evaluate' | 'save' | 'recover' | 'report';

export type TrainingEvent =
  | { type: 'training'; plan: TrainingPlan }
  | { type: 'phase'; step: number; phase: TrainingPhase }
  | { type: 'step'; row: StepRow }
  | { type: 'evaluation'; row: EvaluationRow }
  | { type: 'checkpoint'; checkpoint: KeptCheckpoint }
  | { type: 'notice'; level: 'info' | 'warning' | 'error'; notice: ErrorInfo };

export interface KeptCheckpoint {
  name: string;
  /** Usable as a model: `--model <directory>`. */
  directory: string;
  step: number;
  version: number;
  best: boolean;
  /** Somebody asked for it, so it is kept. */
  asked?: true;
}

/** What others than the training itself read of its training.json. */
export interface KeptTraining {
  v: 1;
  /** Acknowledged by the trainer. */
  step: number;
  /** Planned; absent until it has begun. */
  steps?: number;
  /** Oldest first. Directories are relative to the run. */
  checkpoints: KeptCheckpoint[];
  finished: boolean;
}

/** report.json; report.html says the same to a person. */
export interface TrainingReport {
  v: 1;
  run: string;
  workflow: string;
  /** The weights the training began with. */
  model: string;
  steps: number;
  /** null: it was stopped, or evaluated at one end only. */
  before: EvaluationRow | null;
  after: EvaluationRow | null;
  /** Mean over tasks of after - before; null where one of them is missing. */
  gain: { greedy: Estimate | null; sampled: Estimate | null };
  /** Tasks whose greedy rollout was wrong and became right, and the other way round. */
  gained: ReportTask[];
  spoiled: ReportTask[];
  curve: { step: number; reward: number | null; entropy: number | null; greedy?: number; sampled?: number }[];
  pairs: { task: ReportTask; before: Transcript; after: Transcript }[];
  /** Folders within the run's. */
  checkpoints: { best: string | null; last: string | null };
  notices: ErrorInfo[];
  /** Milliseconds. */
  duration: number;
}

export interface ReportTask {
  taskId: string;
  taskIndex: number;
  before: number | null;
  after: number | null;
}

export interface Transcript {
  rollout: string;
  reward: number | null;
  success: boolean | null;
  messages: { role: string; text: string }[];
}

/** What a training will take, told before it begins. */
export interface TrainingEstimate {
  steps: number;
  rollouts: { training: number; validation: number };
  /** null: not measured. */
  sampledTokens: number | null;
  minutes: number | null;
  /** Bytes, at the peak. */
  trainerMemory: number;
  /** Bytes. Without a measurement that of the checkpoints and of short rollouts: long ones take more. */
  disk: number;
  /** What of that are checkpoints: how many, and their bytes together. */
  checkpoints: { count: number; bytes: number };
}
