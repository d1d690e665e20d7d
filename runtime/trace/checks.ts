import type { ChatMessage, Sampling, ToolCall, ToolDefinition } from '../protocol/chat.ts';
import type { ErrorInfo, Place } from '../protocol/errors.ts';
import { TRACE_VERSION } from '../protocol/trace.ts';
import type {
  CallRecord, CallTokens, Echo, IndexEntry, JudgeRecord, ProcessStamp, Replay, RolloutPlace, RolloutRecord, RunInfo, ToolRecord,
} from '../protocol/trace.ts';
import {
  count, either, flag, integer, json, jsonObject, list, nullable, number, numbers, object, oneOf, optional, problem, record, text,
} from './check.ts';
import type { Check, Problem } from './check.ts';

export const STATUSES = ['finished', 'failed', 'cancelled'] as const;
export const SPLITS = ['training', 'validation'] as const;
const FINISHES = ['stop', 'length', 'tool_calls'];
const CONTINUATIONS = ['start', 'continued', 'rewritten', 'template', 'untracked'];
const RECOGNISED = ['tool-call-id', 'place', 'content'];
const CHANGED = ['text', 'reasoning', 'arguments', 'ids', 'grouping'];
const REASONS = [
  'role-not-a-target', 'rollout-failed', 'over-long', 'undelivered', 'intervened', 'no-token-ids', 'no-logprobs', 'no-reward',
  'no-spread', 'stale', 'validation',
];

const version = oneOf(TRACE_VERSION);

const place = object<Place>({ file: text, line: optional(count), column: optional(count), key: optional(text) });

const errorInfo = object<ErrorInfo>({ code: text, message: text, next: optional(text), where: optional(place), stack: optional(text) });

const toolCall = object<ToolCall>({
  id: text,
  type: oneOf('function'),
  function: object<ToolCall['function']>({ name: text, arguments: text }),
});

const message = object<ChatMessage>({
  role: oneOf('system', 'user', 'assistant', 'tool'),
  content: text,
  reasoning: optional(text),
  name: optional(text),
  tool_calls: optional(list(toolCall)),
  tool_call_id: optional(text),
});

const toolDefinition = object<ToolDefinition>({
  type: oneOf('function'),
  function: object<ToolDefinition['function']>({ name: text, description: optional(text), parameters: optional(jsonObject) }),
});

const sampling = object<Sampling>({
  temperature: number, topP: number, topK: number, maxTokens: number, stop: optional(list(text)), seed: optional(number),
});

const ids = numbers((value) => Number.isSafeInteger(value) && value >= 0, count);

/** -0 is refused too: JSON would turn it into 0, and a log-probability is kept exactly or not at all. */
const logprobs = numbers(
  (value) => Number.isFinite(Math.fround(value)) && typeof value === 'number' && !Object.is(value, -0),
  (value) => {
    if (typeof value !== 'number') return number(value);
    const what = Object.is(value, -0) ? 'is -0, which JSON cannot hold (add 0 to it where it is made)' : `is ${value}, not a finite float32`;
    return { path: '', what, code: 'non-finite' };
  },
);

const tokens = object<CallTokens>({
  from: nullable(count),
  tail: ids,
  sampled: ids,
  logprobs: optional(logprobs),
  top: optional(object<NonNullable<CallTokens['top']>>({ k: count, ids, logprobs })),
}, ({ sampled, logprobs: own, top }) => {
  if (own && own.length !== sampled.length) {
    return problem(`has ${own.length} numbers for ${sampled.length} sampled tokens`, '.logprobs');
  }
  if (top && (top.ids.length !== top.k * sampled.length || top.logprobs.length !== top.ids.length)) {
    return problem(`has ${top.ids.length} ids and ${top.logprobs.length} numbers for ${sampled.length} sampled tokens times ${top.k}`, '.top');
  }
  return undefined;
});

export const callCheck = object<CallRecord>({
  index: count,
  id: text,
  role: text,
  target: flag,
  policy: text,
  version: nullable(number),
  site: optional(place),
  start: number,
  duration: number,
  sampling,
  history: object<CallRecord['history']>({ from: nullable(count), add: list(message) }),
  tools: optional(either(count, (value) => typeof value === 'number', list(toolDefinition))),
  reply: message,
  finish: oneOf(...FINISHES),
  continuation: oneOf(...CONTINUATIONS),
  restored: optional(count),
  echoes: optional(list(object<Echo>({ call: count, by: oneOf(...RECOGNISED), changed: list(oneOf(...CHANGED)) }))),
  tokens: optional(tokens),
  usage: object<CallRecord['usage']>({ prompt: count, completion: count, cached: count }),
  why: optional(oneOf(...REASONS)),
  malformed: optional(text),
  edited: optional(object<NonNullable<CallRecord['edited']>>({ asked: text, kept: flag })),
}, (call) => {
  for (const [path, from] of references(call)) {
    if (from >= call.index) return problem(`is ${from}, not an earlier call than ${call.index}`, path);
  }
  return undefined;
});

function references(call: CallRecord): [path: string, from: number][] {
  const found: [string, number][] = [];
  if (call.history.from !== null) found.push(['.history.from', call.history.from]);
  if (typeof call.tools === 'number') found.push(['.tools', call.tools]);
  if (call.tokens && call.tokens.from !== null) found.push(['.tokens.from', call.tokens.from]);
  return found;
}

export const toolCheck = object<ToolRecord>({
  index: count,
  afterCalls: count,
  name: text,
  arguments: text,
  result: text,
  error: optional(flag),
  duration: number,
  site: optional(place),
});

const judge = object<JudgeRecord>({
  name: text, reward: number, success: nullable(flag), parts: optional(record(number)), reason: optional(text),
});

/** It becomes a part of URLs, and of index lines, which are short. */
const rolloutId: Check = (value) => text(value)
  ?? (/^[\w.-]{1,32}$/.test(value as string) ? undefined : problem(`is ${JSON.stringify(value)}, not 1 to 32 letters, digits, _ . or -`));

const placeFields = {
  run: text, rollout: rolloutId, step: integer, split: oneOf(...SPLITS), taskIndex: count, taskId: text, sample: count,
};

export const placeCheck = object<RolloutPlace>(placeFields);

export const rolloutCheck = object<RolloutRecord>({
  ...placeFields,
  v: version,
  attempt: count,
  workflow: text,
  task: jsonObject,
  status: oneOf(...STATUSES),
  reward: nullable(number),
  success: nullable(flag),
  judge: optional(judge),
  metadata: jsonObject,
  metrics: optional(jsonObject),
  error: optional(errorInfo),
  started: text,
  duration: number,
  parent: optional(object<NonNullable<RolloutRecord['parent']>>({ rollout: text, call: count, token: optional(count) })),
  calls: list(callCheck),
  tools: list(toolCheck),
  log: optional(list(text)),
}, checkReferences);

/** Every `from` names a call of this rollout, and one with tokens where tokens are meant. */
function checkReferences({ calls }: RolloutRecord): Problem | undefined {
  const byIndex = new Map<number, CallRecord>();
  for (const [i, call] of calls.entries()) {
    if (byIndex.has(call.index)) return problem(`is ${call.index}, which an earlier call has already`, `.calls[${i}].index`);
    byIndex.set(call.index, call);
  }
  for (const [i, call] of calls.entries()) {
    for (const [path, from] of references(call)) {
      const earlier = byIndex.get(from);
      if (!earlier) return problem(`is ${from}, and there is no such call`, `.calls[${i}]${path}`);
      if (path === '.tokens.from' && !earlier.tokens) return problem(`is ${from}, a call without tokens`, `.calls[${i}]${path}`);
      if (path === '.tools' && earlier.tools === undefined) return problem(`is ${from}, a call without tools`, `.calls[${i}]${path}`);
    }
  }
  return undefined;
}

export const entryCheck = object<IndexEntry>({
  id: text,
  attempt: count,
  step: integer,
  split: oneOf(...SPLITS),
  task: text,
  taskIndex: count,
  sample: count,
  status: oneOf(...STATUSES),
  reward: nullable(number),
  success: nullable(flag),
  duration: number,
  flags: list(text),
  roles: optional(list(text)),
  calls: count,
  prompt: count,
  sampled: count,
  trained: count,
  file: count,
  offset: count,
  length: count,
});

const stamp = object<ProcessStamp>({ pid: count, started: text });

export const runCheck = object<RunInfo>({
  v: version,
  run: text,
  project: text,
  experiment: text,
  kind: oneOf('rollout', 'replay', 'check', 'training', 'rejudge', 'test'),
  created: text,
  finished: optional(text),
  state: oneOf('running', 'finished', 'failed', 'cancelled'),
  conf: text,
  config: json,
  given: optional(list(text)),
  workflow: text,
  policy: text,
  tokenizer: optional(object<NonNullable<RunInfo['tokenizer']>>({ sha256: text, template: text })),
  planned: count,
  files: optional(record(text)),
  source: optional(text),
  replay: optional(object<Replay>({ dir: text, rollout: text, untilCall: optional(count), untilToken: optional(count), forks: count })),
  error: optional(errorInfo),
  backbone: optional(stamp),
  workers: optional(list(stamp)),
});
