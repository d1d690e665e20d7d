/** Where a training is done: what the configuration says; where it says nothing and a GPU is at hand, it is asked once for each configuration. */
import * as vscode from 'vscode';
import type { ResolvedTarget } from '../runs/target.ts';
import type { Studio } from '../studio.ts';
import { isGpuAtHand } from './gpu.ts';
import { backbones, type TrainedOn } from './preflight.ts';

const CHOSEN = 'tuningFork.training.backbone';

/** Undefined: nobody wanted to choose. */
export async function choosePlace({ context }: Studio, { conf }: ResolvedTarget, configured: string): Promise<{ backbone: TrainedOn | undefined } | undefined> {
  if (configured !== 'debug' || !isGpuAtHand()) return { backbone: undefined };
  const remembered = context.workspaceState.get<Record<string, TrainedOn>>(CHOSEN, {});
  const items = backbones().flatMap(({ name, why }) => (name === 'embedded' || name === 'gpu' ? [{ label: name, description: why, backbone: name as TrainedOn }] : []));
  // What was chosen last is a key away.
  items.sort((a, b) => Number(b.label === remembered[conf]) - Number(a.label === remembered[conf]));
  const chosen = await vscode.window.showQuickPick(items, { title: vscode.l10n.t('Where shall it be trained?'), placeHolder: vscode.l10n.t('The key backbone of the configuration decides it for good.') });
  if (chosen === undefined) return undefined;
  await context.workspaceState.update(CHOSEN, { ...remembered, [conf]: chosen.backbone });
  return { backbone: chosen.backbone };
}
