/** What other weights think of a stored rollout: the log-probability of each token it sampled. Nothing is changed by asking. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { embedded } from '../policy/open.ts';
import type { BackboneRequests } from '../protocol/backbone.ts';
import { TuningForkError } from '../protocol/errors.ts';
import { openRunReader, promptIds } from '../trace/index.ts';
import { startEmbeddedTrainer, type TrainerProcess } from '../trainers/embedded/process.ts';
import type { WirePack } from '../trainers/packs.ts';

/** A process with the weights that were asked for last stays for so long: whoever looks at one rollout looks at the next. */
const KEPT_MS = 60_000;

export class Scorer {
  #model = '';
  #trainer: Promise<TrainerProcess> | undefined;
  #timer: NodeJS.Timeout | undefined;

  async score({ dir, rollout, model }: BackboneRequests['score'][0]): Promise<BackboneRequests['score'][1]> {
    const run = await openRunReader(dir);
    const record = await run.read(rollout);
    const calls = record.calls.filter(({ tokens }) => tokens !== undefined && tokens.sampled.length > 0);
    if (calls.length === 0) throw new TuningForkError('usage', `Rollout ${rollout} has no token ids, so nothing can be scored.`, { next: 'Its model told none; use one whose tokens are seen.' });
    const { client } = await this.#open(model === 'embedded' ? embedded : model);
    const info = await client.info();
    const { tokenizer } = run.info;
    if (tokenizer !== undefined && tokenizer.sha256 !== info.tokenizerSha256) {
      throw new TuningForkError('usage', 'These weights have another vocabulary than the rollout.', { where: { file: model }, next: 'Choose a checkpoint of the same model.' });
    }
    const answers: BackboneRequests['score'][1]['calls'] = [];
    for (const call of calls) {
      const pack = rowOf([...promptIds(record, call.index)!], call.tokens!.sampled);
      // What is greedy is scored as it was computed, before the temperature.
      const { packs: [scores] } = await client.score([pack], { temperature: call.sampling.temperature || 1 });
      answers.push({ call: call.index, logprobs: [...scores!.logprob] });
    }
    return { calls: answers };
  }

  async close(): Promise<void> {
    clearTimeout(this.#timer);
    const trainer = this.#trainer;
    this.#trainer = undefined;
    await trainer?.then((one) => one.stop(), () => {});
  }

  async #open(model: string): Promise<TrainerProcess> {
    clearTimeout(this.#timer);
    if (this.#trainer === undefined || this.#model !== model) {
      await this.close();
      await readFile(join(model, 'config.json')).catch((cause: unknown) => {
        throw new TuningForkError('usage', `There are no weights in ${model}.`, { cause, next: 'Name the folder of a checkpoint, or "embedded".' });
      });
      this.#model = model;
      this.#trainer = startEmbeddedTrainer({ model });
    }
    this.#timer = setTimeout(() => void this.close(), KEPT_MS).unref();
    try {
      const trainer = await this.#trainer;
      void trainer.exited.then(() => void (this.#trainer = undefined));
      return trainer;
    } catch (error) {
      this.#trainer = undefined;
      throw error;
    }
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
