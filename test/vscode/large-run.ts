/** A run as large as a long training leaves it, written by the store's own writer. */
import { join } from 'node:path';
import { createRun } from '../../runtime/trace/writer.ts';
import { newRun, rollout } from '../runtime/trace/samples.ts';

const REPEATS = 8;
const BATCH = 1_000;

/** In one step: all of its tasks stand right below the run. */
export async function writeLargeRun(project: string, rollouts: number): Promise<string> {
  const writer = await createRun(join(project, 'runs'), newRun({ experiment: 'large', conf: join(project, 'math-agent.yaml'), workflow: 'large', planned: rollouts }));
  const small = rollout(0, 1, 2);
  for (let first = 0; first < rollouts; first += BATCH) {
    await Promise.all(Array.from({ length: Math.min(BATCH, rollouts - first) }, (_, n) => {
      const task = Math.floor((first + n) / REPEATS);
      const sample = (first + n) % REPEATS;
      return writer.seal({ ...small, rollout: `s0t${task}n${sample}`, taskIndex: task, taskId: `training-${task}`, sample, reward: sample / REPEATS, success: sample > 4 });
    }));
  }
  await writer.updateRun({ state: 'finished', finished: new Date().toISOString() });
  await writer.close();
  return writer.dir;
}
