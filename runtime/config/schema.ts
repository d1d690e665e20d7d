import * as z from 'zod';
import { configSchema, hasNoEffectYet } from '../protocol/config.ts';

/** Walking the schema by key path: what a key may hold, and which keys there are. */

export function schemaAt(path: readonly PropertyKey[], from: z.ZodType = configSchema): z.ZodType | undefined {
  let schema: z.ZodType | undefined = from;
  for (const key of path) {
    const inner = unwrap(schema);
    if (inner instanceof z.ZodObject) schema = Object.hasOwn(inner.shape, key) ? (inner.shape as Record<string, z.ZodType>)[String(key)] : undefined;
    else if (inner instanceof z.ZodArray) schema = inner.element as z.ZodType;
    else if (inner instanceof z.ZodTuple) schema = inner.def.items[Number(key)] as z.ZodType | undefined;
    else return undefined;
    if (schema === undefined) return undefined;
  }
  return schema;
}

export function unwrap(schema: z.ZodType): z.ZodType {
  let inner = schema;
  while (inner instanceof z.ZodOptional || inner instanceof z.ZodNullable || inner instanceof z.ZodDefault || inner instanceof z.ZodPrefault) {
    inner = inner.unwrap() as z.ZodType;
  }
  return inner;
}

export function isMapping(schema: z.ZodType | undefined): boolean {
  return schema !== undefined && unwrap(schema) instanceof z.ZodObject;
}

export function isWhole(schema: z.ZodType | undefined): boolean {
  const inner = schema && unwrap(schema);
  return inner instanceof z.ZodNumber && inner.isInt;
}

export function keysAt(path: readonly PropertyKey[], which: 'all' | 'with effect' = 'all'): string[] {
  const schema = schemaAt(path);
  const inner = schema && unwrap(schema);
  if (!(inner instanceof z.ZodObject)) return [];
  return Object.entries(inner.shape as Record<string, z.ZodType>).filter(([, value]) => which === 'all' || !hasNoEffectYet(value)).map(([key]) => key);
}

/** Dotted paths of all keys. */
export function allKeyPaths(schema: z.ZodType = configSchema, path = ''): string[] {
  const inner = unwrap(schema);
  if (!(inner instanceof z.ZodObject)) return [];
  return Object.entries(inner.shape as Record<string, z.ZodType>).flatMap(([key, value]) => {
    const full = path === '' ? key : `${path}.${key}`;
    return [full, ...allKeyPaths(value, full)];
  });
}

/** Dotted paths of the keys in `data` that nothing here reads yet. */
export function keysWithoutEffect(data: unknown, schema: z.ZodType = configSchema, path = ''): string[] {
  const inner = unwrap(schema);
  if (!(inner instanceof z.ZodObject) || typeof data !== 'object' || data === null) return [];
  return Object.entries(data).flatMap(([key, value]) => {
    const next = (inner.shape as Record<string, z.ZodType>)[key];
    const full = path === '' ? key : `${path}.${key}`;
    if (next === undefined) return [];
    return hasNoEffectYet(next) ? [full] : keysWithoutEffect(value, next, full);
  });
}
