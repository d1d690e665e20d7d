/** Types as a person does, in bursts, while a profile is taken; tells what share of each key was spent in the extension's code. */
import { Session, type Profiler } from 'node:inspector/promises';
import { pathToFileURL } from 'node:url';
import * as vscode from 'vscode';
import { until } from '../../vscode/until.ts';
import { pause, tell } from './tell.ts';

const BURSTS = 6;
const KEYS = 40;

export async function run(): Promise<void> {
  const extension = vscode.extensions.getExtension('tuning-fork.tuning-fork')!;
  const folder = vscode.workspace.workspaceFolders![0]!;
  const document = await vscode.workspace.openTextDocument(vscode.Uri.joinPath(folder.uri, 'workflow.ts'));
  const editor = await vscode.window.showTextDocument(document);
  await until(() => extension.isActive, 'The extension was not activated.');
  const settings = vscode.workspace.getConfiguration('tuningFork', document);
  // The last line that has a value: what is above it moves nothing, what is shown is all there.
  editor.selection = new vscode.Selection(document.lineCount - 6, 4, document.lineCount - 6, 4);
  await shown(document);
  const ours = await perKey(extension);
  await settings.update('editor.inlineValues', false, vscode.ConfigurationTarget.Global);
  await pause(1_000);
  const peer = await perKey(extension);
  tell({ ours: percentile(ours), slowest: Math.max(...ours), peer: percentile(peer), keys: ours.length });
}

/** Each value has a hover behind its line. */
async function shown(document: vscode.TextDocument): Promise<void> {
  const hasValue = async (line: number): Promise<boolean> => {
    const hovers = await vscode.commands.executeCommand<vscode.Hover[]>('vscode.executeHoverProvider', document.uri, document.lineAt(line).range.end);
    return hovers.some(({ contents }) => contents.some((content) => typeof content !== 'string' && /logprob/i.test(content.value)));
  };
  const lines = Array.from({ length: document.lineCount }, (_, line) => line).filter((line) => document.lineAt(line).text.includes('agent.reply'));
  for (const line of [lines.at(-1)!, lines[lines.length >> 1]!, lines[0]!]) await until(() => hasValue(line), `No value was shown at line ${line + 1}.`, 30_000);
}

function percentile(times: readonly number[]): number {
  return times.toSorted((a, b) => a - b)[Math.floor(times.length * 0.95)]!;
}

/** The milliseconds that frames of the extension were on the stack, from each key to the next. */
async function perKey(extension: vscode.Extension<unknown>): Promise<number[]> {
  const session = new Session();
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.setSamplingInterval', { interval: 100 });
  await session.post('Profiler.start');
  const typed: number[] = [];
  for (let burst = 0; burst < BURSTS; burst++) {
    for (let key = 0; key < KEYS; key++) {
      typed.push(now());
      await vscode.commands.executeCommand('type', { text: 'x' });
      await pause(30);
    }
    // Long enough for what waits until nobody types.
    await pause(600);
  }
  const { profile } = await session.post('Profiler.stop');
  session.disconnect();
  await vscode.commands.executeCommand('undo');
  return spentPerKey(profile, typed, pathToFileURL(extension.extensionPath).href);
}

/** Microseconds on the clock of the profiler. */
function now(): number {
  return Number(process.hrtime.bigint() / 1_000n);
}

function spentPerKey({ nodes, samples = [], timeDeltas = [], startTime }: Profiler.Profile, typed: readonly number[], place: string): number[] {
  const children = new Map(nodes.map((node) => [node.id, node]));
  const inside = new Set<number>();
  const visit = (id: number, within: boolean): void => {
    const { callFrame, children: below = [] } = children.get(id)!;
    const here = within || callFrame.url.startsWith(place);
    if (here) inside.add(id);
    for (const child of below) visit(child, here);
  };
  visit(nodes[0]!.id, false);
  const spent = typed.map(() => 0);
  let time = startTime;
  let key = -1;
  for (const [at, id] of samples.entries()) {
    time += timeDeltas[at]!;
    while (key + 1 < typed.length && typed[key + 1]! <= time) key++;
    if (key >= 0 && inside.has(id)) spent[key]! += (timeDeltas[at + 1] ?? 0) / 1_000;
  }
  return spent;
}
