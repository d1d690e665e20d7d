import type { CallRecord, IndexEntry, RolloutRecord, RunInfo, ToolRecord } from '../protocol/trace.ts';
import { TRACE_VERSION } from '../protocol/trace.ts';
import { describe, isObject } from './check.ts';
import type { Check } from './check.ts';
import { callCheck, entryCheck, rolloutCheck, runCheck, toolCheck } from './checks.ts';

/** A value that came from a file, or one clause that says why it is none. */
export type Decoded<T> = { value: T } | { cause: string };

export function parseJson(text: string): Decoded<unknown> {
  try {
    return { value: JSON.parse(text) };
  } catch (error) {
    return { cause: `it is not JSON (${(error as Error).message})` };
  }
}

export function decodeRollout(text: string): Decoded<RolloutRecord> {
  const parsed = parseJson(text);
  if ('cause' in parsed) return parsed;
  const decoded = checked<RolloutRecord>(parsed.value, rolloutCheck);
  if ('value' in decoded) decoded.value.calls.forEach(exactFloats);
  return decoded;
}

export function decodeCall(value: unknown): Decoded<CallRecord> {
  const decoded = checked<CallRecord>(value, callCheck);
  if ('value' in decoded) exactFloats(decoded.value);
  return decoded;
}

export const decodeTool = (value: unknown): Decoded<ToolRecord> => checked(value, toolCheck);
export const decodeEntry = (value: unknown): Decoded<IndexEntry> => checked(value, entryCheck);
export const decodeRun = (value: unknown): Decoded<RunInfo> => checked(value, runCheck);

export function checked<T>(value: unknown, check: Check): Decoded<T> {
  if (isObject(value) && typeof value['v'] === 'number' && value['v'] > TRACE_VERSION) {
    return { cause: `it was written in version ${value['v']} of the trace format, and this Tuning Fork reads up to ${TRACE_VERSION}` };
  }
  const found = check(value);
  return found ? { cause: describe(found) } : { value: value as T };
}

/** What is written is the shortest decimal; the number meant is the float32 next to it. */
function exactFloats(call: CallRecord): void {
  toFloat32(call.tokens?.logprobs);
  toFloat32(call.tokens?.top?.logprobs);
}

function toFloat32(numbers: number[] | undefined): void {
  if (!numbers) return;
  for (let i = 0; i < numbers.length; i++) numbers[i] = Math.fround(numbers[i]!);
}
