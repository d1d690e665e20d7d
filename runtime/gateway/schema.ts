/** A `response_format` is asked for in words and checked afterwards; it never shapes what is sampled. */
import * as z from 'zod';
import type { ChatMessage } from '../protocol/chat.ts';
import type { AnswerFormat } from './request.ts';

export function withInstruction(add: readonly ChatMessage[], format: AnswerFormat): ChatMessage[] {
  const instruction = format.schema === null
    ? 'Answer with one JSON object and nothing else.'
    : `Answer with JSON that matches this JSON Schema, and nothing else:\n${JSON.stringify(format.schema)}`;
  const last = add.at(-1);
  if (last?.role !== 'user') return [...add, { role: 'user', content: instruction }];
  return [...add.slice(0, -1), { ...last, content: `${last.content}\n\n${instruction}` }];
}

/** Why an answer does not have the form that was asked for. */
export function checkAnswer(content: string, format: AnswerFormat): string | undefined {
  let value: unknown;
  try {
    value = JSON.parse(content);
  } catch (error) {
    return `The answer is not the JSON that response_format asked for: ${(error as Error).message}.`;
  }
  if (format.schema === null) {
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? undefined : 'The answer is JSON, but not the object that response_format asked for.';
  }
  const result = checkerOf(format.schema)?.safeParse(value);
  if (result === undefined || result.success) return undefined;
  const issue = result.error.issues[0]!;
  const path = issue.path.length === 0 ? '' : `${issue.path.join('.')}: `;
  return `The answer does not match the JSON Schema of response_format: ${path}${issue.message}.`;
}

const KEPT = 64;
const checkers = new Map<string, z.ZodType | undefined>();

/** Undefined for a schema in words that zod does not know; the client's own library checks those. */
function checkerOf(schema: NonNullable<AnswerFormat['schema']>): z.ZodType | undefined {
  const text = JSON.stringify(schema);
  if (checkers.has(text)) return checkers.get(text);
  let checker: z.ZodType | undefined;
  try {
    checker = z.fromJSONSchema(schema as Parameters<typeof z.fromJSONSchema>[0]);
  } catch {
    checker = undefined;
  }
  if (checkers.size >= KEPT) checkers.delete(checkers.keys().next().value!);
  checkers.set(text, checker);
  return checker;
}
