import { TuningForkError } from '../protocol/errors.ts';
import type { RolloutRecord } from '../protocol/trace.ts';
import type { Busy } from './busy.ts';
import type { CollectBatch, TrainOptions } from './options.ts';

export type Wanted = Pick<CollectBatch, 'step' | 'split' | 'rollouts' | 'checkpoint'>;

/** `sampling`: how long rollouts run. */
export type Gathering = Pick<TrainOptions, 'collect' | 'stored' | 'signal'> & Pick<CollectBatch, 'recover'> & { sampling: Busy };

/** Every planned rollout's record, in the order of the plan. Those sealed by an earlier process are taken as they are. */
export async function gather(wanted: Wanted, { collect, stored, signal, recover, sampling }: Gathering): Promise<RolloutRecord[]> {
  const found = new Map<string, RolloutRecord>();
  for (const record of await stored(wanted.rollouts.map(({ place }) => place.rollout))) found.set(record.rollout, record);
  const missing = wanted.rollouts.filter(({ place }) => !found.has(place.rollout));
  if (missing.length > 0) {
    const collected = await sampling.during(() => collect({ ...wanted, rollouts: missing, signal, recover }));
    for (const record of collected) found.set(record.rollout, record);
  }
  signal.throwIfAborted();
  return wanted.rollouts.map(({ place }) => {
    const record = found.get(place.rollout);
    if (record === undefined) throw new TuningForkError('internal', `Rollout ${place.rollout} of step ${wanted.step} came to no end.`);
    return record;
  });
}
