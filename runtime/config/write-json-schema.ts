/** `node runtime/config/write-json-schema.ts` after a change of the schema. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { toJsonSchema } from './json-schema.ts';

const folder = new URL('../../snippets/', import.meta.url);
mkdirSync(folder, { recursive: true });
writeFileSync(new URL('tuning-fork.schema.json', folder), `${JSON.stringify(toJsonSchema(), null, 2)}\n`);
