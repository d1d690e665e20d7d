/** Rollouts of other runs that belong to one of this run: the one it was forked from, and those that were forked from it. */
import { dirname, join, relative, resolve, sep } from 'node:path';
import type { Replay, RolloutRecord } from '../protocol/trace.ts';
import type { Kin } from '../protocol/viewer.ts';
import { openRunReader, readRunInfo, runFolders, type InFlight, type RunReader } from '../trace/index.ts';

type Place = Pick<Kin, 'dir' | 'rollout'>;

export class Kinship {
  readonly #run: RunReader;
  readonly #root: string;
  /** What runs beside this one have executed again; it never changes. */
  readonly #replays = new Map<string, Replay | undefined>();
  readonly #places = new Map<string, Place>();
  readonly #readers = new Map<string, RunReader>();

  constructor(run: RunReader) {
    this.#run = run;
    this.#root = dirname(dirname(dirname(resolve(run.dir))));
  }

  async of(rollout: string, parent: RolloutRecord['parent']): Promise<Kin[]> {
    return [...parent === undefined ? [] : await this.#parent(parent), ...await this.#forks(rollout)];
  }

  /** Where a rollout lies that was told of; undefined for those of this run. */
  place(key: string): Place | undefined {
    return this.#places.get(key);
  }

  async read({ dir, rollout }: Place): Promise<RolloutRecord | InFlight | undefined> {
    const reader = await this.#reader(dir);
    return reader.find(rollout) >= 0 ? reader.read(rollout) : (await reader.inFlight()).find(({ place }) => place.rollout === rollout);
  }

  async #parent({ rollout, call, token }: NonNullable<RolloutRecord['parent']>): Promise<Kin[]> {
    const { replay } = this.#run.info;
    if (replay === undefined) return [];
    const point = { kind: 'parent', call, ...(token !== undefined && { token }) } as const;
    // Where all runs were moved together, it lies where it lay among them.
    const moved = join(this.#root, ...replay.dir.split(/[\\/]/).slice(-3));
    const reader = await this.#reader(replay.dir).catch(() => this.#reader(moved)).catch(() => undefined);
    if (reader === undefined) return [{ ...this.#kin(replay.dir, rollout), ...point, status: 'finished', reward: null, gone: true }];
    // Its tokens mean something else.
    if (!this.#speaksLike(reader)) return [];
    return [{ ...this.#kin(reader.dir, rollout), ...point, ...ended(reader, reader.find(rollout)) }];
  }

  async #forks(rollout: string): Promise<Kin[]> {
    const here = resolve(this.#run.dir);
    const found: Kin[] = [];
    for (const dir of (await runFolders(this.#root)).sort()) {
      const replay = await this.#replayOf(dir);
      if (replay === undefined || replay.rollout !== rollout || replay.forks === 0 || resolve(replay.dir) !== here) continue;
      const reader = await this.#reader(dir).catch(() => undefined);
      if (reader === undefined || !this.#speaksLike(reader)) continue;
      const { untilCall: call = 0, untilToken: token } = replay;
      const own: Kin[] = [];
      for (let at = 0; at < reader.count; at++) {
        own.push({ ...this.#kin(dir, reader.entry(at).id), kind: 'fork', call, ...(token !== undefined && { token }), ...ended(reader, at) });
      }
      // They end in any order.
      found.push(...own.sort((a, b) => numberOf(a) - numberOf(b)));
    }
    return found;
  }

  async #replayOf(dir: string): Promise<Replay | undefined> {
    if (!this.#replays.has(dir)) {
      const info = await readRunInfo(dir).catch(() => undefined);
      // One that is about to be written is looked at again.
      if (info === undefined) return undefined;
      this.#replays.set(dir, info.replay);
    }
    return this.#replays.get(dir);
  }

  async #reader(dir: string): Promise<RunReader> {
    const known = this.#readers.get(dir);
    if (known !== undefined) {
      await known.refresh();
      return known;
    }
    const reader = await openRunReader(dir);
    this.#readers.set(dir, reader);
    return reader;
  }

  #speaksLike({ info }: RunReader): boolean {
    return info.tokenizer?.sha256 === this.#run.info.tokenizer?.sha256;
  }

  #kin(dir: string, rollout: string): Place & Pick<Kin, 'key'> {
    const key = join(relative(this.#root, dir), rollout).split(sep).join('/');
    this.#places.set(key, { dir, rollout });
    return { key, dir, rollout };
  }
}

function numberOf({ rollout }: Kin): number {
  return Number(/f(\d+)$/.exec(rollout)?.[1] ?? 0);
}

function ended(reader: RunReader, at: number): Pick<Kin, 'status' | 'reward'> {
  if (at < 0) return { status: 'running', reward: null };
  const { status, reward } = reader.entry(at);
  return { status, reward };
}
