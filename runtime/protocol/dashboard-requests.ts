/** What a dashboard's page may ask, checked at its host's door. */
import * as z from 'zod';
import { STEP_FIGURES, TIME_FIGURES, type DashboardRequests } from './dashboard.ts';
import { TuningForkError } from './errors.ts';

const name = z.string().min(1).max(4096);
const count = z.int().min(0);
const training = z.object({ dir: name });

const schemas: { [M in keyof DashboardRequests]: z.ZodType<DashboardRequests[M][0]> } = {
  open: z.null(),
  series: training.extend({ figures: z.array(z.enum([...STEP_FIGURES, ...TIME_FIGURES])).max(64), from: count }),
  detail: training,
  heat: training.extend({ columns: z.int().min(1).max(4_096), bins: z.int().min(2).max(100) }),
  notable: training.extend({ from: count, to: count, low: z.number().optional(), high: z.number().optional() }),
  report: training,
  act: z.discriminatedUnion('do', [
    z.object({ do: z.literal('rollout'), dir: name, rollout: name }),
    z.object({ do: z.enum(['pause', 'resume', 'stop', 'checkpoint', 'continue']), dir: name }),
    z.object({ do: z.literal('config'), dir: name }),
    z.object({ do: z.literal('useCheckpoint'), dir: name }),
  ]),
};

export function checkDashboardParams(method: string, params: unknown): { [M in keyof DashboardRequests]: { method: M; params: DashboardRequests[M][0] } }[keyof DashboardRequests] {
  if (!Object.hasOwn(schemas, method)) throw new TuningForkError('protocol', `The dashboard has no "${method}".`);
  const known = method as keyof DashboardRequests;
  const read = schemas[known].safeParse(params ?? null);
  if (read.success) return { method: known, params: read.data } as ReturnType<typeof checkDashboardParams>;
  const { path, message } = read.error.issues[0]!;
  throw new TuningForkError('protocol', `${path.length === 0 ? 'The parameters' : `\`${path.join('.')}\``} of "${method}" can't be used: ${message}.`);
}
