/** `train.json`: what the exporter says of the train graphs, and where each tensor of the checkpoint lies in the one vector of weights. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { TuningForkError } from '../../protocol/errors.ts';

const count = z.number().int().nonnegative();
const graph = z.object({ file: z.string().regex(/^[\w.-]+\.onnx$/) });

const schema = z.object({
  version: z.literal(1),
  size: count,
  parameters: z.array(z.object({ name: z.string(), shape: z.array(count), offset: count })),
  metrics: z.array(z.string()),
  graphs: z.object({ grad: graph, apply: graph, score: graph }),
});

export type TrainLayout = z.infer<typeof schema>;
export type Parameter = TrainLayout['parameters'][number];

const MAKE = 'Write its graphs with: tuning-fork export-policy <directory>';

export async function readLayout(directory: string): Promise<TrainLayout> {
  const file = join(directory, 'onnx', 'train.json');
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new TuningForkError('trainer', 'This model has no train graphs, so it can be run but not trained here.', { where: { file }, cause, next: MAKE });
  });
  try {
    return schema.parse(JSON.parse(text));
  } catch (cause) {
    throw new TuningForkError('trainer', 'This description of train graphs cannot be read; another version may have written it.', { where: { file }, cause, next: MAKE });
  }
}

export function sizeOf({ shape }: Parameter): number {
  return shape.reduce((product, length) => product * length, 1);
}
