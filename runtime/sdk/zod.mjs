import { loadZod } from './load.ts';

/** zod's `z`, loaded at its first use: most of the start-up time of this package would be zod. Its types are in zod.d.mts. */
export const z = new Proxy({}, {
  get: (_, key) => loadZod().z[key],
  has: (_, key) => key in loadZod().z,
});
