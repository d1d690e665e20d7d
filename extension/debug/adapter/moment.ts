/** A rollout at one point: what it stands at, and all that has happened up to there. */
import type { ChatMessage, Sampling } from '../../../runtime/protocol/chat.ts';
import type { JsonObject } from '../../../runtime/protocol/json.ts';
import type { Stopped } from '../../../runtime/protocol/stops.ts';
import type { TokenWords } from './token-words.ts';
import { callOf, messagesOf, promptIds, type CallRecord, type JudgeRecord, type RolloutRecord, type ToolRecord } from '../../../runtime/trace/index.ts';

export interface Moment {
  dir: string;
  stop: Stopped;
  calls: readonly CallRecord[];
  tools: readonly ToolRecord[];
  /** The call it stands at: one that waits, one that was answered, or the one before a tool. */
  call: number | undefined;
  /** The task as it was stored; a rollout that goes on has not told yet. */
  task?: JsonObject;
  edits: Edits;
  words: TokenWords;
}

/** What a person changed in a call that waits, until it goes on. */
export interface Edits {
  messages?: ChatMessage[];
  sampling?: Partial<Sampling>;
}

/** One call of a moment: recorded, or about to be made. */
export interface CallView {
  index: number;
  role: string;
  messages: ChatMessage[];
  sampling: Sampling;
  prompt: { ids: number[]; text?: string } | undefined;
  record: CallRecord | undefined;
}

export function callView(moment: Moment, index: number): CallView {
  const { stop: { call: pending }, edits } = moment;
  if (pending?.index === index) {
    return {
      index, role: pending.role, prompt: pending.prompt, record: undefined,
      messages: edits.messages ?? pending.messages, sampling: { ...pending.sampling, ...edits.sampling },
    };
  }
  const record = callOf(moment, index);
  const ids = promptIds(moment, index);
  return { index, role: record.role, record, messages: [...messagesOf(moment, index), record.reply], sampling: record.sampling, prompt: ids === null ? undefined : { ids } };
}

export function rewardOf({ stop }: Moment): { reward: number | null | undefined; judge: JudgeRecord | undefined } {
  return { reward: stop.reward ?? stop.judge?.reward ?? stop.reward, judge: stop.judge };
}

/** Events say that it stands; whoever wants its tokens asks for them. */
export function withoutTokens({ call, answered, ...stop }: Stopped): Stopped {
  return { ...stop, ...(call && { call: { ...call, prompt: undefined } }), ...(answered && { answered: { ...answered, tokens: undefined } }) };
}

/** Of a rollout that is held: the records that are written, and what the stop tells itself. */
export function liveMoment({ dir, stop, edits, words }: Pick<Moment, 'dir' | 'stop' | 'edits' | 'words'>, written: { calls: readonly CallRecord[]; tools: readonly ToolRecord[]; task?: JsonObject }): Moment {
  const { answered } = stop;
  const known = answered === undefined || written.calls.some(({ index }) => index === answered.index);
  const calls = known ? written.calls : [...written.calls, answered!];
  return { dir, stop, calls, tools: written.tools, task: written.task, edits, words, call: stop.call?.index ?? answered?.index ?? calls.at(-1)?.index };
}

/** The points of a stored rollout that can be walked to: its calls and tools in the order they ran, then its end. */
export function storedMoments(dir: string, record: RolloutRecord, words: TokenWords): Moment[] {
  const { calls, tools, task } = record;
  const common = { dir, task, edits: {}, words };
  const base = { rollout: record.rollout, attempt: record.attempt, task: record.taskId, sample: record.sample, points: [] };
  const moments: Moment[] = [];
  const toolsAfter = (count: number): void => {
    for (const tool of tools.filter(({ afterCalls }) => afterCalls === count)) {
      moments.push({
        ...common, calls: calls.slice(0, count), tools: tools.slice(0, tool.index + 1), call: calls[count - 1]?.index,
        stop: { ...base, on: 'tool', text: '', stack: placeList(tool.site), tool: { name: tool.name, arguments: tool.arguments, result: tool.result } },
      });
    }
  };
  toolsAfter(0);
  for (const [at, call] of calls.entries()) {
    moments.push({
      ...common, calls: calls.slice(0, at + 1), tools: tools.filter(({ afterCalls }) => afterCalls <= at), call: call.index,
      stop: { ...base, on: 'answer', text: '', stack: placeList(call.site), answered: call },
    });
    toolsAfter(at + 1);
  }
  const { error, reward, judge } = record;
  const last = { ...common, calls, tools, call: calls.at(-1)?.index };
  moments.push({ ...last, stop: { ...base, on: error === undefined ? 'judge' : 'error', text: '', stack: placeList(error?.where ?? calls.at(-1)?.site), error, reward, judge } });
  return moments;
}

function placeList<T>(place: T | undefined): T[] {
  return place === undefined ? [] : [place];
}
