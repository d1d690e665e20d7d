/** What the schema says of a key, in words for a person. The same schema reads the configuration. */
import * as z from 'zod';
import { allKeyPaths, isMapping, isWhole, keysAt, schemaAt, unwrap } from '../../runtime/config/schema.ts';
import { hasNoEffectYet, KEPT_TREES, ROOTS } from '../../runtime/protocol/config.ts';
import type { L10n } from '../../runtime/contracts/problem.ts';

export { allKeyPaths, isMapping, keysAt, schemaAt };

/** The path below the root of ours that a whole path stands for; undefined when it is in nobody's tree of ours. */
export function belowRoot([root, ...path]: readonly string[]): string[] | undefined {
  return ROOTS.some((name) => name === root) ? path : undefined;
}

export const TOP_KEYS: readonly string[] = [...ROOTS, ...KEPT_TREES];

/** The words a value may be. */
export function wordsOf(schema: z.ZodType): string[] {
  const inner = unwrap(schema);
  const words = inner instanceof z.ZodEnum ? inner.options.map(String) : inner instanceof z.ZodBoolean ? ['true', 'false'] : [];
  return isNullable(schema) ? [...words, 'null'] : words;
}

export function kindOf(schema: z.ZodType, l10n: L10n): string {
  const inner = unwrap(schema);
  if (inner instanceof z.ZodObject) return l10n.t('keys');
  if (inner instanceof z.ZodEnum) return inner.options.join(' | ');
  if (inner instanceof z.ZodBoolean) return 'true | false';
  if (inner instanceof z.ZodNumber) return isWhole(schema) ? l10n.t('a whole number') : l10n.t('a number');
  if (inner instanceof z.ZodArray || inner instanceof z.ZodTuple) return l10n.t('a list');
  return inner instanceof z.ZodString || inner instanceof z.ZodURL ? l10n.t('text') : l10n.t('anything');
}

/** What counts while the key is absent, as it would be written; undefined where that is nothing or a mapping. */
export function defaultOf(schema: z.ZodType): string | undefined {
  for (let at: z.ZodType = schema; ;) {
    if (at instanceof z.ZodDefault) {
      const value: unknown = at.def.defaultValue;
      return Array.isArray(value) ? `[${value.join(', ')}]` : String(value);
    }
    if (!(at instanceof z.ZodOptional || at instanceof z.ZodNullable)) return undefined;
    at = at.unwrap() as z.ZodType;
  }
}

function isNullable(schema: z.ZodType): boolean {
  for (let at = schema; ;) {
    if (at instanceof z.ZodNullable) return true;
    if (!(at instanceof z.ZodOptional || at instanceof z.ZodDefault || at instanceof z.ZodPrefault)) return false;
    at = at.unwrap() as z.ZodType;
  }
}

/** Markdown for a hover, and beside a completion. */
export function helpOf(path: readonly string[], l10n: L10n): string | undefined {
  const schema = schemaAt(path);
  if (schema === undefined) return undefined;
  const facts = [kindOf(schema, l10n), ...(defaultOf(schema) === undefined ? [] : [l10n.t('default {0}', `\`${defaultOf(schema)!}\``)])];
  const lines = [`**${path.join('.')}**: ${hasNoEffectYet(schema) || isMapping(schema) ? facts[0]! : facts.join(', ')}`];
  if (schema.description !== undefined) lines.push(schema.description);
  if (isMapping(schema)) lines.push(keysAt(path, 'with effect').map((key) => `\`${key}\``).join(' '));
  return lines.join('\n\n');
}
