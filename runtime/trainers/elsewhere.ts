/** A trainer on another machine: what prompts are built with is fetched from it, and so is each checkpoint, so that it can be used here. */
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { TuningForkError } from '../protocol/errors.ts';
import { MODEL_FILES, type Checkpoint, type CheckpointBody, type ModelFile, type TrainerInfo } from '../protocol/trainer.ts';
import { patientRename } from '../trace/replace.ts';
import type { TrainerClient } from './client.ts';

/** In a checkpoint that was brought here: where it lies on the machine of its trainer. */
const ELSEWHERE = 'elsewhere.json';

/** The same checkpoint, as its trainer knows it; undefined: it was not made elsewhere. */
export function checkpointElsewhere(folder: string): string | undefined {
  try {
    return (JSON.parse(readFileSync(join(folder, ELSEWHERE), 'utf8')) as { directory: string }).directory;
  } catch {
    return undefined;
  }
}

/** The folder of the model's tokenizer and chat template, on this machine. `cache`: where those of all trainers are kept. */
export async function fetchModelFiles(client: TrainerClient, info: TrainerInfo, cache: string): Promise<string> {
  // It names a folder here, and whoever answers there says it.
  if (!/^[0-9a-f]{64}$/.test(info.tokenizerSha256)) throw new TuningForkError('trainer', 'What the trainer tells as the hash of its tokenizer is none.', { next: 'Restart the trainer.' });
  const folder = join(cache, info.tokenizerSha256.slice(0, 16));
  await mkdir(folder, { recursive: true });
  for (const name of MODEL_FILES) await fetchFile(client, name, folder, info);
  return folder;
}

async function fetchFile(client: TrainerClient, name: ModelFile, folder: string, { tokenizerSha256, model }: TrainerInfo): Promise<void> {
  const file = join(folder, name);
  const tokenizer = name === 'tokenizer.json';
  // The one file that is large has a name of its own: its hash.
  if (tokenizer && await hashOf(file) === tokenizerSha256) return;
  const bytes = await client.file(name);
  if (bytes === undefined) {
    if (tokenizer) throw new TuningForkError('trainer', `The trainer has no tokenizer.json of ${model}, so no prompt can be built.`, { next: 'Give it a model that has one.' });
    return rm(file, { force: true });
  }
  if (tokenizer && sha256(bytes) !== tokenizerSha256) {
    throw new TuningForkError('trainer', 'The tokenizer that the trainer gave is not the one it says it uses.', { next: 'Restart the trainer.' });
  }
  await replace(file, bytes);
}

/** Saves and loads as one does with a trainer here. `run` names the training on the machine of the trainer, which may serve several. */
export class TrainerElsewhere implements Pick<TrainerClient, 'info' | 'score' | 'step' | 'checkpoint' | 'load'> {
  readonly #client: TrainerClient;
  readonly #run: string;

  constructor(client: TrainerClient, run: string) {
    this.#client = client;
    this.#run = run;
  }

  info(...given: Parameters<TrainerClient['info']>): ReturnType<TrainerClient['info']> {
    return this.#client.info(...given);
  }

  score(...given: Parameters<TrainerClient['score']>): ReturnType<TrainerClient['score']> {
    return this.#client.score(...given);
  }

  step(...given: Parameters<TrainerClient['step']>): ReturnType<TrainerClient['step']> {
    return this.#client.step(...given);
  }

  async checkpoint({ name, directory, optimizer }: CheckpointBody): Promise<Checkpoint> {
    const kept = await this.#client.checkpoint({ name: this.#nameOf(name), directory: this.#folderOf(name), optimizer });
    await this.#bring(kept, directory);
    return { ...kept, name, directory };
  }

  async load(name: string, directory?: string): Promise<Checkpoint> {
    if (directory === undefined) return this.#client.load(name);
    return { ...await this.#client.load(this.#nameOf(name), this.#folderOf(name)), name, directory };
  }

  #nameOf(name: string): string {
    return `${this.#run}=${name}`;
  }

  #folderOf(name: string): string {
    return `${this.#run}/${name}`;
  }

  /** Whole or not at all. */
  async #bring({ name, directory: there }: Checkpoint, directory: string): Promise<void> {
    const aside = join(dirname(directory), `.${basename(directory)}.writing-${randomBytes(4).toString('hex')}`);
    try {
      for (const { path } of await this.#client.checkpointFiles(name)) {
        if (path.split(/[\\/]/).includes('..')) throw new TuningForkError('trainer', `The trainer names a file of a checkpoint "${path}", which leads out of it.`);
        const file = join(aside, path);
        await mkdir(dirname(file), { recursive: true });
        await this.#client.downloadFile(name, path, file);
      }
      await writeFile(join(aside, ELSEWHERE), JSON.stringify({ directory: there }));
      await rm(directory, { recursive: true, force: true, maxRetries: 5 });
      await patientRename(aside, directory);
    } finally {
      await rm(aside, { recursive: true, force: true });
    }
  }
}

async function hashOf(file: string): Promise<string | undefined> {
  return readFile(file).then(sha256, () => undefined);
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

async function replace(file: string, bytes: Uint8Array): Promise<void> {
  const aside = `${file}.${randomBytes(4).toString('hex')}`;
  await writeFile(aside, bytes);
  await patientRename(aside, file);
}
