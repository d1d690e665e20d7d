/** The trainer protocol: HTTP on loopback with a bearer token. Every trainer (embedded, GPU) speaks it; DESIGN section 6. */
import type { Sampling } from './chat.ts';
import type { ErrorInfo } from './errors.ts';

export const TRAINER_PROTOCOL = 1;
/** Every request says which version it is of, in this header; another one is refused. */
export const PROTOCOL_HEADER = 'tuning-fork-protocol';

export interface TrainerAddress {
  url: string;
  token: string;
  /** For https: the certificate, as PEM, where no authority is known that vouches for it. */
  certificate?: string;
}

/**
 * Lines of JSON on the stdout of a trainer that is not forked by Node (`python -m tuning_fork_gpu serve`): what it does until it answers, then its
 * address, or why there will be none. Notices may come at any time. Its token lies in a file, and is never printed.
 */
export type ServeLine = { progress: string } | { notice: ErrorInfo } | { address: { url: string } } | { error: ErrorInfo };

/** Every answer with a status of 400 and more. */
export interface TrainerRefusal {
  error: ErrorInfo;
}

/** `GET /v1/info` */
export interface TrainerInfo {
  protocol: typeof TRAINER_PROTOCOL;
  model: string;
  /** On the trainer's machine: the folder with config.json, tokenizer.json and chat template. Named as a `checkpoint` it means the weights it began with. */
  directory: string;
  /** Version of the weights that sample now; 0 before the first step. */
  version: number;
  /** The newest version a checkpoint holds. */
  durableVersion: number;
  device: string;
  dtype: string;
  context: number;
  parameters: number;
  tokenizerSha256: string;
  /** `trees`: packs of trees; otherwise linear rows only. */
  capabilities: { trees: boolean; score: boolean; sample: boolean; checkpoints: boolean };
  /** For the cost model that chooses between trees and rows: which pairs of tokens attention skips, in paths and in trees. */
  shape: { layers: number; width: number; causalKernel: boolean; treeKernel?: boolean };
  /** Bytes resident. */
  memory: number;
  /** What is trained; absent: all parameters. */
  training?: { method: 'full' | 'lora'; parameters: number };
  /** The largest packs it can take at once, found by trying; absent: those of a laptop. */
  limits?: { tokens: number; pairs: number };
  /** What a person should know of how it trains, a sentence each. */
  notes?: string[];
}

/** `GET /v1/files/{name}`: what is needed to build prompts for the model, for who is on another machine. 404 where the model has none of this name. */
export const MODEL_FILES = ['config.json', 'generation_config.json', 'tokenizer.json', 'tokenizer_config.json', 'special_tokens_map.json', 'chat_template.jinja'] as const;
export type ModelFile = (typeof MODEL_FILES)[number];

/** `POST /v1/checkpoints/start/load`: the weights the process began with, a new optimizer, version 0. No checkpoint has this name. */
export const START_CHECKPOINT = 'start';

/** `POST /v1/sample`, answered by lines of `SampleLine`. Closing the connection cancels. */
export interface SampleBody {
  prompt: number[];
  sampling: Sampling;
  stopIds: number[];
  /** A 64-bit number in decimal. */
  key: string;
  top?: number;
  /** Sample from a stored checkpoint instead of the weights in training. */
  checkpoint?: string;
}

export type SampleLine =
  /** `version` and `cached` come with the first tokens: whoever stops reading in between knows them. */
  | { ids: number[]; logprobs: number[]; top?: { ids: number[]; logprobs: number[] }; version?: number; cached?: number }
  | { done: { finish: 'stop' | 'length'; version: number; cached: number } }
  | { error: ErrorInfo };

/**
 * `POST /v1/score` and `POST /v1/step` carry packs as one safetensors body: for pack p the tensors `p/id p/position p/parent p/end`
 * (I32, [rows, length]) and `p/node` (I32, over all rows), `p/sampled p/old p/ref` (F32, NaN: absent), `p/weight p/up p/down` (F64).
 * The header's `__metadata__` holds `request`: the JSON of one of these.
 *
 * An `old` that is absent is what the weights say that the step begins with.
 */
export interface ScoreRequest {
  temperature: number;
  checkpoint?: string;
}

/** One F32 tensor `p/logprob` and `p/entropy` per pack, aligned with its targets. */
export interface ScoreAnswer {
  version: number;
}

export interface StepRequest {
  stepId: string;
  /** The weights the packs were made with; another is a 409. */
  version: number;
  settings: StepSettings;
  /** Indices of packs of each optimizer update, in order: minibatches, and epochs by naming packs again. */
  updates: { packs: number[]; denominator: number }[];
}

export interface StepSettings {
  learningRate: number;
  betas: [number, number];
  eps: number;
  weightDecay: number;
  /** Largest norm of a gradient; 0: none. */
  gradClip: number;
  clipLow: number;
  clipHigh: number;
  /** Bounds the loss of targets with a negative advantage; 0: none. */
  dualClip: number;
  /** Cap of the truncated importance weight exp(old - sampled); 0: none. */
  importanceCap: number;
  klCoef: number;
  entropyCoef: number;
  temperature: number;
}

/** Lines of the answer to a step: signs of life, then the end. */
export type StepLine =
  | { heartbeat: number }
  | { done: StepAnswer }
  | { error: ErrorInfo };

export interface StepAnswer {
  stepId: string;
  version: number;
  metrics: StepMetrics;
  /** What a person should know: memory ran out and batches shrank, say. */
  notes?: string[];
}

/**
 * Losses are those of an update, mean over the updates; other means are over the targets of all updates. Updates that were skipped
 * count in `updates` and `skipped` only; where none is left, means are NaN (null on the wire).
 */
export interface StepMetrics {
  loss: number;
  policyLoss: number;
  kl: number;
  entropy: number;
  /** Share of targets whose ratio was clipped below, above, and by the dual clip. */
  clipLow: number;
  clipHigh: number;
  clipDual: number;
  ratioMean: number;
  ratioMax: number;
  /** Mean |old - sampled|: how far sampler and trainer disagree. */
  samplerGap: number;
  importanceMean: number;
  /** Largest over the updates, before clipping. */
  gradNorm: number;
  updates: number;
  /** Updates that changed nothing because the gradient was not finite. */
  skipped: number;
  targets: number;
  nodes: number;
  milliseconds: number;
}

/** `POST /v1/checkpoints`, `GET /v1/checkpoints`, `POST /v1/checkpoints/{name}/load` */
export interface CheckpointBody {
  name: string;
  /** Folder to write, usable at once as a model. Relative: below the folder that a trainer on another machine keeps its checkpoints in. */
  directory: string;
  /** Without it only weights are kept: enough to use, not to resume. */
  optimizer: boolean;
}

/** Of `.../load`. */
export interface LoadBody {
  /** For a checkpoint this process has not written itself. Relative as in `CheckpointBody`. */
  directory?: string;
}

/** Of `GET /v1/checkpoints/{name}/files`: what one needs to use it as a model. `GET /v1/checkpoints/{name}/files/{path}` has the bytes. */
export interface CheckpointFile {
  /** With `/`, within the checkpoint. */
  path: string;
  bytes: number;
}

export interface Checkpoint {
  name: string;
  directory: string;
  version: number;
  optimizer: boolean;
}
