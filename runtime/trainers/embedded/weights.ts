/** The weights in training, as one vector, and as the `model.safetensors` that Hugging Face libraries read. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { TuningForkError } from '../../protocol/errors.ts';
import { numbersOf, readSafetensors, writeSafetensors, type StoredTensor } from '../safetensors.ts';
import { sizeOf, type TrainLayout } from './layout.ts';

/** All that a step changes. Never written in place: a step that fails has changed nothing. */
export interface TrainState {
  readonly weights: Float32Array;
  /** AdamW's moments. */
  readonly mean: Float32Array;
  readonly square: Float32Array;
  /** Updates that were applied. */
  readonly updates: number;
  readonly version: number;
}

export function freshState(weights: Float32Array): TrainState {
  return { weights, mean: new Float32Array(weights.length), square: new Float32Array(weights.length), updates: 0, version: 0 };
}

export async function readWeights(directory: string, layout: TrainLayout): Promise<Float32Array> {
  const file = join(directory, 'model.safetensors');
  const where = { file };
  const bytes = await readFile(file).catch((cause: unknown) => {
    throw new TuningForkError('trainer', 'The weights are missing.', { where, cause, next: 'Give the directory of a model in Hugging Face format with one model.safetensors.' });
  });
  let tensors: ReadonlyMap<string, StoredTensor>;
  try {
    ({ tensors } = readSafetensors(bytes));
  } catch (cause) {
    throw new TuningForkError('trainer', `The weights cannot be read. ${(cause as Error).message}`, { where, cause, next: 'Copy the file again.' });
  }
  const weights = new Float32Array(layout.size);
  for (const parameter of layout.parameters) {
    const stored = tensors.get(parameter.name);
    const shape = `[${parameter.shape.join(', ')}]`;
    if (stored === undefined) throw new TuningForkError('trainer', `There is no tensor "${parameter.name}".`, { where, next: 'Export the train graphs of this model again.' });
    if (stored.shape.join() !== parameter.shape.join()) {
      throw new TuningForkError('trainer', `"${parameter.name}" has the shape [${stored.shape.join(', ')}], and the train graphs want ${shape}.`, { where, next: 'Export the train graphs of this model again.' });
    }
    weights.set(floatsOf(stored, parameter.name, file), parameter.offset);
  }
  return weights;
}

export function writeWeights(layout: TrainLayout, weights: Float32Array): Uint8Array {
  const tensors = layout.parameters.map((parameter) => ({
    name: parameter.name, shape: parameter.shape, data: weights.subarray(parameter.offset, parameter.offset + sizeOf(parameter)),
  }));
  return writeSafetensors(tensors, { format: 'pt' });
}

function floatsOf({ dtype, bytes }: StoredTensor, name: string, file: string): Float32Array {
  if (dtype === 'F32') return numbersOf(bytes, 'F32');
  if (dtype === 'BF16') {
    const wide = new Uint32Array(bytes.length / 2);
    for (let i = 0; i < wide.length; i++) wide[i] = (bytes[2 * i]! | (bytes[2 * i + 1]! << 8)) << 16;
    return new Float32Array(wide.buffer);
  }
  throw new TuningForkError('trainer', `"${name}" is ${dtype}; the embedded trainer reads F32 and BF16.`, { where: { file }, next: 'Save the model in float32.' });
}
