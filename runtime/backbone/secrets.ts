/** What of a run's environment no file, no event and no error may hold. */
import { existsSync } from 'node:fs';
import type { LoadedConfig } from '../config/load.ts';

/** Keys of providers may stand in the environment under any name; their values must not reach the trace. */
const NAME = /KEY|TOKEN|SECRET|PASSWORD|PASSPHRASE|PASSWD|CREDENTIAL|(?:^|_)(?:PASS|PAT|AUTH)$/i;
/** As in the address of a database or a proxy. */
const IN_ADDRESS = /^[a-z][a-z0-9+.-]*:\/\/[^/\s:@]*:([^/\s@]+)@/i;
/** What is shorter occurs in ordinary text. */
const SHORTEST = 8;

export function secretsOf(config: Pick<LoadedConfig, 'secrets'>, env: Readonly<Record<string, string>>): string[] {
  const found = Object.entries(env).flatMap(([name, value]) => (NAME.test(name) ? [value] : IN_ADDRESS.exec(value)?.slice(1) ?? []));
  return [...new Set([...config.secrets, ...found.filter((value) => value.length >= SHORTEST && !existsSync(value))])];
}
