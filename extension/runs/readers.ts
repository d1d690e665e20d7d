/** One reader of each run for whoever asks: an index that was read is not read again. */
import { openRunReader, type RunReader } from '../../runtime/trace/index.ts';

/** Rollouts whose index is kept, about 50 MB. The run asked for last is kept however many it has. */
export const KEPT_ROLLOUTS = 250_000;

interface Kept {
  reader: Promise<RunReader>;
  /** As many as it had when somebody asked last. */
  rollouts: number;
}

const kept = new Map<string, Kept>();

/** It knows what lies on the disk now. */
export async function readerOf(dir: string): Promise<RunReader> {
  const known = kept.get(dir);
  const one: Kept = { reader: known === undefined ? openRunReader(dir) : known.reader.then(upToDate), rollouts: known?.rollouts ?? 0 };
  // The one asked for last stands last.
  kept.delete(dir);
  kept.set(dir, one);
  try {
    const reader = await one.reader;
    one.rollouts = reader.count;
    return reader;
  } catch (error) {
    if (kept.get(dir) === one) kept.delete(dir);
    throw error;
  } finally {
    dropOldest();
  }
}

async function upToDate(reader: RunReader): Promise<RunReader> {
  await reader.refresh();
  return reader;
}

function dropOldest(): void {
  let rollouts = 0;
  for (const [dir, one] of [...kept].reverse()) {
    rollouts += one.rollouts;
    if (rollouts > KEPT_ROLLOUTS && rollouts > one.rollouts) kept.delete(dir);
  }
}
