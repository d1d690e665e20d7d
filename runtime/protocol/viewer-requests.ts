/** What a viewer's page may ask, checked at its host's door: a page shows what models wrote, so it is not trusted more than they are. */
import * as z from 'zod';
import { TuningForkError } from './errors.ts';
import type { ViewerRequests } from './viewer.ts';

const name = z.string().min(1).max(4096);
const count = z.int().min(0);
const rollout = z.object({ rollout: name });
const place = z.object({ file: name, line: z.int().min(1).optional(), column: z.int().min(1).optional(), key: z.string().optional() });

const action = z.discriminatedUnion('do', [
  z.object({ do: z.literal('code'), place }),
  z.object({ do: z.literal('fork'), rollout: name, call: count, token: count.optional() }),
  z.object({ do: z.literal('debug'), rollout: name }),
  z.object({ do: z.literal('copy'), text: z.string().max(1 << 24) }),
  z.object({ do: z.literal('openRun'), dir: name, rollout: name.optional(), call: count.optional(), token: count.optional() }),
]);

const schemas: { [M in keyof ViewerRequests]: z.ZodType<ViewerRequests[M][0]> } = {
  open: z.null(),
  rollouts: z.object({ from: count }),
  inFlight: z.null(),
  timeline: rollout,
  conversation: rollout,
  alternatives: rollout.extend({ token: count }),
  group: z.object({ rollouts: z.array(name).min(1).max(256) }),
  kin: rollout,
  score: rollout.extend({ checkpoint: name }),
  export: z.object({ what: z.enum(['rollouts', 'tokens', 'records']), format: z.enum(['parquet', 'csv', 'jsonl']), filter: z.string().max(4096).optional(), rollouts: z.array(name).max(4096).optional() }),
  act: action,
};

export function checkViewerParams(method: string, params: unknown): { [M in keyof ViewerRequests]: { method: M; params: ViewerRequests[M][0] } }[keyof ViewerRequests] {
  if (!Object.hasOwn(schemas, method)) throw new TuningForkError('protocol', `The viewer has no "${method}".`);
  const known = method as keyof ViewerRequests;
  const read = schemas[known].safeParse(params ?? null);
  if (read.success) return { method: known, params: read.data } as ReturnType<typeof checkViewerParams>;
  const { path, message } = read.error.issues[0]!;
  throw new TuningForkError('protocol', `${path.length === 0 ? 'The parameters' : `\`${path.join('.')}\``} of "${method}" can't be used: ${message}.`);
}
