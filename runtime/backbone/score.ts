/** What other weights think of a stored rollout: the log-probability of each token it sampled. Nothing is changed by asking. */
import type { Environment } from '../config/environment.ts';
import { embedded } from '../policy/open.ts';
import type { BackboneRequests } from '../protocol/backbone.ts';
import { TuningForkError } from '../protocol/errors.ts';
import type { RunInfo } from '../protocol/trace.ts';
import { openRunReader, promptIds } from '../trace/index.ts';
import type { WirePack } from '../trainers/packs.ts';
import { openWeights, weightsPlace, type Weights } from './weights.ts';

/** A process with the weights that were asked for last stays for so long: whoever looks at one rollout looks at the next. */
const KEPT_MS = 60_000;

type Asked = BackboneRequests['score'][0];
type Scored = BackboneRequests['score'][1];

export class Scorer {
  #kept: { key: string; weights: Weights } | undefined;
  #timer: NodeJS.Timeout | undefined;
  #turn: Promise<unknown> = Promise.resolve();

  /** One after the other: the weights of one may have to go for those of the next. */
  score(asked: Asked): Promise<Scored> {
    const scored = this.#turn.then(async () => {
      clearTimeout(this.#timer);
      const kept = this.#kept;
      try {
        return await this.#score(asked).catch(async (error: unknown) => {
          if (!(error instanceof TuningForkError) || error.code !== 'trainer-gone') throw error;
          await this.close();
          // It may have ended since it was asked last.
          if (kept === undefined) throw error;
          return this.#score(asked);
        });
      } finally {
        this.#timer = setTimeout(() => void this.close(), KEPT_MS).unref();
      }
    });
    this.#turn = scored.catch(() => {});
    return scored;
  }

  async close(): Promise<void> {
    clearTimeout(this.#timer);
    const kept = this.#kept;
    this.#kept = undefined;
    await kept?.weights.stop();
  }

  async #score({ dir, rollout, model, env }: Asked): Promise<Scored> {
    const run = await openRunReader(dir);
    const record = await run.read(rollout);
    const calls = record.calls.filter(({ tokens }) => tokens !== undefined && tokens.sampled.length > 0);
    if (calls.length === 0) throw new TuningForkError('usage', `Rollout ${rollout} has no token ids, so nothing can be scored.`, { next: 'Its model told none; use one whose tokens are seen.' });
    const { client, checkpoint } = await this.#open(model === 'embedded' ? embedded : model, run.info, env ?? process.env);
    const info = await client.info();
    const { tokenizer } = run.info;
    if (tokenizer !== undefined && tokenizer.sha256 !== info.tokenizerSha256) {
      throw new TuningForkError('usage', 'These weights have another vocabulary than the rollout.', { where: { file: model }, next: 'Choose a checkpoint of the same model.' });
    }
    const answers: Scored['calls'] = [];
    for (const call of calls) {
      const pack = rowOf([...promptIds(record, call.index)!], call.tokens!.sampled);
      // What is greedy is scored as it was computed, before the temperature.
      const { packs: [scores] } = await client.score([pack], { temperature: call.sampling.temperature || 1, ...(checkpoint !== undefined && { checkpoint }) });
      answers.push({ call: call.index, logprobs: [...scores!.logprob] });
    }
    return { calls: answers };
  }

  async #open(folder: string, run: RunInfo, env: Environment): Promise<Weights> {
    const place = weightsPlace(folder, run, env);
    const key = JSON.stringify(place);
    if (this.#kept?.key !== key) {
      await this.close();
      this.#kept = { key, weights: await openWeights(place, env) };
    }
    return this.#kept!.weights;
  }
}

/** One call as a row of its own: what was sampled are its targets. */
function rowOf(prompt: readonly number[], sampled: readonly number[]): WirePack {
  const length = prompt.length + sampled.length;
  const count = sampled.length;
  const none = (): Float32Array => new Float32Array(count).fill(NaN);
  return {
    rows: 1, length,
    nodes: {
      id: Int32Array.from([...prompt, ...sampled]), position: Int32Array.from({ length }, (_, i) => i),
      parent: Int32Array.from({ length }, (_, i) => i - 1), end: new Int32Array(length).fill(length),
    },
    targets: {
      node: Int32Array.from({ length: count }, (_, i) => prompt.length + i), sampledLogprob: none(), oldLogprob: none(), refLogprob: none(),
      weight: new Float64Array(count).fill(1), up: new Float64Array(count), down: new Float64Array(count),
    },
  };
}
