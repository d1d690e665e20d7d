import type { ChatMessage, ToolDefinition } from '../protocol/chat.ts';
import { TuningForkError } from '../protocol/errors.ts';
import type { CallRecord } from '../protocol/trace.ts';

/** A sealed record, or a rollout in flight: whatever has calls. `k` is a call's `index`, not its place in the list. */
export interface WithCalls {
  readonly calls: readonly CallRecord[];
}

export function callOf({ calls }: WithCalls, k: number): CallRecord {
  const guess = calls[k];
  const call = guess?.index === k ? guess : calls.find(({ index }) => index === k);
  if (!call) throw new TuningForkError('trace', `There is no call ${k} in this rollout; it has ${calls.length}.`);
  return call;
}

/** Indices of the earlier calls that a call's record builds on. */
export function references(call: CallRecord): number[] {
  const froms = [call.history.from, call.tokens?.from, call.tools];
  return froms.filter((from) => typeof from === 'number');
}

/** The whole prompt of call k as token ids, or null where its model told none. */
export function promptIds(rollout: WithCalls, k: number): number[] | null {
  if (!callOf(rollout, k).tokens) return null;
  const parts: (readonly number[])[] = [];
  for (let at: number | null = k; at !== null;) {
    const { tokens } = callOf(rollout, at);
    if (!tokens) throw new TuningForkError('trace', `The tokens of call ${k} build on call ${at}, which has none.`);
    if (at !== k) parts.push(tokens.sampled);
    parts.push(tokens.tail);
    at = earlier(at, tokens.from);
  }
  return parts.reverse().flat();
}

/** All messages that were sent with call k. */
export function messagesOf(rollout: WithCalls, k: number): ChatMessage[] {
  const parts: (readonly ChatMessage[])[] = [];
  for (let at: number | null = k; at !== null;) {
    const { history, reply } = callOf(rollout, at);
    if (at !== k) parts.push([reply]);
    parts.push(history.add);
    at = earlier(at, history.from);
  }
  return parts.reverse().flat();
}

/** The tools that were offered with call k. */
export function toolsOf(rollout: WithCalls, k: number): ToolDefinition[] | undefined {
  for (let at = k;;) {
    const { tools } = callOf(rollout, at);
    if (typeof tools !== 'number') return tools;
    at = earlier(at, tools)!;
  }
}

/** A record of hostile or unchecked origin must not send us in circles. */
function earlier(at: number, from: number | null): number | null {
  if (from !== null && from >= at) throw new TuningForkError('trace', `Call ${at} builds on call ${from}, which is not earlier.`);
  return from;
}
