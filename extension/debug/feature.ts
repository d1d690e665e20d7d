/** The debugger: what VS Code has to know of it from the start. Everything else is loaded when something is debugged. */
import * as vscode from 'vscode';
import { DEBUG_TYPE } from '../../runtime/protocol/debug.ts';
import { command } from '../commands/table.ts';
import { showError } from '../errors.ts';
import type { Studio } from '../studio.ts';
import { dynamicConfigurations, rolloutConfigurations } from './configurations.ts';
import { followActiveWorkflow } from './active-workflow.ts';
import { Held } from './held.ts';

export function registerDebug(studio: Studio): void {
  const { subscriptions } = studio.context;
  const held = new Held();
  subscriptions.push(
    held,
    vscode.debug.registerDebugAdapterDescriptorFactory(DEBUG_TYPE, {
      createDebugAdapterDescriptor: async () => (await import('./adapter-in-window.ts')).adapterInWindow(studio),
    }),
    vscode.debug.registerDebugConfigurationProvider(DEBUG_TYPE, rolloutConfigurations(studio)),
    vscode.debug.registerDebugConfigurationProvider(DEBUG_TYPE, dynamicConfigurations(studio), vscode.DebugConfigurationProviderTriggerKind.Dynamic),
    vscode.debug.onDidReceiveDebugSessionCustomEvent(async (event) => {
      if (event.session.type !== DEBUG_TYPE) return;
      held.receive(event);
      try {
        if (event.event === 'tuningFork/inspector') await (await import('./attach.ts')).attachToWorker(studio, event.session, event.body);
        if (event.event === 'tuningFork/forked') await (await import('./fork.ts')).tellForked(event.body);
      } catch (error) {
        await showError(studio, error);
      }
    }),
    followActiveWorkflow(studio),
  );
  command(studio, 'tuningFork.debugRollouts', async (target) => (await import('./start.ts')).debugRollouts(studio, target));
  command(studio, 'tuningFork.debugRollout', async (rollout) => (await import('./start.ts')).walkThrough(studio, rollout));
  command(studio, 'tuningFork.forkRollout', async (...clicked: unknown[]) => (await import('./fork.ts')).forkRollout(studio, held, clicked));
  command(studio, 'tuningFork.openInViewer', async (...clicked: unknown[]) => (await import('./open-in-viewer.ts')).openInViewer(held, clicked));
  command(studio, 'tuningFork.addStop', async () => (await import('./add-stop.ts')).addStop(studio, held.session));
  command(studio, 'tuningFork.editMessages', async () => (await import('./messages-document.ts')).editMessages(studio, held));
  command(studio, 'tuningFork.continueEdited', async () => (await import('./messages-document.ts')).continueEdited(false));
  command(studio, 'tuningFork.continueEditedKept', async () => (await import('./messages-document.ts')).continueEdited(true));
  command(studio, 'tuningFork.editSampling', async () => (await import('./decide.ts')).editSampling(held));
  command(studio, 'tuningFork.forceAnswer', async () => (await import('./decide.ts')).forceAnswer(held));
  command(studio, 'tuningFork.stepIntoCode', async () => (await import('./decide.ts')).stepIntoCode(held));
  command(studio, 'tuningFork.showPrompt', async () => (await import('./prompt-document.ts')).showPrompt(studio, held));
}
