import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { GpuPolicy, OpeningListener } from '../policy/gpu.ts';
import { openPolicy, type PolicySpec } from '../policy/open.ts';
import type { Policy } from '../policy/policy.ts';
import type { GpuSettings } from '../trainers/gpu/settings.ts';
import type { RunningTrainer } from '../trainers/running.ts';

/** So many stay between two runs: each has its weights in memory. */
const KEPT = 4;

/** Models that are loaded stay loaded: the second run on the same weights starts at once. */
export class PolicyCache {
  /** The one that was asked for last is last. */
  readonly #open = new Map<string, { spec: PolicySpec; policy: Promise<Policy> }>();

  get(spec: PolicySpec, dir: string, env: Record<string, string>, listener?: OpeningListener): Promise<Policy> {
    const key = JSON.stringify([spec, dir, weightsTime(spec), providerSettings(spec, env)]);
    const open = (): Promise<Policy> => openPolicy(spec, { dir, env, listener });
    const before = this.#open.get(key);
    const policy = before === undefined ? open() : stillThere(before.policy, open);
    this.#open.delete(key);
    this.#open.set(key, { spec, policy });
    policy.catch(() => void (this.#open.get(key)?.policy === policy && this.#open.delete(key)));
    return policy;
  }

  /** While no run goes on: those that were not asked for for longest go. */
  async trim(): Promise<void> {
    const old = [...this.#open].slice(0, -KEPT);
    for (const [key] of old) this.#open.delete(key);
    await Promise.allSettled(old.map(async ([, { policy }]) => (await policy).close()));
  }

  labels(): string[] {
    return [...this.#open.values()].map(({ spec }) => (typeof spec === 'string' ? spec : spec.model));
  }

  /** A GPU has no room for a model that is sampled and one that is trained: what was tried a moment ago is trained, others go. */
  async takeGpu(settings: GpuSettings): Promise<RunningTrainer | undefined> {
    let taken: RunningTrainer | undefined;
    for (const [key, { spec, policy }] of this.#open) {
      if (typeof spec === 'string' || !('gpu' in spec)) continue;
      this.#open.delete(key);
      const opened = await policy.catch(() => undefined) as GpuPolicy | undefined;
      if (isDeepStrictEqual(spec.gpu, settings)) taken = await opened?.release();
      else await opened?.close();
    }
    return taken;
  }

  async close(): Promise<void> {
    await Promise.allSettled([...this.#open.values()].map(async ({ policy }) => (await policy).close()));
    this.#open.clear();
  }
}

/** A process that was killed, a tunnel that broke, a runtime elsewhere that serves another model now: it is opened anew. */
async function stillThere(before: Promise<Policy>, open: () => Promise<Policy>): Promise<Policy> {
  const policy = await before as Policy | GpuPolicy;
  if (!('isThere' in policy) || await policy.isThere()) return policy;
  await policy.close().catch(() => undefined);
  return open();
}

/** New weights under the same path are another model. */
function weightsTime(spec: PolicySpec): number {
  if (typeof spec !== 'string') return 0;
  const times = [spec, join(spec, 'onnx')].flatMap((folder) => {
    try {
      return readdirSync(folder).map((name) => statSync(join(folder, name)).mtimeMs);
    } catch {
      return [];
    }
  });
  return Math.max(0, ...times);
}

/** A client with another key or address of the same provider means another model. */
function providerSettings(spec: PolicySpec, env: Record<string, string>): string[] {
  const provider = typeof spec === 'string' ? /^([\w-]+):/.exec(spec)?.[1] : undefined;
  return provider === undefined ? [] : Object.entries(env).filter(([name]) => name.includes(`${provider.toUpperCase()}_`)).flat();
}
