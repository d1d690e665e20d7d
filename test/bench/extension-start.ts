/** What the extension costs a window: the time to wake it, where it sleeps, and the code it loads until rollouts have run. */
import { fileURLToPath } from 'node:url';
import { launch } from '../vscode/launch.ts';
import { median, type Figure } from './figure.ts';
import { packedExtension, Told } from './packed.ts';

const ROUNDS = 5;

export async function bench(): Promise<Figure[]> {
  const vsix = await packedExtension();
  return [await activation(vsix), await code(vsix)];
}

async function activation(vsix: string): Promise<Figure> {
  using told = new Told();
  await using host = await launch({ vsix, env: told.env, window: false, workspace: { files: { 'index.ts': 'export {};\n', 'notes.yaml': 'a: 1\n' } } });
  const rounds: { asleep: boolean; ours: number; peer: number }[] = [];
  for (let round = 0; round < ROUNDS; round++) rounds.push(await told.by(host, 'activate'));
  const ours = median(rounds.map((round) => round.ours));
  const peer = median(rounds.map((round) => round.peer));
  const asleep = rounds.every((round) => round.asleep);
  return {
    name: 'activation_ms', ours, peer, ratio: ours / peer, unit: 'ms', bound: '<= 50, and none where nothing is ours', holds: asleep && ours <= 50,
    note: `${asleep ? '' : 'It was awake in a workspace that has nothing of ours. '}packed extension, woken in a new extension host, median of ${ROUNDS}, slowest ${Math.max(...rounds.map((round) => round.ours)).toFixed(1)}; peer: js-debug`,
  };
}

async function code(vsix: string): Promise<Figure> {
  using told = new Told();
  await using host = await launch({ vsix, env: told.env, window: false, workspace: { from: fileURLToPath(new URL('../../examples/math-agent', import.meta.url)) } });
  const files = await told.by<{ file: string; bytes: number; thread: boolean }[]>(host, 'code-of-a-run');
  const total = (some: typeof files): number => some.reduce((sum, { bytes }) => sum + bytes, 0) / 1_000;
  const parser = total(files.filter(({ thread }) => thread));
  const kb = total(files) - parser;
  const largest = files.toSorted((a, b) => b.bytes - a.bytes).slice(0, 3).map(({ file, bytes }) => `${file} ${Math.round(bytes / 1_000)}`).join(', ');
  return {
    name: 'extension_js_kb', ours: kb, peer: null, ratio: null, unit: 'kB', bound: '<= 500', holds: kb <= 500,
    note: `what the extension host has loaded of ours once rollouts have run; the parser of TypeScript, a bundle of its own in a thread of its own, is another ${Math.round(parser)} kB; the largest of ${files.length} files: ${largest}`,
  };
}
