import type { CallRecord, CallTokens, RolloutRecord } from '../protocol/trace.ts';
import { callCheck, rolloutCheck } from './checks.ts';
import { refused } from './errors.ts';
import { shortestDouble } from './float32.ts';

/** One rollout as one line of JSON, without the line feed. Refuses what could not be read back as it is. */
export function encodeRollout(record: RolloutRecord): string {
  const found = rolloutCheck(record);
  if (found) throw refused(`Rollout ${String(record?.rollout)}`, found);
  return JSON.stringify({ ...record, calls: record.calls.map(compactCall) });
}

export function encodeCall(rollout: string, call: CallRecord): string {
  const found = callCheck(call);
  if (found) throw refused(`Call ${String(call?.index)} of rollout ${rollout}`, found);
  return JSON.stringify(compactCall(call));
}

function compactCall(call: CallRecord): CallRecord {
  return call.tokens ? { ...call, tokens: compactTokens(call.tokens) } : call;
}

function compactTokens(tokens: CallTokens): CallTokens {
  const { logprobs, top } = tokens;
  return {
    ...tokens,
    ...(logprobs && { logprobs: shortest(logprobs) }),
    ...(top && { top: { ...top, logprobs: shortest(top.logprobs) } }),
  };
}

function shortest(numbers: readonly number[]): number[] {
  return numbers.map((number) => shortestDouble(Math.fround(number)));
}
