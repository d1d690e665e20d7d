import { statSync } from 'node:fs';
import { join } from 'node:path';
import { openPolicy, type PolicySpec } from '../policy/open.ts';
import type { Policy } from '../policy/policy.ts';

/** Models that are loaded stay loaded: the second run on the same weights starts at once. */
export class PolicyCache {
  private readonly open = new Map<string, Promise<Policy>>();

  get(spec: PolicySpec, dir: string, env: Record<string, string>): Promise<Policy> {
    const key = JSON.stringify([spec, dir, weightsTime(spec)]);
    let policy = this.open.get(key);
    if (policy === undefined) {
      policy = openPolicy(spec, { dir, env });
      this.open.set(key, policy);
      policy.catch(() => this.open.delete(key));
    }
    return policy;
  }

  labels(): string[] {
    return [...this.open.keys()].map((key) => String((JSON.parse(key) as unknown[])[0]));
  }

  async close(): Promise<void> {
    await Promise.allSettled([...this.open.values()].map(async (policy) => (await policy).close()));
    this.open.clear();
  }
}

/** New weights under the same path are another model. */
function weightsTime(spec: PolicySpec): number {
  if (typeof spec !== 'string') return 0;
  try {
    return statSync(join(spec, 'config.json')).mtimeMs;
  } catch {
    return 0;
  }
}
