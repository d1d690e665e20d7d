/** Which roles a training trains: asked only where there is a choice, and remembered for each configuration. */
import * as vscode from 'vscode';
import type { FoundWorkflow } from '../discovery/discovery.ts';
import type { ResolvedTarget } from '../runs/target.ts';
import type { Studio } from '../studio.ts';

const CHOSEN = 'tuningFork.training.roles';

/** `roles` undefined: what configuration and workflow say. Undefined: nobody wanted to choose. */
export async function chooseRoles(studio: Studio, { conf, workflow }: ResolvedTarget, configured: readonly string[] | undefined): Promise<{ roles: string[] | undefined } | undefined> {
  const found = studio.discovery.workflows.find(({ file, className }) => file === workflow?.file && className === workflow.className);
  const known = rolesOf(found);
  if (known.length < 2) return { roles: undefined };
  const { workspaceState } = studio.context;
  const remembered = workspaceState.get<Record<string, string[]>>(CHOSEN, {});
  const before = (remembered[conf] ?? configured ?? found?.trainableTargets ?? known).filter((role) => known.includes(role));
  const chosen = await pickRoles(found!.className, known, before);
  if (chosen === undefined) return undefined;
  await workspaceState.update(CHOSEN, { ...remembered, [conf]: chosen });
  return { roles: chosen };
}

function rolesOf(workflow: FoundWorkflow | undefined): string[] {
  return workflow === undefined ? [] : [...new Set([...workflow.roles, ...workflow.trainableTargets ?? []])];
}

function pickRoles(workflow: string, known: readonly string[], before: readonly string[]): Promise<string[] | undefined> {
  const pick = vscode.window.createQuickPick();
  pick.title = vscode.l10n.t('Roles to train in {0}', workflow);
  pick.placeholder = vscode.l10n.t('The others keep the model they have.');
  pick.canSelectMany = true;
  pick.items = known.map((label) => ({ label }));
  pick.selectedItems = pick.items.filter(({ label }) => before.includes(label));
  return new Promise((resolve) => {
    pick.onDidAccept(() => {
      // Training nothing is no answer.
      if (pick.selectedItems.length === 0) return;
      resolve(pick.selectedItems.map(({ label }) => label));
      pick.hide();
    });
    pick.onDidHide(() => {
      resolve(undefined);
      pick.dispose();
    });
    pick.show();
  });
}
