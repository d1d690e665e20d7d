/** The adapter inside the extension host, with the window's own connection to the backbone. */
import * as vscode from 'vscode';
import { inOurWords } from '../errors.ts';
import type { Studio } from '../studio.ts';
import { translateWith } from './adapter/l10n.ts';
import type { ConnectRuns } from './adapter/runs.ts';
import { RolloutSession } from './adapter/session.ts';

export function adapterInWindow({ backbones }: Studio): vscode.DebugAdapterDescriptor {
  const { t } = vscode.l10n;
  translateWith({ t: (text, ...values) => t(text, ...values), inWords: inOurWords });
  const connect: ConnectRuns = async ({ project }) => {
    const client = await backbones.client(project);
    return {
      start: (request, onEvent) => backbones.start(project, request, onEvent),
      request: (method, params) => client.request(method, params),
      closed: client.closed,
      // The window goes on with it.
      close: () => {},
    };
  };
  const session = new RolloutSession(connect);
  // Its end is not the end of the process.
  session.setRunAsServer(true);
  return new vscode.DebugAdapterInlineImplementation(session);
}
