/** The messages of a held call as a JSON file that can be edited; saving it asks whether the call goes on with them. */
import * as vscode from 'vscode';
import type { ChatMessage } from '../../runtime/protocol/chat.ts';
import { TuningForkError } from '../../runtime/protocol/errors.ts';
import type { Studio } from '../studio.ts';
import { readMessages } from './adapter/messages.ts';
import { release, type Held, type HeldRollout } from './held.ts';

const SCHEME = 'tuning-fork-call';

interface Open {
  rollout: HeldRollout;
  text: string;
  changed: number;
  /** It goes on with what is saved; nobody need ask. */
  decided?: boolean;
}

const open = new Map<string, Open>();
let registered = false;

export async function editMessages(studio: Studio, held: Held): Promise<void> {
  if (!registered) register(studio, held);
  const rollout = held.needCall();
  const { call } = rollout.stop;
  const uri = vscode.Uri.from({ scheme: SCHEME, path: `/${rollout.stop.rollout} call ${call.index} messages.json`, query: `${rollout.session.id}-${rollout.threadId}` });
  open.set(uri.toString(), { rollout, text: `${JSON.stringify(call.messages, null, 2)}\n`, changed: Date.now() });
  await vscode.window.showTextDocument(uri, { preview: false });
}

/** By the buttons of the editor. */
export async function continueEdited(keep: boolean): Promise<void> {
  const document = vscode.window.activeTextEditor?.document;
  const found = document && open.get(document.uri.toString());
  if (found === undefined) throw new TuningForkError('usage', vscode.l10n.t('This call has gone on already.'), { next: vscode.l10n.t('Close this editor.') });
  const messages = readMessages(document!.getText());
  found.decided = true;
  try {
    await document!.save();
    await goOn(document!.uri, found, messages, keep);
  } finally {
    found.decided = false;
  }
}

async function goOn(uri: vscode.Uri, { rollout }: Open, messages: ChatMessage[], keep: boolean): Promise<void> {
  await release(rollout, { decision: { do: 'edit', messages, keep } });
  open.delete(uri.toString());
  const tabs = vscode.window.tabGroups.all.flatMap((group) => group.tabs);
  await vscode.window.tabGroups.close(tabs.filter(({ input }) => input instanceof vscode.TabInputText && input.uri.toString() === uri.toString()));
}

/** A file system of the calls that are held, so that "Save" means what it always means. */
function register({ context }: Studio, held: Held): void {
  registered = true;
  const changes = new vscode.EventEmitter<vscode.FileChangeEvent[]>();
  const find = (uri: vscode.Uri): Open => {
    const found = open.get(uri.toString());
    if (found === undefined) throw vscode.FileSystemError.FileNotFound(vscode.l10n.t('This call has gone on already.'));
    return found;
  };
  const refuse = (): never => { throw vscode.FileSystemError.NoPermissions(); };
  context.subscriptions.push(
    changes,
    vscode.workspace.registerFileSystemProvider(SCHEME, {
      onDidChangeFile: changes.event,
      watch: () => ({ dispose() {} }),
      stat: (uri) => ({ type: vscode.FileType.File, ctime: 0, mtime: find(uri).changed, size: Buffer.byteLength(find(uri).text) }),
      readFile: (uri) => Buffer.from(find(uri).text),
      writeFile: (uri, content) => {
        const text = Buffer.from(content).toString();
        readMessages(text);
        Object.assign(find(uri), { text, changed: Date.now() });
      },
      readDirectory: () => [], createDirectory: refuse, delete: refuse, rename: refuse,
    }),
    vscode.workspace.onDidSaveTextDocument(async ({ uri }) => {
      const found = open.get(uri.toString());
      if (found === undefined || found.decided) return;
      const now = vscode.l10n.t('Continue with These');
      const kept = vscode.l10n.t('Continue and Keep for Later Prompts');
      const chosen = await vscode.window.showInformationMessage(vscode.l10n.t('The call can go on with the messages as you saved them.'), now, kept);
      if (chosen !== undefined && open.has(uri.toString())) await goOn(uri, found, readMessages(found.text), chosen === kept);
    }),
    held.onDidRelease(({ session, threadId }) => {
      for (const [uri, { rollout }] of open) if (rollout.session.id === session.id && rollout.threadId === threadId) open.delete(uri);
    }),
  );
}
