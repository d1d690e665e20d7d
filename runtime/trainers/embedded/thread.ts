/** The training thread: weights, optimizer and train graphs live here and nowhere else. */
import { parentPort, workerData, type Transferable } from 'node:worker_threads';
import { errorInfo } from '../../protocol/errors.ts';
import { readCheckpoint, writeCheckpoint, type SavedState } from './checkpoints.ts';
import type { ComputeData, ComputeName, ComputeRequests, FromCompute, ToCompute } from './compute.ts';
import { TrainGraphs } from './graphs.ts';
import { SamplerModel } from './sampler-model.ts';
import { score, StoredWeights } from './score.ts';
import { step } from './step.ts';
import { freshState, readWeights } from './weights.ts';

const { directory: base, threads } = workerData as ComputeData;
const tell = (message: FromCompute, transfer: Transferable[] = []): void => parentPort!.postMessage(message, transfer);

try {
  tell({ ready: await open() });
} catch (error) {
  tell({ broken: errorInfo(error, 'trainer') });
}

async function open(): Promise<{ parameters: number }> {
  const graphs = await TrainGraphs.open(base, threads);
  const { layout } = graphs;
  const stored = new StoredWeights(graphs);
  let state = freshState(await readWeights(base, layout));
  const sampler = await SamplerModel.open(base, layout, state.weights);

  const handlers: { [N in ComputeName]: (params: ComputeRequests[N][0]) => Promise<ComputeRequests[N][1]> } = {
    step: async ({ packs, request }) => {
      const done = await step(graphs, state, packs, request);
      state = done.state;
      return { metrics: done.metrics, model: sampler.with(state.weights) };
    },
    score: async ({ packs, temperature, directory }) => score(graphs, directory === undefined ? state.weights : await stored.get(directory), packs, temperature),
    save: async ({ directory, optimizer, lastStep }) => {
      await writeCheckpoint({ base, directory, layout, optimizer, saved: { state, lastStep }, samplerModel: sampler.with(state.weights) });
      return null;
    },
    load: async ({ directory }) => {
      const saved: SavedState = directory === undefined ? { state: freshState(await readWeights(base, layout)) } : await readCheckpoint(directory, layout);
      state = saved.state;
      return { version: state.version, lastStep: saved.lastStep, model: sampler.with(state.weights) };
    },
  };

  parentPort!.on('message', async ({ id, name, params }: ToCompute) => {
    try {
      const result = await handlers[name](params as never);
      const model = result !== null && 'model' in result ? [result.model.buffer] : [];
      tell({ id, result }, model);
    } catch (error) {
      tell({ id, error: errorInfo(error, 'trainer') });
    }
  });
  return { parameters: layout.size };
}
