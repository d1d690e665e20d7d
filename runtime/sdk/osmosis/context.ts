/** What a workflow and a grader of Osmosis' contract see of a rollout. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { TuningForkError } from '../../protocol/errors.ts';
import type { ChatMessage } from '../../protocol/chat.ts';
import type { JsonObject } from '../../protocol/json.ts';
import type { ChatModel } from '../model.ts';

/** The conversation of one agent, as it is given to the grader. */
export interface RolloutSample {
  messages: JsonObject[];
  reward?: number | null;
  metrics?: Record<string, number>;
}

/** Whatever knows the messages of an agent when it is asked: an array, a function, an agent with messages. */
export type SampleSource = readonly object[] | (() => readonly object[] | Promise<readonly object[]>) | { readonly messages: readonly object[] };

export interface AgentWorkflowContext<TConfig = unknown> {
  /** The messages of the row: its system prompt and its user prompt. */
  readonly prompt: ChatMessage[];
  readonly config: TConfig | null;
  /** Of the row; null where it has none. The grader gets the same. */
  readonly metadata: JsonObject | null;
}

type Shared = { [key: symbol]: AsyncLocalStorage<RolloutContext> | undefined };

/** One storage for all copies of this package in the process. */
const key = Symbol.for('tuning-fork.osmosis');
const current = ((globalThis as Shared)[key] ??= new AsyncLocalStorage<RolloutContext>());

/** The rollout that is under way: where its models are, and who its samples come from. */
export class RolloutContext {
  readonly rolloutId: string;
  readonly #model: (sample: string) => ChatModel;
  readonly #sources = new Map<string, SampleSource>();

  constructor(rolloutId: string, model: (sample: string) => ChatModel) {
    this.rolloutId = rolloutId;
    this.#model = model;
  }

  /** Only in `run()` there is one. */
  static current(): RolloutContext {
    const found = current.getStore();
    if (found === undefined) throw new TuningForkError('workflow', 'There is no rollout here.', { next: 'Construct agents, sessions and models inside of run(), not at the top of the file.' });
    return found;
  }

  run<T>(work: () => Promise<T>): Promise<T> {
    return current.run(this, work);
  }

  /** The policy, under the name of a sample: `asStrands()`, `asOpenAIAgents()`, `asOpenAI()`, `{ baseURL, apiKey, model }`. */
  model(sample = 'default'): ChatModel {
    return this.#model(sample);
  }

  registerSampleSource(name: string, source: SampleSource): void {
    if (name.length < 1 || name.length > 256) throw new TuningForkError('workflow', `"${name.slice(0, 40)}" can't name a sample: a name has 1 to 256 characters.`, { next: 'Give the agent another name.' });
    const known = this.#sources.get(name);
    if (known !== undefined && known !== source) throw new TuningForkError('workflow', `There are two samples of the name "${name}".`, { next: 'Give every agent and session of a rollout a name of its own.' });
    this.#sources.set(name, source);
  }

  /** The newer contract has one sample. */
  setSampleSource(source: SampleSource): void {
    if (this.#sources.size > 0) throw new TuningForkError('workflow', 'A sample source was set already.', { next: 'Use registerSampleSource(name, source) for several.' });
    this.#sources.set('default', source);
  }

  async getSamples(): Promise<Record<string, RolloutSample>> {
    const samples: Record<string, RolloutSample> = {};
    for (const [name, source] of this.#sources) {
      const messages = typeof source === 'function' ? await source() : 'messages' in source ? source.messages : source;
      // Plain data: it goes to another process, and into the trace.
      samples[name] = { messages: JSON.parse(JSON.stringify(messages)) as JsonObject[] };
    }
    return samples;
  }
}

/** What a grader gets: the label, which no workflow sees, and the samples to score. */
export class GraderContext<TConfig = unknown> {
  readonly label: unknown;
  readonly metadata: JsonObject | null;
  readonly config: TConfig | null;
  readonly samples: Readonly<Record<string, RolloutSample>>;
  readonly #rewards = new Map<string, number>();
  #whole: number | undefined;

  constructor({ label, metadata, config, samples }: { label: unknown; metadata: JsonObject | null; config: TConfig | null; samples: Record<string, RolloutSample> }) {
    this.label = label;
    this.metadata = metadata;
    this.config = config;
    this.samples = samples;
  }

  getSamples(): Readonly<Record<string, RolloutSample>> {
    return this.samples;
  }

  /** The only one, of a rollout that has one. */
  get sample(): RolloutSample {
    const all = Object.values(this.samples);
    if (all.length === 1) return all[0]!;
    throw new TuningForkError('judge', `This rollout has ${all.length} samples: ${Object.keys(this.samples).join(', ') || 'none'}.`, { next: 'Read ctx.samples, and score each with ctx.setSampleReward(name, reward).' });
  }

  setReward(reward: number): void {
    this.#whole = finite(reward);
  }

  setSampleReward(sample: string, reward: number): void {
    if (!Object.hasOwn(this.samples, sample)) {
      throw new TuningForkError('judge', `There is no sample "${sample}".`, { next: `There are ${Object.keys(this.samples).join(', ') || 'none'}.` });
    }
    this.#rewards.set(sample, finite(reward));
  }

  /** A rollout is one unit of training: of several samples' rewards it has the mean. Undefined where nothing was scored. */
  get reward(): { reward: number; parts?: Record<string, number> } | undefined {
    const parts = Object.fromEntries(this.#rewards);
    const scored = [...this.#rewards.values()];
    if (this.#whole !== undefined) return { reward: this.#whole, ...(scored.length > 0 && { parts }) };
    return scored.length === 0 ? undefined : { reward: scored.reduce((sum, each) => sum + each, 0) / scored.length, ...(scored.length > 1 && { parts }) };
  }
}

function finite(reward: number): number {
  if (typeof reward === 'number' && Number.isFinite(reward)) return reward;
  throw new TuningForkError('judge', `The reward is ${typeof reward === 'string' ? `the string "${reward}"` : String(reward)}, which is not a finite number.`, { next: 'Give a finite number, 0 for an answer that cannot be read.' });
}
