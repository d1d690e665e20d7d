/**
 * The sampler's `model.onnx` with other weights in it. The exporter stores some tensors turned or joined for speed; which, is found
 * out once, by looking for the bytes of the checkpoint in the file, so that a graph that holds anything else is refused and never
 * sampled from by mistake.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ElementType, Graph, Model } from '../../policy/onnx/onnx-format.ts';
import { readFields } from '../../policy/onnx/protobuf.ts';
import { TuningForkError } from '../../protocol/errors.ts';
import { sizeOf, type Parameter, type TrainLayout } from './layout.ts';

/** Tensors of the checkpoint that are stored as one, row under row, perhaps turned. */
interface Place {
  parts: Parameter[];
  turned: boolean;
  /** Of its bytes in the file. */
  offset: number;
}

/** A stored tensor of 32-bit floats. */
interface Initializer {
  name: string;
  shape: number[];
  bytes: Uint8Array;
}

export class SamplerModel {
  readonly #file: Uint8Array;
  readonly #places: Place[];

  private constructor(file: Uint8Array, places: Place[]) {
    this.#file = file;
    this.#places = places;
  }

  /** `weights` are those the file holds now. */
  static async open(directory: string, layout: TrainLayout, weights: Float32Array): Promise<SamplerModel> {
    const file = join(directory, 'onnx', 'model.onnx');
    const model = await readFile(file).catch((cause: unknown) => {
      throw new TuningForkError('trainer', 'The graph that samples is missing.', { where: { file }, cause, next: EXPORT });
    });
    const unplaced = new Set(layout.parameters);
    const places: Place[] = [];
    for (const initializer of floatInitializers(model)) {
      const parts = partsOf(initializer.name, layout);
      if (parts === undefined) continue;
      const turned = [false, true].find((turned) => holds(initializer, parts, turned, weights));
      if (turned === undefined) {
        throw new TuningForkError('trainer', `"${initializer.name}" in the graph is not what model.safetensors says.`, { where: { file }, next: EXPORT });
      }
      parts.forEach((part) => unplaced.delete(part));
      places.push({ parts, turned, offset: initializer.bytes.byteOffset - model.byteOffset });
    }
    const [missing] = unplaced;
    if (missing !== undefined) throw new TuningForkError('trainer', `The graph has no "${missing.name}" of 32-bit floats within the file.`, { where: { file }, next: EXPORT });
    return new SamplerModel(model, places);
  }

  /** The whole file, with these weights. */
  with(weights: Float32Array): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(this.#file);
    for (const { parts, turned, offset } of this.#places) {
      const stored = arrange(parts, turned, weights);
      bytes.set(new Uint8Array(stored.buffer), offset);
    }
    return bytes;
  }
}

const EXPORT = 'Export the model again, its sampling graph and its train graphs from the same weights.';

/** The exporter's names: those of the checkpoint; queries, keys and values are one. */
function partsOf(name: string, { parameters }: TrainLayout): Parameter[] | undefined {
  const names = name.includes('.qkv_proj.') ? ['q', 'k', 'v'].map((part) => name.replace('.qkv_proj.', `.${part}_proj.`)) : [name];
  const parts = names.map((part) => parameters.find((parameter) => parameter.name === part));
  return parts.every((part) => part !== undefined) ? parts : undefined;
}

function holds({ shape, bytes }: Initializer, parts: Parameter[], turned: boolean, weights: Float32Array): boolean {
  const rows = parts.reduce((sum, { shape }) => sum + shape[0]!, 0);
  const whole = [rows, ...parts[0]!.shape.slice(1)];
  if ((turned ? whole.toReversed() : whole).join() !== shape.join()) return false;
  const wanted = arrange(parts, turned, weights);
  return Buffer.compare(new Uint8Array(wanted.buffer), bytes) === 0;
}

function arrange(parts: Parameter[], turned: boolean, weights: Float32Array): Float32Array<ArrayBuffer> {
  const stored = new Float32Array(parts.reduce((sum, part) => sum + sizeOf(part), 0));
  const rows = parts.reduce((sum, { shape }) => sum + shape[0]!, 0);
  let row = 0, at = 0;
  for (const part of parts) {
    const from = weights.subarray(part.offset, part.offset + sizeOf(part));
    if (!turned) stored.set(from, at);
    else {
      const width = part.shape[1] ?? 1;
      for (let i = 0, r = row; i < from.length; r++) for (let column = 0; column < width; column++, i++) stored[column * rows + r] = from[i]!;
    }
    row += part.shape[0]!;
    at += from.length;
  }
  return stored;
}

const Tensor = { dimension: 1, type: 2, name: 8, raw: 9 } as const;

function* floatInitializers(model: Uint8Array): Generator<Initializer> {
  for (const { number, bytes: graph } of readFields(model)) {
    if (number !== Model.graph) continue;
    for (const field of readFields(graph)) {
      if (field.number !== Graph.initializer) continue;
      const shape: number[] = [];
      let name = '', type = 0, raw: Uint8Array | undefined;
      for (const { number, integer, bytes } of readFields(field.bytes)) {
        if (number === Tensor.dimension) shape.push(integer);
        else if (number === Tensor.type) type = integer;
        else if (number === Tensor.name) name = new TextDecoder().decode(bytes);
        else if (number === Tensor.raw) raw = bytes;
      }
      if (type === ElementType.float32 && raw !== undefined) yield { name, shape, bytes: raw };
    }
  }
}
