/** What became of the history that a workflow sent with each call: gone on from, put back, or a new branch, and why. */
import type { ChatMessage } from '../protocol/chat.ts';
import type { CallRecord, Continuation, Echo, RolloutRecord } from '../protocol/trace.ts';
import { messagesOf } from '../trace/index.ts';

export interface CallHistory {
  call: number;
  role: string;
  continuation: Continuation;
  /** The earlier call whose prompt and answer this prompt begins with, token for token. */
  from: number | null;
  /** Answers that came back changed and were put back; told where they did first. */
  restored: Echo[];
  /** Where it leaves the earlier call that it has most in common with. */
  branch?: Branch;
}

export interface Branch {
  call: number;
  /** The first message that differs, from 1 on; the answer of that call is the last of its own. */
  message: number;
  because: Because;
  was?: string;
  is?: string;
}

export type Because = 'asked-again' | 'system' | 'text' | 'arguments' | 'tool-calls' | 'result' | 'left-out' | 'added' | 'tools' | 'template';

export function historyOf(record: Pick<RolloutRecord, 'calls'>): CallHistory[] {
  const { calls } = record;
  const sent = calls.map(({ index }) => messagesOf(record, index));
  return calls.map((call, index): CallHistory => {
    const branch = branchOf(call, sent[index]!, calls.slice(0, index).map((earlier, at) => [...sent[at]!, earlier.reply]), calls);
    return { call: call.index, role: call.role, continuation: call.continuation, from: call.tokens?.from ?? call.history.from, restored: call.echoes ?? [], ...(branch && { branch }) };
  });
}

function branchOf(call: CallRecord, messages: readonly ChatMessage[], earlier: readonly ChatMessage[][], calls: readonly CallRecord[]): Branch | undefined {
  if (call.continuation === 'continued' || call.continuation === 'untracked' || earlier.length === 0) return undefined;
  const shared = earlier.map((each) => sharedMessages(each, messages));
  // The newest of those that share most.
  const nearest = shared.lastIndexOf(Math.max(...shared));
  const before = earlier[nearest]!;
  const at = shared[nearest]!;
  const told = (because: Because, more: Partial<Branch> = {}): Branch => ({ call: calls[nearest]!.index, message: at + 1, because, ...more });
  if (call.continuation === 'template') return told('template');
  if (at === messages.length && at === before.length - 1) return told('asked-again');
  if (call.continuation === 'start') return undefined;
  const was = before[at];
  const is = messages[at];
  if (was === undefined || is === undefined) return told('tools');
  if (was.role === 'assistant' && is.role === 'assistant') {
    const differs = assistantDiffers(was, is);
    if (differs !== undefined && !messages.slice(at + 1).some((each) => same(each, was))) return told(differs.because, differs);
  }
  if (before.slice(at + 1).some((each) => same(each, is))) return told('left-out', { was: textOf(was) });
  if (messages.slice(at + 1).some((each) => same(each, was))) return told('added', { is: textOf(is) });
  const because = was.role === 'system' || is.role === 'system' ? 'system' : is.role === 'tool' && was.role === 'tool' ? 'result' : 'text';
  return told(because, { was: textOf(was), is: textOf(is) });
}

function sharedMessages(before: readonly ChatMessage[], messages: readonly ChatMessage[]): number {
  let at = 0;
  while (at < before.length && at < messages.length && same(before[at]!, messages[at]!)) at++;
  return at;
}

function same(a: ChatMessage, b: ChatMessage): boolean {
  return a.role === b.role && a.content === b.content && a.tool_call_id === b.tool_call_id && JSON.stringify(a.tool_calls) === JSON.stringify(b.tool_calls);
}

function assistantDiffers(was: ChatMessage, is: ChatMessage): Pick<Branch, 'because' | 'was' | 'is'> | undefined {
  const before = was.tool_calls ?? [];
  const after = is.tool_calls ?? [];
  if (before.length !== after.length || before.some((call, index) => call.function.name !== after[index]!.function.name)) {
    return { because: 'tool-calls', was: before.map(({ function: { name } }) => name).join(', '), is: after.map(({ function: { name } }) => name).join(', ') };
  }
  const other = before.findIndex((call, index) => call.function.arguments !== after[index]!.function.arguments);
  if (was.content.trim() === is.content.trim() && other !== -1) return { because: 'arguments', was: before[other]!.function.arguments, is: after[other]!.function.arguments };
  return was.content === is.content ? undefined : { because: 'text', was: was.content, is: is.content };
}

function textOf(message: ChatMessage): string {
  return message.content === '' ? (message.tool_calls ?? []).map(({ function: { name, arguments: args } }) => `${name}(${args})`).join(' ') : message.content;
}
