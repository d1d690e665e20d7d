import type { CallRecord, IndexEntry, RolloutCounts, RolloutRecord } from '../protocol/trace.ts';
import { isObject } from './check.ts';
import { decodeEntry } from './decode.ts';
import type { Decoded } from './decode.ts';
import { MAX_INDEX_LINE } from './layout.ts';
import { checkedLine, CHECKSUM_BYTES, readLine } from './line.ts';

export type Where = Pick<IndexEntry, 'file' | 'offset' | 'length'>;

/** What the index tells of a record: enough for every list, filter and tree. A long task name is cut; the record has it whole. */
export function summarize(record: RolloutRecord, where: Where): IndexEntry {
  return withShortTask({
    id: record.rollout,
    attempt: record.attempt,
    step: record.step,
    split: record.split,
    task: record.taskId,
    taskIndex: record.taskIndex,
    sample: record.sample,
    status: record.status,
    reward: record.reward,
    success: record.success,
    duration: Math.round(record.duration),
    flags: flagsOf(record),
    roles: shortRoles(record.calls),
    ...countCalls(record.calls),
    ...where,
  });
}

export function countCalls(calls: readonly CallRecord[]): RolloutCounts {
  const counts = { calls: calls.length, prompt: 0, sampled: 0, trained: 0 };
  for (const call of calls) {
    counts.prompt += call.usage.prompt;
    counts.sampled += call.tokens?.sampled.length ?? call.usage.completion;
    if (isTrained(call)) counts.trained += call.tokens!.sampled.length;
  }
  return counts;
}

export function isTrained(call: CallRecord): boolean {
  return call.target && call.why === undefined && call.tokens?.logprobs !== undefined;
}

function flagsOf({ calls, error, parent }: RolloutRecord): string[] {
  const flags: string[] = [];
  if (error) flags.push(`error:${error.code}`);
  if (calls.some(({ finish }) => finish === 'length')) flags.push('truncated');
  if (calls.some(({ malformed }) => malformed !== undefined)) flags.push('malformed');
  if (calls.some(({ continuation }) => continuation === 'rewritten' || continuation === 'template')) flags.push('branched');
  if (calls.some(({ target, tokens }) => target && !tokens?.logprobs)) flags.push('untrainable');
  if (parent) flags.push('fork');
  return flags;
}

/** Bytes of a line that roles may take. */
const ROLES_BYTES = 96;

function shortRoles(calls: readonly CallRecord[]): string[] {
  const roles = [...new Set(calls.map(({ role }) => role))];
  let room = ROLES_BYTES;
  const over = roles.findIndex((role) => (room -= Buffer.byteLength(JSON.stringify(role)) + 1) < 0);
  return over === -1 ? roles : [...roles.slice(0, over), '…'];
}

/** The number of the file is in the file's name. */
export function encodeEntry(entry: IndexEntry): string {
  return checkedLine(withoutFile(entry));
}

function withoutFile(entry: IndexEntry): string {
  return JSON.stringify({ ...entry, file: undefined });
}

function withShortTask(entry: IndexEntry): IndexEntry {
  const over = Buffer.byteLength(withoutFile(entry)) + CHECKSUM_BYTES - MAX_INDEX_LINE;
  return over > 0 ? { ...entry, task: shortened(entry.task, over) } : entry;
}

function shortened(task: string, over: number): string {
  const written = (text: string) => Buffer.byteLength(JSON.stringify(text));
  const room = written(task) - over - Buffer.byteLength('…');
  let cut = '';
  for (const character of task) {
    if (written(cut + character) > room) break;
    cut += character;
  }
  return `${cut}…`;
}

export function readEntry(line: Buffer, file: number): Decoded<IndexEntry> {
  const read = readLine(line);
  return 'cause' in read ? read : decodeEntry(isObject(read.value) ? { ...read.value, file } : read.value);
}
