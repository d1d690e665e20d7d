/** Training by reinforcement learning, free of processes: who collects rollouts and who owns the weights is given to `train`. */
export { train } from './loop.ts';
export type { CollectBatch, TrainingEnd, TrainOptions } from './options.ts';
export { TrainingControl } from './control.ts';
export type { PlannedRollout } from './schedule.ts';
export type { Trainer } from './trainer.ts';
export { fingerprintOf, type Fingerprint } from './fingerprint.ts';
export { checkpointNamed, CHECKPOINTS, readTrainingState, STATE_FILE, type TrainingState } from './state.ts';
export { planEvaluation, totalSteps, validationTasks } from './schedule.ts';
export { evaluationOf, type Evaluation } from './evaluate.ts';
export { evaluationSampling, OWN_SETTINGS, stepSettings } from './settings.ts';
export { estimateTraining, measurementOf, timeLeft, validationsOf, type Measurement } from './estimate.ts';
