/** What a person decides about a call that is held: other sampling, an answer of their own, into the code. */
import * as vscode from 'vscode';
import type { Sampling } from '../../runtime/protocol/chat.ts';
import { samplingValue } from './adapter/scopes.ts';
import { release, type Held } from './held.ts';

export async function editSampling(held: Held): Promise<void> {
  const rollout = held.needCall();
  const { sampling } = rollout.stop.call;
  let changed: Partial<Sampling> = {};
  for (;;) {
    const edited = Object.keys(changed).length > 0;
    const fields = (['temperature', 'topP', 'topK', 'maxTokens', 'seed'] as const).map((field) => ({
      label: field, description: String(changed[field] ?? sampling[field] ?? '–'), ...(field in changed && { iconPath: new vscode.ThemeIcon('edit') }), field,
    }));
    const endings = [
      { label: vscode.l10n.t('Continue with these for this call'), iconPath: new vscode.ThemeIcon('debug-continue'), keep: false },
      { label: vscode.l10n.t('Continue and keep them for later calls'), iconPath: new vscode.ThemeIcon('pinned'), keep: true },
    ];
    const picked = await vscode.window.showQuickPick<vscode.QuickPickItem & { field?: keyof Sampling; keep?: boolean }>([...(edited ? endings : []), ...fields], { title: vscode.l10n.t('Sampling of this call') });
    if (picked === undefined) return;
    if (picked.keep !== undefined) return release(rollout, { decision: { do: 'edit', sampling: changed, keep: picked.keep } });
    const field = picked.field!;
    const text = await vscode.window.showInputBox({ title: field, value: picked.description, validateInput: (typed) => problemOf(() => samplingValue(field, typed)) });
    if (text !== undefined) changed = { ...changed, ...samplingValue(field, text) };
  }
}

export async function forceAnswer(held: Held): Promise<void> {
  const rollout = held.needCall();
  const content = await vscode.window.showInputBox({
    title: vscode.l10n.t('The answer of {0}', rollout.stop.call.role), prompt: vscode.l10n.t('The agent gets it in place of what the model would say. It is never trained.'), ignoreFocusOut: true,
  });
  if (content !== undefined) await release(rollout, { decision: { do: 'answer', reply: { role: 'assistant', content } } });
}

export async function stepIntoCode(held: Held): Promise<void> {
  await release(held.need(), { into: true });
}

function problemOf(check: () => unknown): string | undefined {
  try {
    check();
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}
