import type { ErrorInfo } from '../../protocol/errors.ts';
import type { EngineCall, EngineNews, EngineOptions } from './engine.ts';
import type { Layout } from './graph.ts';
import type { ModelFiles } from './model-files.ts';

/** What the thread of a policy is started with. */
export interface ThreadData {
  files: ModelFiles;
  threads: number;
  options: EngineOptions;
}

export type ToThread =
  | { type: 'call'; call: EngineCall }
  | { type: 'cancel'; call: number }
  | { type: 'swap'; files: ModelFiles; version: number; waitMs: number }
  | { type: 'close' };

export type FromThread =
  | { type: 'ready'; layout: Layout }
  | { type: 'news'; news: EngineNews }
  | { type: 'swapped'; version: number; error?: ErrorInfo }
  | { type: 'closed' }
  | { type: 'broken'; error: ErrorInfo };
