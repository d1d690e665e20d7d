import { TuningForkError } from '../protocol/errors.ts';
import type { JsonObject, JsonSchema } from '../protocol/json.ts';
import { loadZod } from './load.ts';

/**
 * What zod, valibot, arktype and others agree on (https://standardschema.dev): types, validation, and for most a JSON Schema.
 * Only this much is asked for, so a project's own version of such a library fits.
 */
export interface Schema<Output = unknown> {
  readonly '~standard': {
    readonly vendor: string;
    readonly types?: { readonly input: unknown; readonly output: Output } | undefined;
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>;
  };
}

type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] };

interface SchemaIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** The type a schema validates to; arguments of a plain JSON Schema are known only to be an object. */
export type Validated<S> = S extends { readonly '~standard': { readonly types?: infer Types } }
  ? NonNullable<Types> extends { readonly output: infer Output } ? Output : unknown
  : JsonObject;

export type Checked<Value> = { value: Value; problem?: undefined } | { problem: string };

export function isSchema(value: object): value is Schema {
  return '~standard' in value;
}

export async function check(schema: Schema | JsonSchema, value: unknown): Promise<Checked<unknown>> {
  const result = await asSchema(schema)['~standard'].validate(value);
  return result.issues === undefined ? { value: result.value } : { problem: result.issues.map(formatIssue).join('; ') };
}

function formatIssue({ message, path = [] }: SchemaIssue): string {
  const keys = path.map((part) => String(typeof part === 'object' ? part.key : part));
  return keys.length === 0 ? message : `${keys.join('.')}: ${message}`;
}

const fromJson = new WeakMap<JsonSchema, Schema>();

function asSchema(schema: Schema | JsonSchema): Schema {
  if (isSchema(schema)) return schema;
  let converted = fromJson.get(schema);
  if (converted === undefined) fromJson.set(schema, (converted = loadZod().fromJSONSchema(schema)));
  return converted;
}

/** The JSON Schema of what a model has to write, as short as it can be: a small model reads every token of it. */
export function jsonSchemaOf(schema: Schema | JsonSchema, owner: string): JsonSchema {
  if (!isSchema(schema)) return schema;
  const standard: { vendor: string; jsonSchema?: { input(options: { target: string }): JsonSchema } } = schema['~standard'];
  const told = standard.jsonSchema?.input({ target: 'draft-2020-12' });
  if (told !== undefined) return withoutNoise(told) as JsonSchema;
  throw new TuningForkError('tool', `The ${standard.vendor} schema of ${owner} does not tell its JSON Schema.`, {
    next: "Write it with the z of 'tuning-fork' or zod from 4.2 on, or give a plain JSON Schema.",
  });
}

function withoutNoise(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(withoutNoise);
  if (typeof schema !== 'object' || schema === null) return schema;
  const kept = Object.entries(schema).filter(([key, value]) => !isNoise(key, value));
  return Object.fromEntries(kept.map(([key, value]) => [key, withoutNoise(value)]));
}

function isNoise(key: string, value: unknown): boolean {
  return key === '$schema' || (key === 'additionalProperties' && value === false)
    || ((key === 'minimum' || key === 'maximum') && Math.abs(Number(value)) === Number.MAX_SAFE_INTEGER);
}

