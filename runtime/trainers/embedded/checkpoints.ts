/**
 * Checkpoints on disk. Each is a model directory, usable at once: configuration and tokenizer, `model.safetensors`, `onnx/`. With the
 * optimizer it can be resumed from. A checkpoint appears whole or not at all, and never changes.
 */
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, open, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { z } from 'zod';
import { TuningForkError } from '../../protocol/errors.ts';
import type { StepAnswer } from '../../protocol/trainer.ts';
import { patientRename } from '../../trace/replace.ts';
import { numbersOf, readSafetensors, writeSafetensors } from '../safetensors.ts';
import type { TrainLayout } from './layout.ts';
import { reasonOf } from '../../trace/errors.ts';
import { readWeights, writeWeights, type TrainState } from './weights.ts';

/** The step a state came from: who asks for it again gets this answer. */
export interface LastStep {
  stepId: string;
  /** sha256 of its body. */
  body: string;
  answer: StepAnswer;
}

export interface SavedState {
  state: TrainState;
  lastStep?: LastStep;
}

/** What a model directory holds beside its weights. */
const COMPANIONS = [
  'config.json', 'generation_config.json', 'tokenizer.json', 'tokenizer_config.json', 'special_tokens_map.json', 'added_tokens.json',
  'vocab.json', 'merges.txt', 'chat_template.jinja', 'chat_template.json',
];

const stateSchema = z.object({
  trainer: z.literal(1),
  version: z.number().int().nonnegative(),
  updates: z.number().int().nonnegative(),
  optimizer: z.boolean(),
  lastStep: z.custom<LastStep>((value) => typeof value === 'object' && value !== null).optional(),
});
type StateFile = z.infer<typeof stateSchema>;

const STATE = 'trainer.json', OPTIMIZER = 'optimizer.safetensors', WEIGHTS = 'model.safetensors';

/** Files that only going on with a training needs. */
export const FOR_RESUMING: ReadonlySet<string> = new Set([STATE, OPTIMIZER]);

export interface Writing {
  /** The model whose configuration and graphs are copied. */
  base: string;
  directory: string;
  layout: TrainLayout;
  saved: SavedState;
  samplerModel: Uint8Array;
  optimizer: boolean;
}

export async function writeCheckpoint({ base, directory, layout, saved: { state, lastStep }, samplerModel, optimizer }: Writing): Promise<void> {
  const weights = writeWeights(layout, state.weights);
  if (existsSync(directory)) return checkSame(directory, state, weights, optimizer);
  const parent = dirname(directory), prefix = `.${basename(directory)}.writing-`;
  try {
    await mkdir(parent, { recursive: true });
    for (const left of await readdir(parent)) if (left.startsWith(prefix)) await rm(join(parent, left), { recursive: true, maxRetries: 5 });
    const temporary = join(parent, prefix + randomBytes(4).toString('hex'));
    await mkdir(join(temporary, 'onnx'), { recursive: true });
    const file: StateFile = { trainer: 1, version: state.version, updates: state.updates, optimizer, lastStep };
    const graphs = Object.values(layout.graphs).map((graph) => graph.file);
    for (const name of COMPANIONS) if (existsSync(join(base, name))) await copyFile(join(base, name), join(temporary, name));
    for (const name of ['train.json', ...graphs]) await copyFile(join(base, 'onnx', name), join(temporary, 'onnx', name));
    await writeFile(join(temporary, WEIGHTS), weights);
    await writeFile(join(temporary, 'onnx', 'model.onnx'), samplerModel);
    if (optimizer) {
      await writeFile(join(temporary, OPTIMIZER), writeSafetensors([
        { name: 'mean', shape: [layout.size], data: state.mean }, { name: 'square', shape: [layout.size], data: state.square },
      ]));
    }
    await writeFile(join(temporary, STATE), JSON.stringify(file));
    await syncAll(temporary);
    await patientRename(temporary, directory);
    await syncFolder(parent);
  } catch (cause) {
    throw new TuningForkError('trainer', `The checkpoint cannot be written: ${reasonOf(cause)}.`, { where: { file: directory }, cause, next: 'Free some space or choose another folder; the weights in memory are unharmed.' });
  }
}

export async function readCheckpoint(directory: string, layout: TrainLayout): Promise<SavedState> {
  const { version, updates, optimizer, lastStep } = await readState(directory);
  if (!optimizer) {
    throw new TuningForkError('trainer', 'This checkpoint was kept without its optimizer: it can be used, but training cannot go on from it.', {
      where: { file: directory }, next: 'Load one that was written with its optimizer, or start a new training from it as a model.',
    });
  }
  const file = join(directory, OPTIMIZER);
  try {
    const { tensors } = readSafetensors(await readFile(file));
    const moments = ['mean', 'square'].map((name) => {
      const stored = tensors.get(name);
      if (stored?.dtype !== 'F32' || stored.shape.join() !== String(layout.size)) throw new Error(`its "${name}" is not that of this model`);
      return numbersOf(stored.bytes, 'F32');
    });
    return { state: { weights: await readWeights(directory, layout), mean: moments[0]!, square: moments[1]!, updates, version }, lastStep };
  } catch (cause) {
    if (cause instanceof TuningForkError && cause.where !== undefined) throw cause;
    throw new TuningForkError('trainer', `The optimizer's state cannot be read: ${(cause as Error).message}.`, { where: { file }, cause, next: 'Load an earlier checkpoint.' });
  }
}

async function readState(directory: string): Promise<StateFile> {
  const file = join(directory, STATE);
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new TuningForkError('trainer', 'There is no checkpoint of a training here.', { where: { file: directory }, cause, next: `Give the folder of a checkpoint; it has a ${STATE}.` });
  });
  try {
    return stateSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw new TuningForkError('trainer', 'This file cannot be read.', { where: { file }, cause, next: 'Load an earlier checkpoint.' });
  }
}

/** Who asks again, or arrives here again after a crash, has it already. */
async function checkSame(directory: string, { version }: TrainState, weights: Uint8Array, optimizer: boolean): Promise<void> {
  const there = await readState(directory).catch(() => undefined);
  const theirs = there?.version === version && (there.optimizer || !optimizer) ? await readFile(join(directory, WEIGHTS)) : undefined;
  if (theirs !== undefined && Buffer.compare(theirs, weights) === 0) return;
  throw new TuningForkError('trainer', 'This folder holds something else already, and a checkpoint never changes.', { where: { file: directory }, next: 'Choose a folder that is not there yet.' });
}

/** Files first, then the folders that name them. */
async function syncAll(directory: string): Promise<void> {
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) await syncAll(path);
    else await sync(path, 'r+');
  }
  await syncFolder(directory);
}

async function syncFolder(directory: string): Promise<void> {
  // Windows syncs no folders.
  if (process.platform !== 'win32') await sync(directory, 'r');
}

async function sync(path: string, flags: string): Promise<void> {
  const handle = await open(path, flags);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
