import type { ErrorInfo } from '../protocol/errors.ts';
import type { Json, JsonObject } from '../protocol/json.ts';
import type { Filled } from './environment.ts';
import { oldName, type Places } from './places.ts';
import { join } from './yaml.ts';

const SECRET_VARIABLE = /(?:^|_)(?:API_?KEY|KEY|TOKEN|SECRET|PASS(?:WORD|WD)?|CREDENTIALS?|AUTH|PAT)S?$/i;
const SECRET_KEY = /(?:^|[._])(?:api_?key|password|secret|auth_token|access_token)$|^gpu\.token$/i;

/** Stands in what is shown for a secret that is written out in the file. */
export const HIDDEN = '***';

/**
 * Whether a value from the environment must never be stored. Model names, addresses, paths and numbers come from there
 * too and are wanted in a record, so: a telling name, a password in an address, or text that looks like a key.
 */
export function isSecret(value: string, variable: string, keyPath: string): boolean {
  if (value === '' || /^[-+.\d]+$/.test(value) || /^(true|false)$/i.test(value)) return false;
  if (SECRET_VARIABLE.test(variable) || SECRET_KEY.test(keyPath)) return true;
  if (/^[a-z][a-z0-9+.-]*:\/\/[^/\s]*:[^/\s]*@/i.test(value)) return true;
  return /^(sk|hf|ghp|xox[abp])[-_]/.test(value)
    || value.split(/[^A-Za-z0-9]/).some((part) => part.length >= 16 && /\d/.test(part) && /[a-z]/i.test(part));
}

function secretsAt(path: string, filled: ReadonlyMap<string, Filled>): { source: Filled | undefined; found: Filled['taken'] } {
  const source = filled.get(path) ?? filled.get(oldName(path));
  return { source, found: source?.taken.filter((variable) => isSecret(variable.value, variable.name, path)) ?? [] };
}

/** What a mistake may quote: a secret that stands where it does not belong is told as it is written. */
export function quotable(value: Json, filled: ReadonlyMap<string, Filled>, path = ''): Json {
  if (Array.isArray(value)) return value.map((item, i) => quotable(item, filled, join(path, String(i))));
  if (value !== null && typeof value === 'object') return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, quotable(item, filled, join(path, key))]));
  const { source, found } = secretsAt(path, filled);
  return source !== undefined && found.length > 0 ? source.written : value;
}

export interface WithoutSecrets {
  shown: JsonObject;
  secrets: string[];
  warnings: ErrorInfo[];
}

/** A copy that may be stored: each secret stands there as the `${NAME}` it came from. */
export function withoutSecrets(config: object, filled: ReadonlyMap<string, Filled>, places: Places): WithoutSecrets {
  const secrets = new Set<string>();
  const warnings: ErrorInfo[] = [];

  const showScalar = (value: Json, path: string): Json => {
    const { source, found } = secretsAt(path, filled);
    for (const variable of found) secrets.add(variable.value);
    if (source !== undefined && found.length > 0) return source.written;
    if (typeof value !== 'string' || source !== undefined || !SECRET_KEY.test(path)) return value;
    secrets.add(value);
    warnings.push({
      code: 'config', message: `\`${path}\` is written out in the file.`, where: places.of(path, 'value'),
      next: 'Write ${NAME} and set that variable in the environment, so that the key isn’t shared with the file.',
    });
    return HIDDEN;
  };

  const show = (value: Json, path: string): Json => {
    if (Array.isArray(value)) return value.map((item, i) => show(item, join(path, String(i))));
    if (value === null || typeof value !== 'object') return showScalar(value, path);
    return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined).map(([key, item]) => [key, show(item, join(path, key))]));
  };

  const shown = show(config as JsonObject, '') as JsonObject;
  // A very short text, replaced wherever it occurs, would garble what is stored.
  return { shown, secrets: [...secrets].filter((secret) => secret.length >= 6), warnings };
}
