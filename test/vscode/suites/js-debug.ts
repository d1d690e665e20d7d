/** Runs inside the extension host: the breakpoint is set and the stop is read through the API. */
import assert from 'node:assert/strict';
import * as vscode from 'vscode';

export async function run(): Promise<void> {
  const folder = vscode.workspace.workspaceFolders![0]!;
  const program = vscode.Uri.joinPath(folder.uri, 'program.ts');
  const stopped = Promise.withResolvers<{ session: vscode.DebugSession; threadId: number }>();
  vscode.debug.registerDebugAdapterTrackerFactory('*', {
    createDebugAdapterTracker: (session) => ({
      onDidSendMessage(message: { type: string; event?: string; body?: { threadId: number } }) {
        if (message.event === 'stopped') stopped.resolve({ session, threadId: message.body!.threadId });
      },
    }),
  });
  vscode.debug.addBreakpoints([new vscode.SourceBreakpoint(new vscode.Location(program, new vscode.Position(3, 0)))]);
  assert.ok(await vscode.debug.startDebugging(folder, 'Program'));
  const { session, threadId } = await stopped.promise;
  const { stackFrames } = (await session.customRequest('stackTrace', { threadId })) as { stackFrames: { name: string; line: number }[] };
  assert.match(stackFrames[0]!.name, /double/);
  assert.equal(stackFrames[0]!.line, 4);
  await vscode.debug.stopDebugging();
}
