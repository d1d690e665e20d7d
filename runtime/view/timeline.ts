/** A rollout's tokens as the page draws them: depth first, typed arrays, one entry a token. */
import { TOKEN, type Segment, type Timeline, type TimelineCall } from '../protocol/viewer.ts';
import type { CallRecord, UntrainedReason } from '../protocol/trace.ts';
import { entropyOf, rankOf } from '../trace/alternatives.ts';
import type { WithCalls } from '../trace/resolve.ts';
import { forestOf, type CallEnd, type Run } from './forest.ts';
import { textOf } from './text.ts';
import type { Vocabulary } from './vocabulary.ts';

const ROLES = ['system', 'user', 'assistant', 'tool'] as const;

export function timelineOf(rollout: string, record: WithCalls, vocabulary: Vocabulary | undefined): Timeline {
  const forest = forestOf(record);
  const runs = depthFirst(forest.roots);
  const count = runs.reduce((sum, run) => sum + run.ids.length, 0);
  const id = new Int32Array(count);
  const begin = new Map<Run, number>();
  const breaks = new Set<number>();
  let at = 0;
  for (const [place, run] of runs.entries()) {
    if (place > 0 && run.parent !== runs[place - 1]) breaks.add(at);
    begin.set(run, at);
    id.set(run.ids, at);
    at += run.ids.length;
  }
  const shown = textOf(id, vocabulary, breaks);
  const timeline: Timeline = {
    rollout, count, id, ...shown,
    logprob: new Float32Array(count).fill(NaN),
    rank: new Uint8Array(count),
    entropy: new Float32Array(count).fill(NaN),
    segment: new Uint32Array(count),
    segments: [],
    again: [],
    calls: [],
    notes: notesOf(record),
  };
  const lastOf = new Map<Run, number>();
  for (const run of runs) {
    const from = begin.get(run)!;
    const parent = run.parent === undefined ? null : lastOf.get(run.parent)!;
    if (run.sampledAt === undefined) addPrompt(timeline, run, from, parent);
    else addAnswer(timeline, run, from, parent);
    lastOf.set(run, timeline.segments.length - 1);
  }
  timeline.calls = record.calls.map((call) => callRow(call, forest.ends.get(call.index), lastOf));
  return timeline;
}

function depthFirst(roots: readonly Run[]): Run[] {
  const runs: Run[] = [];
  const open = [...roots].reverse();
  for (let run = open.pop(); run !== undefined; run = open.pop()) {
    runs.push(run);
    for (let child = run.children.length - 1; child >= 0; child--) open.push(run.children[child]!);
  }
  return runs;
}

/** A prompt is cut where a message begins: at a special token with the name of a role behind it. */
function addPrompt(timeline: Timeline, run: Run, from: number, parent: number | null): void {
  const to = from + run.ids.length;
  let role: Segment['role'] = parent === null ? 'template' : timeline.segments[parent]!.kind === 'prompt' ? timeline.segments[parent]!.role : 'template';
  let start = from;
  let above = parent;
  const close = (end: number): void => {
    if (end === start) return;
    timeline.segment.fill(timeline.segments.length, start, end);
    timeline.segments.push({ from: start, to: end, kind: 'prompt', call: run.call.index, role, why: null, parent: above });
    above = timeline.segments.length - 1;
    start = end;
  };
  for (let i = from; i < to; i++) {
    const begun = roleAt(timeline, i, to);
    if (begun === undefined) continue;
    close(i);
    role = begun;
  }
  close(to);
}

function roleAt({ flags, text, start }: Timeline, i: number, to: number): (typeof ROLES)[number] | undefined {
  if ((flags[i]! & TOKEN.special) === 0 || i + 1 >= to) return undefined;
  const word = text.slice(start[i + 1], start[i + 1]! + 12);
  return ROLES.find((role) => word.startsWith(role) && !/^\w/.test(word.slice(role.length)));
}

function addAnswer(timeline: Timeline, run: Run, from: number, parent: number | null): void {
  const { call, ids, sampledAt = 0 } = run;
  // One of those that sampled it is enough.
  const why = run.again.some((other) => whyOf(other.call) === null) ? null : whyOf(call);
  const { logprobs, top } = call.tokens!;
  for (const { call: { index, tokens }, sampledAt: begin } of run.again) {
    timeline.again.push({ segment: timeline.segments.length, call: index, logprob: Float32Array.from(ids, (_, i) => tokens!.logprobs?.[begin + i] ?? NaN) });
  }
  timeline.segment.fill(timeline.segments.length, from, from + ids.length);
  timeline.segments.push({ from, to: from + ids.length, kind: 'answer', call: call.index, role: 'assistant', why, parent });
  for (let i = 0; i < ids.length; i++) {
    const place = from + i;
    timeline.flags[place]! |= TOKEN.sampled | (why === null ? TOKEN.target : 0);
    const logprob = logprobs?.[sampledAt + i];
    if (logprob !== undefined) timeline.logprob[place] = logprob;
    if (top === undefined) continue;
    timeline.entropy[place] = entropyOf(top, sampledAt + i);
    const rank = rankOf(top, sampledAt + i, ids[i]!);
    timeline.rank[place] = rank;
    if (rank > 0) timeline.flags[place]! |= TOKEN.ranked;
  }
}

function whyOf({ why, target }: CallRecord): UntrainedReason | null {
  return why ?? (target ? null : 'role-not-a-target');
}

function callRow(call: CallRecord, end: CallEnd | undefined, lastOf: ReadonlyMap<Run, number>): TimelineCall {
  return {
    index: call.index, role: call.role, target: call.target, policy: call.policy, version: call.version,
    ...(call.site !== undefined && { site: call.site }),
    continuation: call.continuation, from: call.tokens?.from ?? null, restored: call.restored ?? 0, finish: call.finish,
    ...(call.malformed !== undefined && { malformed: call.malformed }),
    edited: call.edited !== undefined, start: call.start, duration: call.duration, sampling: call.sampling,
    prompt: call.usage.prompt, sampled: call.tokens?.sampled.length ?? call.usage.completion, shared: end?.shared ?? 0,
    why: whyOf(call),
    answer: end?.answer === undefined || end.answer.sampledAt === undefined ? null : lastOf.get(end.answer)!,
  };
}

/** Where the tokens stand that a call sampled, in their order. */
export function sampledPlaces({ segments }: Timeline, { answer, sampled }: TimelineCall): number[] {
  const places: number[] = [];
  for (let at = answer; at !== null && places.length < sampled; at = segments[at]!.parent) {
    const { from, to } = segments[at]!;
    for (let place = to - 1; place >= from && places.length < sampled; place--) places.push(place);
  }
  return places.reverse();
}

function notesOf({ calls }: WithCalls): string[] {
  const blind = calls.filter((call) => call.tokens === undefined);
  return blind.length === 0 ? [] : [`no-token-ids ${blind.map((call) => call.index).join(' ')}`];
}
