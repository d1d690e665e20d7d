/** Answers what a viewer's page asks about one run, from its files alone: it works while the run goes on, and never in its way. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { errorInfo, TuningForkError, type ErrorInfo } from '../protocol/errors.ts';
import { languageOfTag, localizeError } from '../protocol/localize.ts';
import type { RolloutRecord } from '../protocol/trace.ts';
import type { KeptCheckpoint } from '../protocol/training.ts';
import { TOKEN, VIEWER_PROTOCOL, type Alternative, type ExportChoice, type HostCapability, type Timeline, type ViewedRun, type ViewerAction, type ViewerEvent, type ViewerRequests, type ViewFocus } from '../protocol/viewer.ts';
import { callOf, openRunReader, promptIds, type InFlight, type RunReader } from '../trace/index.ts';
import { conversationOf } from './conversation.ts';
import { Kinship } from './kin.ts';
import { advantagesOf } from './learned.ts';
import { inFlightColumns, rolloutColumns } from './rollouts.ts';
import { sampledPlaces, timelineOf } from './timeline.ts';
import { vocabularyOfRun, type Vocabulary } from './vocabulary.ts';

/** What the place that shows the page can do beyond reading. */
export interface ViewerHost {
  capabilities: HostCapability[];
  language: string;
  act(action: ViewerAction): Promise<string | null>;
  /** Absent: whoever serves the page offers a download. */
  export?(choice: ExportChoice): Promise<string | null>;
  /** Of each call that sampled something, in the order of its answer. `model`: a folder, or "embedded". */
  score?(dir: string, rollout: string, model: string): Promise<{ call: number; logprobs: number[] }[]>;
}

/** Rollouts whose tokens are kept ready. */
const KEPT = 4;
const WATCH_MS = 500;
const NAMED_AT_MOST = 100;

type Opened = { record: RolloutRecord | InFlight; timeline: Timeline };

export class RunViewer {
  readonly #run: RunReader;
  readonly #host: ViewerHost;
  readonly #vocabulary: Vocabulary | undefined;
  readonly #problems: ErrorInfo[] = [];
  readonly #opened = new Map<string, Promise<Opened>>();
  readonly #calls = new Map<string, number>();
  readonly #kin: Kinship;
  #timer: NodeJS.Timeout | undefined;

  static async open(dir: string, host: ViewerHost): Promise<RunViewer> {
    const run = await openRunReader(dir);
    const problems: ErrorInfo[] = [];
    const vocabulary = await vocabularyOfRun(run, problems);
    return new RunViewer(run, host, vocabulary, problems);
  }

  private constructor(run: RunReader, host: ViewerHost, vocabulary: Vocabulary | undefined, problems: ErrorInfo[]) {
    this.#run = run;
    this.#kin = new Kinship(run);
    this.#host = host;
    this.#vocabulary = vocabulary;
    this.#problems = problems;
  }

  get run(): RunReader {
    return this.#run;
  }

  /** In the language of the page. */
  inWords(info: ErrorInfo): ErrorInfo {
    return localizeError(info, languageOfTag(this.#host.language));
  }

  /** One entry a request of the contract: whoever carries them needs no list of its own. */
  readonly requests: { [K in keyof ViewerRequests]: (params: ViewerRequests[K][0]) => Promise<ViewerRequests[K][1]> } = {
    open: async () => this.view(),
    rollouts: async ({ from }) => rolloutColumns(this.#run, from, await advantagesOf(this.#run.dir)),
    inFlight: () => inFlightColumns(this.#run),
    timeline: async ({ rollout }) => (await this.#rollout(rollout)).timeline,
    conversation: async ({ rollout }) => {
      const { record, timeline } = await this.#rollout(rollout);
      const conversation = conversationOf(record, timeline);
      return conversation.error === undefined ? conversation : { ...conversation, error: this.inWords(conversation.error) };
    },
    alternatives: async ({ rollout, token }) => this.#alternatives(await this.#rollout(rollout), token),
    kin: async ({ rollout }) => {
      const { record } = await this.#rollout(rollout);
      return this.#kin.of(rollout, 'parent' in record ? record.parent : undefined);
    },
    group: async ({ rollouts }) => ({ rollouts, shared: await this.#sharedBy(rollouts) }),
    score: async ({ rollout, checkpoint }) => {
      if (this.#host.score === undefined) throw new TuningForkError('usage', 'Nothing here can score a rollout.', { next: 'Open the run in VS Code.' });
      const { timeline } = await this.#rollout(rollout);
      const kin = this.#kin.place(rollout);
      const { directory: model = checkpoint } = (await this.#checkpoints()).find(({ name }) => name === checkpoint) ?? {};
      const logprob = new Float32Array(timeline.count).fill(NaN);
      for (const { call, logprobs } of await this.#host.score(kin?.dir ?? this.#run.dir, kin?.rollout ?? rollout, model)) {
        const row = timeline.calls.find(({ index }) => index === call);
        if (row !== undefined) sampledPlaces(timeline, row).forEach((place, i) => (logprob[place] = logprobs[i] ?? NaN));
      }
      return { checkpoint, logprob };
    },
    export: async (choice) => {
      if (this.#host.export === undefined) throw new TuningForkError('usage', 'Nothing here can export a run.', { next: 'tuning-fork runs export' });
      return this.#host.export(choice);
    },
    act: (action) => this.#host.act(action),
  };

  async view(focus?: ViewFocus): Promise<ViewedRun> {
    await this.#run.refresh();
    const { info, dir, count } = this.#run;
    return {
      protocol: VIEWER_PROTOCOL, info, dir, live: info.state === 'running', rollouts: count, vocabulary: this.#vocabulary !== undefined,
      problems: [...this.#problems, ...this.#run.problems.map((problem) => errorInfo(problem))].map((problem) => this.inWords(problem)),
      capabilities: this.#host.capabilities, checkpoints: await this.#checkpoints(), language: this.#host.language,
      ...(focus !== undefined && { focus }),
    };
  }

  /** Tells what is new while something writes to the run. */
  watch(tell: (event: ViewerEvent) => void): () => void {
    let stopped = false;
    // Questions of the page read what is new, too: what counts is what was told.
    let told = { rollouts: this.#run.count, live: this.#run.info.state === 'running' };
    const look = async (): Promise<void> => {
      try {
        await this.#run.refresh();
        const changed = await this.#changed(told.rollouts);
        const now = { rollouts: this.#run.count, live: this.#run.info.state === 'running' };
        if (now.rollouts > told.rollouts) tell({ type: 'grown', rollouts: now.rollouts });
        if (changed.length > 0 || now.live !== told.live) tell({ type: 'changed', rollouts: changed, live: now.live });
        told = now;
      } catch (error) {
        tell({ type: 'gone', error: this.inWords(errorInfo(error)) });
        return;
      }
      if (!stopped) this.#timer = setTimeout(() => void look(), this.#run.info.state === 'running' ? WATCH_MS : WATCH_MS * 8);
    };
    this.#timer = setTimeout(() => void look(), WATCH_MS);
    return () => {
      stopped = true;
      clearTimeout(this.#timer);
    };
  }

  /** Rollouts in flight with more calls than before, and those that were sealed since. */
  async #changed(sealed: number): Promise<string[]> {
    const open = await this.#run.inFlight();
    const changed: string[] = [...this.#run.column('id', sealed)];
    for (const { place: { rollout }, calls } of open) {
      if (this.#calls.get(rollout) === calls.length) continue;
      this.#calls.set(rollout, calls.length);
      changed.push(rollout);
    }
    return changed.slice(0, NAMED_AT_MOST);
  }

  #rollout(rollout: string): Promise<Opened> {
    const known = this.#opened.get(rollout);
    if (known !== undefined) return known;
    const opened = this.#read(rollout);
    // One in flight grows.
    if (this.#run.find(rollout) < 0) return opened;
    if (this.#opened.size >= KEPT) this.#opened.delete(this.#opened.keys().next().value!);
    this.#opened.set(rollout, opened);
    // What can't be read now may be there the next time.
    opened.catch(() => this.#opened.delete(rollout));
    return opened;
  }

  async #read(rollout: string): Promise<Opened> {
    const kin = this.#kin.place(rollout);
    const record = kin !== undefined ? await this.#kin.read(kin) : this.#run.find(rollout) >= 0 ? await this.#run.read(rollout) : (await this.#run.inFlight()).find(({ place }) => place.rollout === rollout);
    if (record === undefined) throw new TuningForkError('trace', `There is no rollout ${rollout} in this run.`, { where: { file: this.#run.dir } });
    return { record, timeline: timelineOf(rollout, record, this.#vocabulary) };
  }

  #alternatives({ record, timeline }: Opened, token: number): Alternative[] {
    const segment = timeline.segments[timeline.segment[token]!];
    if (segment?.kind !== 'answer') return [];
    const { tokens } = callOf(record, segment.call);
    // An answer that a branch cut in two: its other half lies before this one.
    let place = token - segment.from;
    for (let { parent } = segment; parent !== null; parent = timeline.segments[parent]!.parent) {
      const above = timeline.segments[parent]!;
      if (above.kind !== 'answer' || above.call !== segment.call) break;
      place += above.to - above.from;
    }
    if (tokens?.top === undefined) return [];
    const { k, ids, logprobs } = tokens.top;
    return Array.from({ length: k }, (_, i) => place * k + i).flatMap((at) => {
      const id = ids[at];
      const logprob = logprobs[at];
      if (id === undefined || logprob === undefined) return [];
      const bytes = this.#vocabulary?.bytes(id) ?? new Uint8Array(0);
      return [{ id, text: new TextDecoder().decode(bytes), bytes, logprob, sampled: (timeline.flags[token]! & TOKEN.sampled) !== 0 && id === timeline.id[token] }];
    }).sort((a, b) => b.logprob - a.logprob);
  }

  async #sharedBy(rollouts: readonly string[]): Promise<number> {
    const prompts: number[][] = [];
    for (const rollout of rollouts) {
      const { record } = await this.#rollout(rollout);
      const first = record.calls[0];
      prompts.push((first && promptIds(record, first.index)) ?? []);
    }
    const [one = [], ...others] = prompts;
    const end = one.findIndex((id, i) => others.some((other) => other[i] !== id));
    return end === -1 ? one.length : end;
  }

  async #checkpoints(): Promise<ViewedRun['checkpoints']> {
    const first = this.#run.info.policy === 'embedded' ? [{ name: 'embedded', directory: 'embedded', step: 0 }] : [];
    try {
      const state = JSON.parse(await readFile(join(this.#run.dir, 'training.json'), 'utf8')) as { checkpoints: KeptCheckpoint[] };
      return [...first, ...state.checkpoints.map(({ name, directory, step }) => ({ name, directory: join(this.#run.dir, directory), step }))];
    } catch {
      return first;
    }
  }
}
