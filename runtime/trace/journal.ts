import { open, unlink } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { TuningForkError } from '../protocol/errors.ts';
import type { CallRecord, RolloutPlace, ToolRecord } from '../protocol/trace.ts';
import { Appender, writeAll } from './appender.ts';
import type { Check } from './check.ts';
import { placeCheck, toolCheck } from './checks.ts';
import { encodeCall } from './encode.ts';
import { fileError, isMissing, refused } from './errors.ts';
import { callLine, JournalReader, journalLine } from './in-flight.ts';
import type { InFlight, JournalLine } from './in-flight.ts';
import { journalFile } from './layout.ts';
import type { Redactor } from './redact.ts';
import { isInUse } from './replace.ts';

const SMALLEST_LIMIT = 8 * 1024 * 1024;
const WINDOW = 4 * 1024 * 1024;

interface Rollout {
  attempt: number;
  /** Offset and length of each of its lines in the current segment. */
  ranges: number[];
  /** Calls whose ids were withheld, because their text held a secret. */
  withheld: Set<number>;
  /** Its attempt was given up; late calls of it are dropped. */
  over: boolean;
}

/** The calls of rollouts in flight, each written the moment it ends. One file, replaced by a shorter one now and then. */
export class Journal {
  /** What an earlier process of this run left in flight. */
  readonly recovered: readonly InFlight[];
  readonly #dir: string;
  readonly #redactor: Redactor;
  readonly #isSealed: (rollout: string) => boolean;
  readonly #appender: Appender;
  readonly #rollouts = new Map<string, Rollout>();
  readonly #smallestLimit: number;
  #limit: number;
  #segment: number;

  private constructor(
    dir: string, redactor: Redactor, isSealed: (rollout: string) => boolean, smallestLimit: number,
    recovered: InFlight[], segment: number, appender: Appender,
  ) {
    this.#dir = dir;
    this.#smallestLimit = smallestLimit;
    this.#limit = smallestLimit;
    this.#redactor = redactor;
    this.#isSealed = isSealed;
    this.recovered = recovered;
    this.#segment = segment;
    this.#appender = appender;
  }

  /** Takes over what is in flight into a segment of its own, then removes the old ones. */
  static async open(dir: string, redactor: Redactor, isSealed: (rollout: string) => boolean, smallestLimit = SMALLEST_LIMIT): Promise<Journal> {
    const reader = new JournalReader(dir);
    const old = await reader.segments();
    await reader.refresh();
    const recovered = reader.list(isSealed);
    const segment = (old.at(-1) ?? -1) + 1;
    const appender = await Appender.open(journalFile(dir, segment), 0);
    const journal = new Journal(dir, redactor, isSealed, smallestLimit, recovered, segment, appender);
    await Promise.all(recovered.flatMap(({ place, attempt, began, calls, tools }) => [
      journal.#begin(place, attempt, began),
      ...calls.map((call) => journal.call(place.rollout, attempt, call)),
      ...tools.map((tool) => journal.tool(place.rollout, attempt, tool)),
    ]));
    for (const n of old) await remove(journalFile(dir, n));
    return journal;
  }

  /** Before the first call of a rollout. A higher attempt drops all of the one before. */
  begin(place: RolloutPlace, attempt: number): Promise<void> {
    return settled(() => this.#begin(place, attempt, new Date().toISOString()));
  }

  /** Resolves once the record outlives this process: only then may the answer go to the agent. */
  call(rollout: string, attempt: number, call: CallRecord): Promise<void> {
    return settled(() => {
      const state = this.#alive(rollout, attempt);
      if (!state) return undefined;
      let json = encodeCall(rollout, call);
      if (state.withheld.size > 0 || this.#redactor.suspects(json)) json = encodeCall(rollout, this.#redactor.call(call, state.withheld));
      return this.#append(state, callLine(rollout, attempt, json));
    });
  }

  tool(rollout: string, attempt: number, tool: ToolRecord): Promise<void> {
    return settled(() => {
      const state = this.#alive(rollout, attempt);
      if (!state) return undefined;
      const what = `Tool call ${String(tool?.index)} of rollout ${rollout}`;
      return this.#append(state, this.#encode(what, toolCheck, tool, { kind: 'tool', rollout, attempt, tool }));
    });
  }

  /** The tokens of this attempt are dropped; so is what still comes in for it. */
  discard(rollout: string, attempt: number): Promise<void> {
    const state = this.#rollouts.get(rollout);
    if (!state || state.over || attempt < state.attempt) return Promise.resolve();
    state.over = true;
    state.ranges = [];
    return this.#appender.append(journalLine({ kind: 'drop', rollout, attempt: state.attempt }));
  }

  /** The rollout is sealed: its lines are garbage. */
  forget(rollout: string): void {
    this.#rollouts.delete(rollout);
  }

  get path(): string {
    return this.#appender.path;
  }

  /** Without rollouts in flight nothing is left behind. */
  async close(): Promise<void> {
    await this.#appender.close();
    if ([...this.#rollouts.values()].every(({ over }) => over)) await remove(this.#appender.path);
  }

  #begin(place: RolloutPlace, attempt: number, began: string): Promise<void> {
    const before = this.#rollouts.get(place.rollout);
    if (this.#isSealed(place.rollout) || (before && attempt <= before.attempt)) {
      throw new TuningForkError('internal', `Attempt ${attempt} of rollout ${place.rollout} cannot begin: `
        + (before ? `attempt ${before.attempt} has begun already.` : 'the rollout is sealed.'));
    }
    const line = this.#encode(`Rollout ${place.rollout}`, placeCheck, place, { kind: 'begin', attempt, began, place });
    const state = { attempt, ranges: [], withheld: new Set<number>(), over: false };
    this.#rollouts.set(place.rollout, state);
    return this.#append(state, line);
  }

  #alive(rollout: string, attempt: number): Rollout | undefined {
    const state = this.#rollouts.get(rollout);
    if (!state && !this.#isSealed(rollout)) {
      throw new TuningForkError('internal', `Rollout ${rollout} has not begun, so no call of it can be written.`);
    }
    return state && !state.over && state.attempt === attempt ? state : undefined;
  }

  #encode(what: string, check: Check, value: unknown, line: Exclude<JournalLine, { kind: 'call' }>): string {
    const found = check(value);
    if (found) throw refused(what, found);
    const text = journalLine(line);
    return this.#redactor.suspects(text) ? journalLine(this.#redactor.redact(line)) : text;
  }

  #append(state: Rollout, line: string): Promise<void> {
    return this.#appender.append(line, (offset, length) => {
      if (!state.over) state.ranges.push(offset, length);
      if (offset + length > this.#limit) {
        this.#limit = Infinity; // until it is done
        this.#appender.exclusively(() => this.#shorten());
      }
    });
  }

  /** Copies the lines that are alive into the next segment, in their order. */
  async #shorten(): Promise<void> {
    const alive = [...this.#rollouts.values()].flatMap((state) => pairs(state.ranges).map(([offset, length]) => ({ state, offset, length })));
    alive.sort((a, b) => a.offset - b.offset);
    const path = journalFile(this.#dir, this.#segment + 1);
    const handle = await open(path, 'w+');
    const moved = new Map<Rollout, number[]>();
    let end = 0;
    let window: { start: number; bytes: Buffer } = { start: 0, bytes: Buffer.alloc(0) };
    let pieces: Buffer[] = [];
    for (const { state, offset, length } of alive) {
      if (offset + length > window.start + window.bytes.length) {
        await flush(handle, pieces, end);
        pieces = [];
        window = { start: offset, bytes: await this.#appender.read(offset, Math.max(length, WINDOW)) };
      }
      pieces.push(window.bytes.subarray(offset - window.start, offset - window.start + length));
      const ranges = moved.get(state) ?? [];
      ranges.push(end, length);
      moved.set(state, ranges);
      end += length;
    }
    await flush(handle, pieces, end);
    for (const state of this.#rollouts.values()) state.ranges = state.over ? [] : moved.get(state) ?? [];
    const old = this.#appender.path;
    await this.#appender.moveTo(path, handle, end);
    this.#segment++;
    this.#limit = Math.max(this.#smallestLimit, 2 * end);
    await remove(old);
  }
}

/** What is refused rejects the promise too; a promise of the appender passes as it is, so that it may be left unwaited. */
function settled(write: () => Promise<void> | undefined): Promise<void> {
  try {
    return write() ?? Promise.resolve();
  } catch (error) {
    return Promise.reject(error);
  }
}

async function flush(handle: FileHandle, pieces: Buffer[], end: number): Promise<void> {
  const bytes = Buffer.concat(pieces);
  await writeAll(handle, bytes, end - bytes.length);
}

function pairs(ranges: readonly number[]): [number, number][] {
  const found: [number, number][] = [];
  for (let i = 0; i < ranges.length; i += 2) found.push([ranges[i]!, ranges[i + 1]!]);
  return found;
}

async function remove(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    // One that is left is read once more, which changes nothing, and goes with the next.
    if (!isMissing(error) && !isInUse(error)) throw fileError('delete', path, error);
  }
}
