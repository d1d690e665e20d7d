import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import type * as OpenAIModule from 'openai';
import type * as ZodModule from 'zod';

/**
 * Packages that take long to load (zod 40 ms, openai 80 ms), loaded where they are first needed, without a promise.
 * As ES modules, so that a user who imports the same package gets the same classes.
 */
function load(name: string): unknown {
  return createRequire(import.meta.url)(fileURLToPath(import.meta.resolve(name)));
}

export function loadZod(): typeof ZodModule {
  return load('zod') as typeof ZodModule;
}

export function loadOpenAI(): typeof OpenAIModule {
  return load('openai') as typeof OpenAIModule;
}
