/** What every feature is given. Made once, in `activate`. */
import type * as vscode from 'vscode';
import type { Backbones } from './backbone/backbones.ts';
import type { Discovery } from './discovery/discovery.ts';
import type { Sources } from './language/sources.ts';
import type { Secrets } from './backbone/secrets.ts';

export interface Studio {
  context: vscode.ExtensionContext;
  log: vscode.LogOutputChannel;
  /** API keys, and the environment that runs are given. */
  secrets: Secrets;
  /** The way to the processes that run things. */
  backbones: Backbones;
  /** Workflows and configurations of the workspace. */
  discovery: Discovery;
  /** Reads TypeScript. */
  sources: Sources;
}
