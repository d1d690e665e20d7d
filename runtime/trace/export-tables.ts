/** A run as two tables: one row a rollout, one row a token. Rows are made as they are asked for. */
import { basename } from 'node:path';
import type { CallRecord, IndexEntry, RolloutRecord, RunInfo } from '../protocol/trace.ts';
import { entropyOf, rankOf } from './alternatives.ts';
import { isTrained } from './entry.ts';
import { TokenTexts, type TokenBytes } from './token-texts.ts';

/**
 * `name`: told by the configuration or the code. `said`: written by a model or a tool, so it may hold anything.
 * `float`: has no more than 32 bits.
 */
export type Kind = 'name' | 'said' | 'bytes' | 'integer' | 'float' | 'double' | 'flag';
export type Cell = string | number | boolean | Uint8Array | null;

export interface Column {
  name: string;
  kind: Kind;
}

/** In the order of the columns. */
export type Row = readonly Cell[];
/** Some rows, column by column. */
export type Rows = readonly Cell[][];

export interface Table {
  readonly columns: readonly Column[];
  rowsOf(record: RolloutRecord, entry: IndexEntry): Iterable<Row>;
}

export interface Known {
  run: RunInfo;
  /** As the training used it, by rollout. */
  advantages: ReadonlyMap<string, number>;
  /** Absent: tokens have their ids alone. */
  vocabulary?: TokenBytes | undefined;
}

/** Of one row: a value for each column, from whatever one row is made of. */
type Cells<Of> = readonly (readonly [name: string, kind: Kind, of: (from: Of) => Cell | undefined])[];

interface OfRollout {
  record: RolloutRecord;
  entry: IndexEntry;
  known: Known;
}

const ROLLOUT: Cells<OfRollout> = [
  ['run', 'name', ({ known }) => known.run.run],
  ['rollout', 'name', ({ record }) => record.rollout],
  ['step', 'integer', ({ record }) => record.step],
  ['split', 'name', ({ record }) => record.split],
  ['task', 'name', ({ record }) => record.taskId],
  ['task_index', 'integer', ({ record }) => record.taskIndex],
  ['sample', 'integer', ({ record }) => record.sample],
  ['attempt', 'integer', ({ record }) => record.attempt],
  ['status', 'name', ({ record }) => record.status],
  ['reward', 'double', ({ record }) => record.reward],
  ['success', 'flag', ({ record }) => record.success],
  ['advantage', 'double', ({ record, known }) => advantageOf(known, record)],
  ['roles', 'name', ({ record }) => distinct(record.calls.map(({ role }) => role))],
  ['turns', 'integer', ({ record }) => record.calls.length],
  ['prompt_tokens', 'integer', ({ entry }) => entry.prompt],
  ['sampled_tokens', 'integer', ({ entry }) => entry.sampled],
  ['trained_tokens', 'integer', ({ entry }) => entry.trained],
  ['flags', 'name', ({ entry }) => entry.flags.join(',')],
  ['duration_ms', 'double', ({ record }) => record.duration],
  ['started', 'name', ({ record }) => record.started],
  ['workflow', 'name', ({ record }) => record.workflow],
  ['policies', 'name', ({ record }) => distinct(record.calls.map(({ policy }) => policy))],
  ['first_version', 'integer', ({ record }) => record.calls.find(({ version }) => version !== null)?.version],
  ['judge', 'name', ({ record }) => record.judge?.name],
  ['parent_run', 'name', ({ record, known }) => record.parent && parentRun(known.run)],
  ['parent_rollout', 'name', ({ record }) => record.parent?.rollout],
  ['parent_call', 'integer', ({ record }) => record.parent?.call],
  ['parent_token', 'integer', ({ record }) => record.parent?.token],
  ['error_code', 'name', ({ record }) => record.error?.code],
  ['error', 'said', ({ record }) => record.error?.message],
];

export function rolloutTable(known: Known): Table {
  return {
    columns: ROLLOUT.map(([name, kind]) => ({ name, kind })),
    rowsOf: (record, entry) => [ROLLOUT.map(([, , of]) => of({ record, entry, known }) ?? null)],
  };
}

interface OfToken {
  run: string;
  record: RolloutRecord;
  call: CallRecord;
  /** Its place among all tokens of the call, its prompt first. */
  place: number;
  /** Its place in the answer; -1 where it was sent. */
  sampledAt: number;
  id: number;
  target: boolean;
  reason: string | null;
  advantage: number | null;
  text: string | null;
  bytes: Uint8Array | null;
}

const TOKEN: Cells<OfToken> = [
  ['run', 'name', ({ run }) => run],
  ['rollout', 'name', ({ record }) => record.rollout],
  ['call', 'integer', ({ call }) => call.index],
  ['index', 'integer', ({ place }) => place],
  ['id', 'integer', ({ id }) => id],
  ['text', 'said', ({ text }) => text],
  ['bytes', 'bytes', ({ bytes }) => bytes],
  ['role', 'name', ({ call }) => call.role],
  ['sampled', 'flag', ({ sampledAt }) => sampledAt >= 0],
  ['logprob', 'float', ({ call, sampledAt }) => call.tokens!.logprobs?.[sampledAt]],
  ['rank', 'integer', ({ call, sampledAt, id }) => (sampledAt < 0 || call.tokens!.top === undefined ? null : rankOf(call.tokens!.top, sampledAt, id) || null)],
  ['entropy', 'double', ({ call, sampledAt }) => (sampledAt < 0 || call.tokens!.top === undefined ? null : finite(entropyOf(call.tokens!.top, sampledAt)))],
  ['target', 'flag', ({ target }) => target],
  ['reason', 'name', ({ reason }) => reason],
  ['advantage', 'double', ({ advantage }) => advantage],
  ['version', 'integer', ({ call }) => call.version],
  ['file', 'name', ({ call }) => call.site?.file],
  ['line', 'integer', ({ call }) => call.site?.line],
];

/**
 * Each token once: what a call sent anew, and its answer. The whole prompt of a call is that of the call it goes on from, its answer, and
 * these; `index` counts all of them.
 */
export function tokenTable(known: Known): Table {
  const texts = known.vocabulary && new TokenTexts(known.vocabulary);
  const run = known.run.run;
  return {
    columns: TOKEN.map(([name, kind]) => ({ name, kind })),
    *rowsOf(record) {
      const ends = new Map<number, number>();
      for (const call of record.calls) {
        const { tokens } = call;
        if (tokens === undefined) continue;
        const begin = tokens.from === null ? 0 : ends.get(tokens.from) ?? 0;
        const trained = isTrained(call);
        const reason = trained ? null : call.why ?? (call.target ? 'no-logprobs' : 'role-not-a-target');
        const advantage = trained ? advantageOf(known, record) : null;
        const count = tokens.tail.length + tokens.sampled.length;
        texts?.begin();
        for (let at = 0; at < count; at++) {
          const sampledAt = at - tokens.tail.length;
          const sampled = sampledAt >= 0;
          const id = sampled ? tokens.sampled[sampledAt]! : tokens.tail[at]!;
          const token: OfToken = {
            run, record, call, place: begin + at, sampledAt, id,
            target: sampled && trained, reason: sampled ? reason : null, advantage: sampled ? advantage : null,
            text: texts?.next(id, at === count - 1) ?? null, bytes: known.vocabulary?.bytes(id) ?? null,
          };
          yield TOKEN.map(([, , of]) => of(token) ?? null);
        }
        ends.set(call.index, begin + count);
      }
    },
  };
}

/** A fork is in a run of its own. */
function parentRun({ replay, run }: RunInfo): string {
  return replay === undefined ? run : basename(replay.dir);
}

function advantageOf({ advantages }: Known, { rollout }: RolloutRecord): number | null {
  return finite(advantages.get(rollout) ?? NaN);
}

const finite = (value: number): number | null => (Number.isNaN(value) ? null : value);
const distinct = (names: readonly string[]): string => [...new Set(names)].join(',');
