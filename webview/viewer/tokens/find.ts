/** Finds tokens by text, by id (`#123`), by role (`@tool`), in a whole timeline at once. */
import type { Timeline } from '../../../runtime/protocol/viewer.ts';

export interface Found {
  /** First token of each place, ascending. */
  at: Uint32Array;
  /** 1 for each token that is part of one. */
  marks: Uint8Array;
}

const MOST = 100_000;

export function find(timeline: Timeline, query: string): Found {
  const marks = new Uint8Array(timeline.count);
  const at: number[] = [];
  if (query === '') return { at: new Uint32Array(0), marks };
  const id = /^#(\d+)$/.exec(query)?.[1];
  const role = /^@([\p{L}\p{N}_-]+)$/u.exec(query)?.[1]?.toLowerCase();
  if (id !== undefined) {
    for (let token = timeline.id.indexOf(Number(id)); token !== -1; token = timeline.id.indexOf(Number(id), token + 1)) {
      at.push(token);
      marks[token] = 1;
    }
  } else if (role !== undefined) {
    const roles = new Map(timeline.calls.map((call) => [call.index, call.role.toLowerCase()]));
    for (const segment of timeline.segments) {
      const own = segment.kind === 'answer' ? roles.get(segment.call) === role || segment.role === role : segment.role === role;
      if (!own) continue;
      at.push(segment.from);
      marks.fill(1, segment.from, segment.to);
    }
  } else findText(timeline, query, at, marks);
  return { at: Uint32Array.from(at), marks };
}

function findText({ text, start, count }: Timeline, query: string, at: number[], marks: Uint8Array): void {
  // A query with a capital means it.
  const exact = query !== query.toLowerCase();
  const lower = exact ? text : text.toLowerCase();
  const hay = lower.length === text.length ? lower : text;
  let token = 0;
  for (let place = hay.indexOf(query); place !== -1 && at.length < MOST; place = hay.indexOf(query, place + query.length)) {
    while (token + 1 < count && start[token + 1]! <= place) token++;
    at.push(token);
    for (let i = token; i < count && start[i]! < place + query.length; i++) marks[i] = 1;
  }
}

/** The place at or after `token`, around the end; -1: there is none. */
export function nextPlace(at: Uint32Array, token: number, step: 1 | -1): number {
  if (at.length === 0) return -1;
  let low = 0;
  let high = at.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (step === 1 ? at[middle]! <= token : at[middle]! < token) low = middle + 1;
    else high = middle;
  }
  return step === 1 ? low % at.length : (low - 1 + at.length) % at.length;
}
