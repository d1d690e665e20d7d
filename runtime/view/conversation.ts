/** A rollout as a conversation: each message once, in the order of its tokens, branches told apart. */
import type { ErrorInfo } from '../protocol/errors.ts';
import type { CallRecord, RolloutRecord } from '../protocol/trace.ts';
import type { Conversation, Timeline } from '../protocol/viewer.ts';
import { toolsOf, type InFlight } from '../trace/index.ts';

export function conversationOf(record: RolloutRecord | InFlight, timeline: Timeline): Conversation {
  const sealed = 'status' in record;
  const { calls, tools } = record;
  const last = calls.at(-1);
  return {
    rollout: timeline.rollout,
    status: sealed ? record.status : 'running',
    task: sealed ? record.task : null,
    reward: sealed ? record.reward : null,
    success: sealed ? record.success : null,
    metadata: sealed ? record.metadata : null,
    ...(sealed && record.judge !== undefined && { judge: record.judge }),
    ...(sealed && record.error !== undefined && { error: record.error as ErrorInfo }),
    ...(sealed && record.parent !== undefined && { parent: record.parent }),
    log: sealed ? record.log ?? [] : [],
    tools,
    turns: turnsOf(calls, timeline),
    offered: last === undefined ? [] : toolsOf(record, last.index) ?? [],
  };
}

function turnsOf(calls: readonly CallRecord[], timeline: Timeline): Conversation['turns'] {
  const turns: Conversation['turns'] = [];
  const answers = new Map(timeline.calls.map((call) => [call.index, call.answer]));
  const next = new Map<number | null, CallRecord[]>();
  for (const call of calls) next.set(call.history.from, [...(next.get(call.history.from) ?? []), call]);
  let branches = 0;
  /** Depth first, with a stack: a record may go as deep as it likes. */
  const open: { call: CallRecord; branch: number }[] = [];
  const push = (from: number | null, branch: number): void => {
    const following = next.get(from) ?? [];
    for (let i = following.length - 1; i >= 0; i--) open.push({ call: following[i]!, branch: i === 0 ? branch : (branches += 1) });
  };
  push(null, 0);
  for (let one = open.pop(); one !== undefined; one = open.pop()) {
    const { call, branch } = one;
    const prompts = promptSegments(timeline, call.index);
    const { add } = call.history;
    // A template may open the answer's message in the prompt already.
    const aligned = prompts.length === add.length || prompts.length === add.length + 1;
    add.forEach((message, i) => turns.push({ call: call.index, message, segment: aligned ? prompts[i]! : prompts[0] ?? null, branch }));
    turns.push({ call: call.index, message: call.reply, segment: answers.get(call.index) ?? null, branch });
    push(call.index, branch);
  }
  return turns;
}

function promptSegments({ segments }: Timeline, call: number): number[] {
  return segments.flatMap((segment, place) => (segment.call === call && segment.kind === 'prompt' && segment.role !== 'template' ? [place] : []));
}
