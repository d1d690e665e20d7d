/** The calls of a rollout as one forest of token runs: what their prompts have in common stands once. */
import type { CallRecord } from '../protocol/trace.ts';
import type { WithCalls } from '../trace/resolve.ts';

/** Tokens of one origin next to each other. */
export interface Run {
  ids: readonly number[];
  /** The call that first sent or sampled them. */
  call: CallRecord;
  /** Where they begin in the call's answer; undefined: they are context. */
  sampledAt: number | undefined;
  /** Later calls that sampled the same here, and where that begins in their answers. */
  again: { call: CallRecord; sampledAt: number }[];
  parent: Run | undefined;
  children: Run[];
}

/** Where a call's prompt and its answer end: the place that later calls go on from. */
export interface CallEnd {
  prompt: Run | undefined;
  answer: Run | undefined;
  /** Tokens of its prompt that stood there already. */
  shared: number;
}

export interface Forest {
  roots: Run[];
  /** By the index of a call; absent for one whose model told no tokens. */
  ends: Map<number, CallEnd>;
}

export function forestOf({ calls }: WithCalls): Forest {
  const forest: Forest = { roots: [], ends: new Map() };
  const lengths = new Map<number, number>();
  for (const call of calls) {
    const { tokens } = call;
    if (tokens === undefined) continue;
    const before = tokens.from === null ? undefined : forest.ends.get(tokens.from);
    const carried = tokens.from === null ? 0 : lengths.get(tokens.from) ?? 0;
    const prompt = insert(forest, before?.answer ?? before?.prompt, tokens.tail, call, undefined);
    const answer = insert(forest, prompt.end, tokens.sampled, call, 0);
    forest.ends.set(call.index, { prompt: prompt.end, answer: answer.end, shared: carried + prompt.shared });
    lengths.set(call.index, carried + tokens.tail.length + tokens.sampled.length);
  }
  return forest;
}

/** Follows what is there as far as it is the same, and adds the rest. A run is cut where a branch leaves it. */
function insert(forest: Forest, at: Run | undefined, ids: readonly number[], call: CallRecord, sampledAt: number | undefined): { end: Run | undefined; shared: number } {
  let end = at;
  let done = 0;
  while (done < ids.length) {
    const siblings: Run[] = end?.children ?? forest.roots;
    const next: Run | undefined = siblings.find((run) => run.ids[0] === ids[done] && (run.sampledAt !== undefined) === (sampledAt !== undefined));
    if (next === undefined) break;
    let same = 1;
    while (same < next.ids.length && done + same < ids.length && next.ids[same] === ids[done + same]) same++;
    if (same < next.ids.length) cut(forest, next, same);
    if (sampledAt !== undefined) next.again.push({ call, sampledAt: sampledAt + done });
    end = next;
    done += same;
  }
  if (done === ids.length) return { end, shared: done };
  const rest: Run = { ids: done === 0 ? ids : ids.slice(done), call, sampledAt: sampledAt === undefined ? undefined : sampledAt + done, again: [], parent: end, children: [] };
  (end?.children ?? forest.roots).push(rest);
  return { end: rest, shared: done };
}

/** The run keeps its first tokens; the others become its only child. */
function cut(forest: Forest, run: Run, length: number): void {
  const later = (sampledAt: number): number => sampledAt + length;
  const rest: Run = { ...run, ids: run.ids.slice(length), sampledAt: run.sampledAt === undefined ? undefined : later(run.sampledAt), again: run.again.map(({ call, sampledAt }) => ({ call, sampledAt: later(sampledAt) })), parent: run };
  for (const child of rest.children) child.parent = rest;
  for (const end of forest.ends.values()) {
    if (end.prompt === run) end.prompt = rest;
    if (end.answer === run) end.answer = rest;
  }
  run.ids = run.ids.slice(0, length);
  run.children = [rest];
}
