/** Every command with what it is called with: from a palette with nothing, from a view or a CodeLens with what was clicked. */
import * as vscode from 'vscode';
import type { ExportChoice } from '../../runtime/protocol/viewer.ts';
import { showError } from '../errors.ts';
import type { Studio } from '../studio.ts';
import type { MoreNode } from '../views/runs/nodes.ts';

/** What a run is started for; whatever is absent is asked or guessed. */
export interface RunTarget {
  /** The YAML. */
  conf?: string;
  workflow?: { file: string; className: string };
  /** Task ids; absent: asked for, or the configuration's first ones. */
  tasks?: string[];
  repeats?: number;
  model?: string;
  /** Of `debugRollouts`: as Ctrl+F5 does. */
  noDebug?: boolean;
}

export interface RunPlace {
  project: string;
  run: string;
  dir: string;
}

export interface RolloutPlace {
  dir: string;
  rollout: string;
  /** A call of it, and a token of that call's answer. */
  call?: number;
  token?: number;
}

export interface Commands {
  // scaffold
  'tuningFork.newWorkflow': [];
  'tuningFork.createConfig': [workflow?: RunTarget['workflow']];
  'tuningFork.openExample': [name?: string];
  /** For the project of a file. */
  'tuningFork.addPackage': [file?: string];
  // run
  'tuningFork.runRollouts': [target?: RunTarget];
  'tuningFork.debugRollouts': [target?: RunTarget];
  'tuningFork.cancelRun': [run?: RunPlace];
  'tuningFork.deleteRun': [run?: RunPlace, selected?: readonly RunPlace[]];
  /** From the viewer with what was chosen there, from a view with what is selected. */
  'tuningFork.exportRun': [run?: RunPlace, choice?: ExportChoice | readonly RunPlace[]];
  'tuningFork.revealRun': [run?: RunPlace];
  'tuningFork.rejudgeRun': [run?: RunPlace];
  /** Which run's values stand beside the code of the active editor, or of this file. */
  'tuningFork.chooseInlineRun': [file?: string];
  'tuningFork.clearInlineValues': [file?: string];
  'tuningFork.openRollout': [rollout?: RolloutPlace];
  'tuningFork.openRolloutText': [rollout?: RolloutPlace];
  /** Without a place: back to the viewer that was looked at last. `beside`: the code, which whoever debugs wants to see too. */
  'tuningFork.openViewer': [place?: RolloutPlace | RunPlace, beside?: unknown];
  'tuningFork.saveRolloutAsTest': [rollout?: RolloutPlace];
  'tuningFork.refreshRuns': [];
  'tuningFork.filterRuns': [text?: string];
  'tuningFork.failedOnly': [];
  'tuningFork.clearRunsFilter': [];
  'tuningFork.copyId': [place?: RunPlace | RolloutPlace];
  'tuningFork.deleteSelectedRuns': [];
  /** Selects a run in the view. `quietly`: only where the view is open already, or nobody has seen it yet. */
  'tuningFork.showRun': [dir: string, quietly?: boolean];
  'tuningFork.showMoreRuns': [more: MoreNode];
  // debug
  'tuningFork.debugRollout': [rollout?: RolloutPlace];
  'tuningFork.forkRollout': [rollout?: RolloutPlace];
  /** What is pointed at in the debug view. */
  'tuningFork.openInViewer': [];
  'tuningFork.addStop': [];
  'tuningFork.editMessages': [];
  'tuningFork.continueEdited': [];
  'tuningFork.continueEditedKept': [];
  'tuningFork.editSampling': [];
  'tuningFork.forceAnswer': [];
  'tuningFork.stepIntoCode': [];
  'tuningFork.showPrompt': [];
  // train
  'tuningFork.startTraining': [target?: RunTarget];
  'tuningFork.setUpGpu': [];
  'tuningFork.pauseTraining': [run?: RunPlace];
  'tuningFork.resumeTraining': [run?: RunPlace];
  'tuningFork.stopTraining': [run?: RunPlace];
  'tuningFork.continueTraining': [run?: RunPlace];
  'tuningFork.saveCheckpoint': [run?: RunPlace];
  /** A folder of weights, or the training that kept some. */
  'tuningFork.useCheckpoint': [checkpoint?: string | RunPlace];
  'tuningFork.serveCheckpoint': [checkpoint?: string | RunPlace];
  'tuningFork.showReport': [run?: RunPlace];
  'tuningFork.showTrainings': [];
  /** `quietly`: beside the code, which keeps the cursor. From a view, what is selected stands there instead. */
  'tuningFork.openDashboard': [run?: RunPlace, quietly?: unknown];
  // help
  'tuningFork.doctor': [];
  'tuningFork.copyDoctorReport': [];
  'tuningFork.setApiKey': [name?: string];
  'tuningFork.removeApiKey': [name?: string];
  'tuningFork.openWalkthrough': [];
  'tuningFork.showLog': [];
}

/** A failure is shown with its next step; nothing is thrown at the user. */
export function command<K extends keyof Commands>(studio: Studio, name: K, run: (...args: Commands[K]) => unknown): void {
  studio.context.subscriptions.push(vscode.commands.registerCommand(name, async (...args: Commands[K]) => {
    try {
      return await run(...args);
    } catch (error) {
      await showError(studio, error);
      return undefined;
    }
  }));
}

export function execute<K extends keyof Commands>(name: K, ...args: Commands[K]): Thenable<unknown> {
  return vscode.commands.executeCommand(name, ...args);
}

/** For CodeLenses, tree items and links. */
export function commandOf<K extends keyof Commands>(name: K, title: string, ...args: Commands[K]): vscode.Command {
  return { command: name, title, arguments: args };
}
