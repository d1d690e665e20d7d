/** API keys by name: asked for, kept in VS Code's secret storage, handed to runs in memory. */
import * as vscode from 'vscode';
import { isSecretName, providers } from '../../runtime/protocol/providers.ts';
import type { Studio } from '../studio.ts';

/** True: there is a key of that name now. */
export async function setApiKey({ secrets }: Studio, name?: string): Promise<boolean> {
  const chosen = name ?? await chooseName(secrets.names);
  if (chosen === undefined) return false;
  const value = await vscode.window.showInputBox({
    title: vscode.l10n.t('Value of {0}', chosen), password: true, ignoreFocusOut: true,
    prompt: vscode.l10n.t('Kept in VS Code’s secret storage; runs get it in memory, traces and logs never show it.'),
    validateInput: (text) => (text.trim() === '' ? vscode.l10n.t('Paste the key.') : undefined),
  });
  if (value === undefined) return false;
  await secrets.set(chosen, value.trim());
  vscode.window.setStatusBarMessage(`$(key) ${vscode.l10n.t('{0} is set; runs started from now on have it.', chosen)}`, 5_000);
  return true;
}

export async function removeApiKey({ secrets }: Studio, name?: string): Promise<void> {
  if (secrets.names.length === 0) {
    await vscode.window.showInformationMessage(vscode.l10n.t('No API key is kept.'));
    return;
  }
  const chosen = name ?? (await vscode.window.showQuickPick(secrets.names, { title: vscode.l10n.t('Which key shall be forgotten?') }));
  if (chosen === undefined) return;
  await secrets.remove(chosen);
  vscode.window.setStatusBarMessage(`$(key) ${vscode.l10n.t('{0} is forgotten.', chosen)}`, 5_000);
}

async function chooseName(known: readonly string[]): Promise<string | undefined> {
  const other = vscode.l10n.t('Another Name…');
  const named = Object.entries(providers).flatMap(([provider, { apiKeyEnv }]) => (apiKeyEnv === undefined ? [] : [{ label: apiKeyEnv, description: describe(provider, known.includes(apiKeyEnv)) }]));
  const own = known.filter((name) => !named.some(({ label }) => label === name)).map((label) => ({ label, description: vscode.l10n.t('set') }));
  const picked = await vscode.window.showQuickPick([...own, ...named, { label: '', kind: vscode.QuickPickItemKind.Separator }, { label: other, alwaysShow: true }], {
    title: vscode.l10n.t('Set API Key'), matchOnDescription: true,
  });
  if (picked?.label !== other) return picked?.label;
  return vscode.window.showInputBox({
    title: vscode.l10n.t('Set API Key'), prompt: vscode.l10n.t('Name of the environment variable, as ${NAME} in the configuration names it.'), value: 'MY_API_KEY',
    validateInput: (text) => (isSecretName(text) ? undefined : vscode.l10n.t('Letters, digits and _, with KEY, TOKEN, SECRET or PASSWORD in it: only then its value is kept out of traces.')),
  });
}

function describe(provider: string, set: boolean): string {
  return set ? `${provider} · ${vscode.l10n.t('set')}` : provider;
}
