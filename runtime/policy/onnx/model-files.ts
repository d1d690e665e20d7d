import { readFile, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { TuningForkError } from '../../protocol/errors.ts';

/** transformers.js' names for the precisions of one model. */
export type Precision = 'fp32' | 'fp16' | 'q8' | 'q4' | 'q4f16' | 'int8' | 'uint8' | 'bnb4';

const suffixes: Record<Precision, string> = {
  fp32: '', fp16: '_fp16', q8: '_quantized', q4: '_q4', q4f16: '_q4f16', int8: '_int8', uint8: '_uint8', bnb4: '_bnb4',
};

/** What config.json tells about a decoder. */
export interface DecoderConfig {
  layers: number;
  kvHeads: number;
  headDim: number;
  contextLength: number;
}

export interface ModelFiles {
  directory: string;
  /** The folder of the graph and of its weights, where those are files of their own. */
  graphDirectory: string;
  graph: string;
  /** The graph itself, where its weights are newer than the file's. */
  model?: Uint8Array;
  precision: Precision;
  /** Of the graph and its weights. */
  bytes: number;
  config: DecoderConfig;
}

export async function findModel(directory: string, wanted?: Precision): Promise<ModelFiles> {
  const config = await readConfig(join(directory, 'config.json'));
  const graphDirectory = join(directory, 'onnx');
  const present = new Set(await readdir(graphDirectory).catch(() => []));
  const candidates = wanted ? [wanted] : Object.keys(suffixes) as Precision[];
  const precision = candidates.find((name) => present.has(fileName(name)));
  if (!precision) {
    const missing = join(graphDirectory, fileName(wanted ?? 'fp32'));
    const others = [...present].filter((name) => name.endsWith('.onnx'));
    throw new TuningForkError('policy', others.length > 0 ? `This graph is missing; the folder has ${others.join(', ')}.` : 'The ONNX graph of this model is missing.', {
      where: { file: missing },
      next: 'Export the model in the transformers.js layout: config.json, tokenizer.json and onnx/model.onnx.',
    });
  }
  const name = fileName(precision);
  const parts = [...present].filter((file) => file === name || file.startsWith(`${name}_data`));
  const sizes = await Promise.all(parts.map(async (file) => (await stat(join(graphDirectory, file))).size));
  return {
    directory, graphDirectory, precision, config,
    graph: join(graphDirectory, name),
    bytes: sizes.reduce((sum, size) => sum + size, 0),
  };
}

function fileName(precision: Precision): string {
  return `model${suffixes[precision]}.onnx`;
}

async function readConfig(file: string): Promise<DecoderConfig> {
  const content = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new TuningForkError('policy', 'This directory has no config.json, so it is not a model.', {
      where: { file }, cause, next: 'Give the directory of a decoder in the transformers.js layout.',
    });
  });
  let config: Record<string, unknown>;
  try {
    config = JSON.parse(content) as Record<string, unknown>;
  } catch (cause) {
    throw new TuningForkError('policy', `This is not valid JSON: ${String(cause)}`, { where: { file }, cause });
  }
  const number = (key: string): number | undefined => typeof config[key] === 'number' ? config[key] : undefined;
  const need = (key: string): number => {
    const value = number(key);
    if (value === undefined) {
      throw new TuningForkError('policy', `"${key}" is missing in the model's configuration.`, {
        where: { file, key }, next: 'Only decoders of text are supported: the configuration of a Qwen, Llama or similar model has this key.',
      });
    }
    return value;
  };
  const heads = need('num_attention_heads');
  return {
    layers: need('num_hidden_layers'),
    kvHeads: number('num_key_value_heads') ?? heads,
    headDim: number('head_dim') ?? need('hidden_size') / heads,
    contextLength: need('max_position_embeddings'),
  };
}
