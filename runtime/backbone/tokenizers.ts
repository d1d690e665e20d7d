import { randomUUID } from 'node:crypto';
import { copyFile, mkdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { patientRename } from '../trace/replace.ts';

/** A trace stores ids; whoever shows them needs the vocabulary they came from, also when the model has moved. Kept once for all runs. */
export function tokenizerFolder(runsRoot: string, sha256: string): string {
  return join(runsRoot, '.tokenizers', sha256.slice(0, 16));
}

export async function keepTokenizer(runsRoot: string, sha256: string, modelFolder: string): Promise<void> {
  const folder = tokenizerFolder(runsRoot, sha256);
  const file = join(folder, 'tokenizer.json');
  if (await stat(file).catch(() => undefined) !== undefined) return;
  await mkdir(folder, { recursive: true });
  // Under a name of its own: several runs may begin at once.
  const copy = `${file}.${randomUUID()}`;
  await copyFile(join(modelFolder, 'tokenizer.json'), copy);
  await patientRename(copy, file);
}
