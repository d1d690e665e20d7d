import type { ErrorInfo, Place } from '../protocol/errors.ts';
import type { Json } from '../protocol/json.ts';
import { join } from './yaml.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** A scalar in which `${NAME}` stood. */
export interface Filled {
  /** As it is written in the file. */
  written: string;
  /** Variables whose value came from the environment, not from a default. */
  taken: { name: string; value: string }[];
}

export interface FilledTree {
  data: Json;
  /** By dotted key path. */
  filled: Map<string, Filled>;
  problems: ErrorInfo[];
}

/** `$${` is a literal `${`; then `${NAME}`, `${NAME:-default}`, and anything else that starts like one. */
const VARIABLE = /\$\$\{|\$\{(?:([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}|([^}\n]*)\}?)/g;

/** Puts the environment's values into every text of the tree. Keys are left alone. */
export function fillVariables(data: Json, env: Environment, place: (path: string) => Place): FilledTree {
  const filled: FilledTree['filled'] = new Map();
  const problems: ErrorInfo[] = [];

  const fill = (text: string, path: string): string => {
    const taken: Filled['taken'] = [];
    const value = text.replace(VARIABLE, (whole, name: string | undefined, fallback: string | undefined) => {
      if (whole === '$${') return '${';
      if (name === undefined) {
        problems.push({ code: 'config', message: `\`${whole}\` can’t be read as a variable.`, next: 'Write ${NAME} or ${NAME:-default}; $${ stands for ${ itself.', where: place(path) });
        return whole;
      }
      const found = env[name];
      // As in a shell, `:-` also stands in for a variable that is set to nothing.
      if (found === undefined || (found === '' && fallback !== undefined)) {
        if (fallback !== undefined) return fallback;
        problems.push({ code: 'config', message: `The environment has no variable ${name}.`, next: `Set it (export ${name}=…), or write \${${name}:-default}.`, where: place(path) });
        return '';
      }
      taken.push({ name, value: found });
      return found;
    });
    if (text.includes('${')) filled.set(path, { written: text, taken });
    return value;
  };

  const walk = (value: Json, path: string): Json => {
    if (typeof value === 'string') return value.includes('${') ? fill(value, path) : value;
    if (Array.isArray(value)) return value.map((item, i) => walk(item, join(path, String(i))));
    if (value !== null && typeof value === 'object') {
      return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, walk(item, join(path, key))]));
    }
    return value;
  };

  return { data: walk(data, ''), filled, problems };
}

/** What YAML would have read, had the value stood there without quotes. */
export function plainScalar(text: string): Json {
  if (/^(true|True|TRUE)$/.test(text)) return true;
  if (/^(false|False|FALSE)$/.test(text)) return false;
  if (/^(null|Null|NULL|~)?$/.test(text)) return null;
  if (/^[-+]?(\.\d+|\d+(\.\d*)?)([eE][-+]?\d+)?$/.test(text)) return Number(text);
  return text;
}
