import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { TuningForkError } from '../protocol/errors.ts';
import type { CallRecord, RolloutPlace, ToolRecord } from '../protocol/trace.ts';
import { isObject } from './check.ts';
import { placeCheck } from './checks.ts';
import { checked, decodeCall, decodeTool } from './decode.ts';
import type { Decoded } from './decode.ts';
import { damaged, fileError, isMissing } from './errors.ts';
import { JOURNAL, journalFile, journalNumbers } from './layout.ts';
import { checkedLine, lines, readLine } from './line.ts';
import { readRange } from './member.ts';

/** A rollout that has begun and is not sealed: its latest attempt, with the calls that have ended so far, by index. */
export interface InFlight {
  place: RolloutPlace;
  attempt: number;
  /** ISO time. */
  began: string;
  calls: CallRecord[];
  tools: ToolRecord[];
}

/** One line of the journal. */
export type JournalLine =
  | { kind: 'begin'; attempt: number; began: string; place: RolloutPlace }
  | { kind: 'call'; rollout: string; attempt: number; call: CallRecord }
  | { kind: 'tool'; rollout: string; attempt: number; tool: ToolRecord }
  | { kind: 'drop'; rollout: string; attempt: number };

/** `json` is the call as `encodeCall` made it, so that it is written once. */
export function callLine(rollout: string, attempt: number, json: string): string {
  return checkedLine(`{"kind":"call","rollout":${JSON.stringify(rollout)},"attempt":${attempt},"call":${json}}`);
}

export function journalLine(line: Exclude<JournalLine, { kind: 'call' }>): string {
  return checkedLine(JSON.stringify(line));
}

function decodeJournalLine(line: Buffer): Decoded<JournalLine> {
  const read = readLine(line);
  if ('cause' in read) return read;
  const value = read.value;
  if (!isObject(value) || !Number.isSafeInteger(value['attempt'])) return { cause: 'it is no line of a journal' };
  if (value['kind'] === 'begin') {
    const place = checked<RolloutPlace>(value['place'], placeCheck);
    return 'cause' in place ? place : { value: { ...value, place: place.value } as JournalLine };
  }
  if (typeof value['rollout'] !== 'string') return { cause: 'it names no rollout' };
  const inner = value['kind'] === 'call' ? decodeCall(value['call']) : value['kind'] === 'tool' ? decodeTool(value['tool']) : undefined;
  if (inner && 'cause' in inner) return inner;
  if (!inner && value['kind'] !== 'drop') return { cause: `its kind is ${JSON.stringify(value['kind'])}` };
  return { value: value as JournalLine };
}

interface Rollout {
  place: RolloutPlace;
  attempt: number;
  began: string;
  calls: Map<number, CallRecord>;
  tools: Map<number, ToolRecord>;
}

/** Journal lines folded into what is in flight. Taking a line twice changes nothing: segments overlap while one replaces another. */
class Fold {
  readonly #rollouts = new Map<string, Rollout>();

  take(line: JournalLine): void {
    const id = line.kind === 'begin' ? line.place.rollout : line.rollout;
    const known = this.#rollouts.get(id);
    if (line.kind === 'begin') {
      if (!known || line.attempt > known.attempt) {
        this.#rollouts.set(id, { place: line.place, attempt: line.attempt, began: line.began, calls: new Map(), tools: new Map() });
      }
      return;
    }
    if (!known) return;
    if (line.kind === 'drop') {
      if (line.attempt >= known.attempt) this.#rollouts.delete(id);
    } else if (line.attempt === known.attempt) {
      if (line.kind === 'call') known.calls.set(line.call.index, line.call);
      else known.tools.set(line.tool.index, line.tool);
    }
  }

  forget(isSealed: (rollout: string) => boolean): void {
    for (const id of this.#rollouts.keys()) {
      if (isSealed(id)) this.#rollouts.delete(id);
    }
  }

  list(): InFlight[] {
    const byIndex = (a: { index: number }, b: { index: number }) => a.index - b.index;
    return [...this.#rollouts.values()].map(({ place, attempt, began, calls, tools }) => ({
      place, attempt, began, calls: [...calls.values()].sort(byIndex), tools: [...tools.values()].sort(byIndex),
    }));
  }
}

/** Follows the journal of a run as it grows and is replaced. */
export class JournalReader {
  readonly problems: TuningForkError[] = [];
  readonly #dir: string;
  readonly #fold = new Fold();
  #segment = -1;
  #position = 0;

  constructor(dir: string) {
    this.#dir = dir;
  }

  /** Reads what is new. A sealed rollout is not in flight, wherever its calls still stand. */
  async refresh(): Promise<void> {
    for (const n of await this.segments()) {
      if (n < this.#segment) continue;
      if (n > this.#segment) {
        this.#segment = n;
        this.#position = 0;
      }
      await this.#read(journalFile(this.#dir, n));
    }
  }

  list(isSealed: (rollout: string) => boolean): InFlight[] {
    this.#fold.forget(isSealed);
    return this.#fold.list();
  }

  async segments(): Promise<number[]> {
    try {
      return journalNumbers(await readdir(join(this.#dir, JOURNAL)));
    } catch (error) {
      if (isMissing(error)) return [];
      throw fileError('read', join(this.#dir, JOURNAL), error);
    }
  }

  async #read(path: string): Promise<void> {
    let bytes: Buffer;
    try {
      const handle = await open(path);
      try {
        bytes = await readRange(handle, this.#position, Math.max(0, (await handle.stat()).size - this.#position));
      } finally {
        await handle.close();
      }
    } catch (error) {
      if (isMissing(error)) return; // replaced meanwhile: what counts stands in the next segment
      throw fileError('read', path, error);
    }
    const start = this.#position;
    for (const { line, start: at, end } of lines(bytes)) {
      const decoded = decodeJournalLine(line);
      if ('cause' in decoded) this.problems.push(damaged(path, `The line at byte ${start + at}`, decoded.cause));
      else this.#fold.take(decoded.value);
      this.#position = start + end;
    }
  }
}
