/**
 * The training dashboard's contract: what its page asks of its host (VS Code, or `tuning-fork view` in a browser) and what it is told.
 * Figures come as typed arrays by range; NaN: there was nothing to measure it on. A training is named by the folder of its run.
 */
import type { RunProgress } from './backbone.ts';
import type { ErrorInfo } from './errors.ts';
import type { EvaluationRow, KeptCheckpoint, TrainingPhase, TrainingReport } from './training.ts';

export const DASHBOARD_PROTOCOL = 1;

/** What of a row of metrics.jsonl there is to plot: its own numbers, and those of its `time`. */
export const STEP_FIGURES = [
  'rewardMean', 'rewardStd', 'rewardMin', 'rewardMax', 'success', 'loss', 'policyLoss', 'kl', 'entropy', 'clipLow', 'clipHigh', 'clipDual', 'ratioMean', 'ratioMax', 'samplerGap', 'importanceMean',
  'gradNorm', 'learningRate', 'groups', 'groupsWithSpread', 'rollouts', 'failed', 'lost', 'callsPerRollout', 'sampledPerRollout', 'truncated', 'malformed', 'sampledTokens', 'trainedTokens', 'saved', 'staleness',
] as const;
export const TIME_FIGURES = ['collect', 'prepare', 'score', 'learn', 'total', 'sampledPerSecond', 'samplerIdle', 'trainerIdle'] as const;
export type StepFigure = (typeof STEP_FIGURES)[number] | (typeof TIME_FIGURES)[number];

/** What the host can do beyond showing. `control`: it reaches the backbones. */
export type DashboardCapability = 'control' | 'rollout' | 'code';

export type DashboardState = 'running' | 'paused' | 'finished' | 'failed' | 'cancelled' | 'interrupted';

export interface ListedTraining {
  dir: string;
  run: string;
  workflow: string;
  policy: string;
  experiment: string;
  /** ISO time. */
  created: string;
  state: DashboardState;
  /** Steps that count, and steps planned; null: not known yet. */
  step: number;
  steps: number | null;
}

export interface DashboardView {
  protocol: typeof DASHBOARD_PROTOCOL;
  project: string;
  /** Newest first. */
  trainings: ListedTraining[];
  /** Where to begin. */
  focus: string | null;
  capabilities: DashboardCapability[];
  language: string;
}

/** Rows from `from` on, one array a figure that was asked for, in that order. */
export interface StepColumns {
  dir: string;
  from: number;
  count: number;
  /** Counts how often its rows were taken back: rows of another number are void. */
  anew: number;
  step: Int32Array;
  figures: Float32Array[];
}

export interface ProcessSeen {
  name: 'backbone' | 'worker' | 'trainer';
  pid: number;
  up: boolean;
  /** Bytes; null: this system does not tell, or it is gone. */
  memory: number | null;
  /** Cores' worth of time since it was last looked at; null: not looked at twice yet. */
  busy: number | null;
}

export interface TrainingDetail extends ListedTraining {
  conf: string;
  /** As YAML, secrets left out. */
  config: string;
  finished: string | null;
  error: ErrorInfo | null;
  evaluations: EvaluationRow[];
  checkpoints: KeptCheckpoint[];
  notices: ErrorInfo[];
  processes: ProcessSeen[];
  /** Where a connection to its backbone exists. */
  live: TrainingLive | null;
  /** Milliseconds to go, going by the newest steps. */
  left: number | null;
  report: boolean;
}

/** What a connection tells beyond the files. */
export interface TrainingLive {
  state: DashboardState;
  phase: TrainingPhase | null;
  progress: RunProgress | null;
  notices: ErrorInfo[];
}

/** How many training rollouts of each step got which reward. */
export interface RewardHeat {
  dir: string;
  /** First step of each column; a column holds `span` steps. */
  step: Int32Array;
  span: number;
  bins: number;
  low: number;
  high: number;
  /** By column, then bin from the lowest. */
  counts: Uint32Array;
}

export interface SeenRollout {
  id: string;
  task: string;
  step: number;
  reward: number | null;
  /** Milliseconds. */
  duration: number;
  sampled: number;
  status: 'finished' | 'failed' | 'cancelled';
  flags: string[];
}

export interface NotableRollouts {
  dir: string;
  from: number;
  to: number;
  /** How many there are in this range of steps and rewards. */
  count: number;
  worst: SeenRollout[];
  slowest: SeenRollout[];
}

export type DashboardAction =
  | { do: 'rollout'; dir: string; rollout: string }
  | { do: 'pause' | 'resume' | 'stop' | 'checkpoint' | 'continue'; dir: string }
  | { do: 'config'; dir: string }
  | { do: 'useCheckpoint'; dir: string };

/** name -> [parameters, answer] */
export interface DashboardRequests {
  open: [null, DashboardView];
  /** From this row on. */
  series: [{ dir: string; figures: StepFigure[]; from: number }, StepColumns];
  detail: [{ dir: string }, TrainingDetail];
  heat: [{ dir: string; columns: number; bins: number }, RewardHeat];
  /** Of these steps; `low` and `high`: with a reward between them. */
  notable: [{ dir: string; from: number; to: number; low?: number; high?: number }, NotableRollouts];
  report: [{ dir: string }, TrainingReport | null];
  act: [DashboardAction, null];
}

/** What a host tells by itself. */
export type DashboardEvent =
  | { type: 'listed'; trainings: ListedTraining[] }
  /** Of a training whose series was asked for. */
  | { type: 'grown'; dir: string; count: number; anew: number }
  | { type: 'focus'; dir: string };
