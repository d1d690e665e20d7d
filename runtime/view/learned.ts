/** What a training made of each rollout: `advantages.jsonl`, a line a step, written by the loop. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ADVANTAGES_FILE } from '../trace/layout.ts';
import { parseJson } from '../trace/decode.ts';
import type { Advantages } from './rollouts.ts';

export async function advantagesOf(dir: string): Promise<Advantages> {
  const found = new Map<string, number>();
  let text: string;
  try {
    text = await readFile(join(dir, ADVANTAGES_FILE), 'utf8');
  } catch {
    return found;
  }
  for (const line of text.split('\n')) {
    const read = parseJson(line);
    // A torn line: its step was done again, further down.
    if ('cause' in read) continue;
    const { rollouts, advantages } = read.value as { rollouts: string[]; advantages: (number | null)[] };
    rollouts.forEach((rollout, i) => found.set(rollout, advantages[i] ?? NaN));
  }
  return found;
}
