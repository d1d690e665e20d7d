/** Debugging as the API tells it: where code stands still, with which locals, by type stripping and through the loader. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import * as vscode from 'vscode';
import { until } from '../until.ts';
import { run as hasItsCommands } from './active.ts';

interface Stop {
  session: vscode.DebugSession;
  reason: string;
  threadId: number;
}

interface Frame {
  id: number;
  name: string;
  line: number;
  source?: { name: string };
}

const folder = vscode.workspace.workspaceFolders![0]!;
/** The project below it that is debugged. */
let project = 'stripped';
const stops: Stop[] = [];
const output: string[] = [];
let ended = 0;

function follow(): void {
  vscode.debug.registerDebugAdapterTrackerFactory('*', {
    createDebugAdapterTracker: (session) => ({
      onDidSendMessage(message: { type: string; event?: string; body?: { threadId: number; reason: string; output: string } }) {
        if (message.event === 'stopped') stops.push({ session, ...message.body! });
        if (message.event === 'output' && session.type === 'tuning-fork') output.push(message.body!.output);
      },
    }),
  });
  vscode.debug.onDidTerminateDebugSession((session) => { if (session.type === 'tuning-fork') ended++; });
}

/** The next stop that was not looked at yet. */
async function stop(type?: 'tuning-fork' | 'pwa-node'): Promise<Stop & { frames: Frame[] }> {
  await until(() => stops.some(({ session }) => type === undefined || session.type === type), `Nothing stopped. Output: ${output.join('')}`, 30_000);
  const at = stops.findIndex(({ session }) => type === undefined || session.type === type);
  const [found] = stops.splice(at, 1);
  const { stackFrames } = (await found!.session.customRequest('stackTrace', { threadId: found!.threadId })) as { stackFrames: Frame[] };
  return { ...found!, frames: stackFrames };
}

/** js-debug tells the folder too. */
function fileOf({ frames }: { frames: Frame[] }): string | undefined {
  return frames[0]?.source?.name.split('/').at(-1);
}

async function locals({ session, frames }: Stop & { frames: Frame[] }): Promise<Map<string, string>> {
  const { scopes } = (await session.customRequest('scopes', { frameId: frames[0]!.id })) as { scopes: { name: string; variablesReference: number }[] };
  const local = scopes.find(({ name }) => /^Local|^Block/.test(name))!;
  const { variables } = (await session.customRequest('variables', { variablesReference: local.variablesReference })) as { variables: { name: string; value: string }[] };
  return new Map(variables.map(({ name, value }) => [name, value]));
}

async function goOn({ session, threadId }: Stop, how = 'continue'): Promise<void> {
  await session.customRequest(how, { threadId });
}

async function start(more: object = {}, options: vscode.DebugSessionOptions = {}): Promise<void> {
  output.length = 0;
  assert.ok(await vscode.debug.startDebugging(folder, { type: 'tuning-fork', request: 'launch', name: 'Words', conf: `\${workspaceFolder}/${project}/words.yaml`, ...more }, options), 'It did not start.');
}

async function end(count = ended + 1): Promise<void> {
  await until(() => ended >= count, `The session did not end. ${output.join('')}`, 20_000);
}

async function breakAt(file: string, text: string): Promise<number> {
  const uri = vscode.Uri.file(join(folder.uri.fsPath, project, file));
  const document = await vscode.workspace.openTextDocument(uri);
  const { line } = document.positionAt(document.getText().indexOf(text));
  vscode.debug.addBreakpoints([new vscode.SourceBreakpoint(new vscode.Location(uri, new vscode.Position(line, 0)))]);
  return line + 1;
}

function removeBreakpoints(): void {
  vscode.debug.removeBreakpoints(vscode.debug.breakpoints);
}

async function bindsOnTheFirstRun(): Promise<void> {
  const lines = [await breakAt('words.ts', 'const counted = countWords'), await breakAt('count.ts', 'return words.length'), await breakAt('judge.ts', 'const right =')];
  await start();
  const inExecute = await stop();
  assert.deepEqual([fileOf(inExecute), inExecute.frames[0]!.line], ['words.ts', lines[0]]);
  assert.match(inExecute.frames[0]!.name, /execute/);
  assert.equal((await locals(inExecute)).get('question'), "'one two three'");
  await goOn(inExecute);
  const tool = await stop();
  assert.deepEqual([fileOf(tool), tool.frames[0]!.line], ['count.ts', lines[1]]);
  assert.match((await locals(tool)).get('words')!, /^\(3\) \['one', 'two', 'three'\]/);
  await goOn(tool);
  const judge = await stop();
  assert.deepEqual([fileOf(judge), judge.frames[0]!.line], ['judge.ts', lines[2]]);
  const ending = end();
  await goOn(judge);
  await ending;
  assert.ok(output.some((text) => /reward 1/.test(text)), output.join(''));
  removeBreakpoints();
}

async function stepsIntoCode(): Promise<void> {
  vscode.debug.addBreakpoints([new vscode.FunctionBreakpoint('model')]);
  await start();
  const held = await stop('tuning-fork');
  assert.equal(held.reason, 'breakpoint');
  assert.match(held.frames[0]!.name, /^model default · call 0/);
  assert.equal(fileOf(held), 'words.ts');
  await until(() => vscode.debug.activeStackItem?.session.id === held.session.id, 'The held rollout is not in focus.');
  await vscode.commands.executeCommand('tuningFork.stepIntoCode');
  const code = await stop('pwa-node');
  assert.equal(fileOf(code), 'words.ts');
  const ending = end();
  await goOn(code);
  await ending;
  removeBreakpoints();
}

async function runsWithoutDebugging(): Promise<void> {
  await breakAt('words.ts', 'const counted = countWords');
  const ending = end();
  await start({}, { noDebug: true });
  await ending;
  assert.deepEqual(stops, []);
  assert.ok(output.some((text) => /counted 3/.test(text)), output.join(''));
  removeBreakpoints();
}

async function restartsAndCancels(): Promise<void> {
  const line = await breakAt('words.ts', 'const counted = countWords');
  await start();
  await stop();
  await vscode.commands.executeCommand('workbench.action.debug.restart');
  const again = await stop();
  assert.equal(again.frames[0]!.line, line);
  const ending = end();
  await vscode.commands.executeCommand('workbench.action.debug.stop');
  await ending;
  removeBreakpoints();
}

async function refusesWhatIsWrong(): Promise<void> {
  assert.equal(await vscode.debug.startDebugging(folder, { type: 'tuning-fork', request: 'launch', name: 'Wrong', conf: '${workspaceFolder}/nowhere/words.yaml' }), false);
}

export async function run(): Promise<void> {
  follow();
  const parts = [['stripped', bindsOnTheFirstRun, hasItsCommands, stepsIntoCode, runsWithoutDebugging, restartsAndCancels, refusesWhatIsWrong], ['compiled', bindsOnTheFirstRun, stepsIntoCode]] as const;
  for (const [name, ...those] of parts) {
    project = name;
    for (const part of those) {
      const began = Date.now();
      try {
        await part();
      } catch (error) {
        throw new Error(`${project} ${part.name}: ${(error as Error).stack}`, { cause: error });
      }
      console.log(`${project} ${part.name}: ${Date.now() - began} ms`);
    }
  }
}
