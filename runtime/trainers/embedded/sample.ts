/** Sampling within this process: from the weights in training, and from stored models. */
import { errorInfo } from '../../protocol/errors.ts';
import type { SampleBody, SampleLine } from '../../protocol/trainer.ts';
import { openOnnxPolicy, type OnnxPolicy } from '../../policy/onnx/policy.ts';

/** A small model samples tokens faster than it is worth sending each by itself. */
const GATHER_MS = 20;

/** Answers a request line by line. Rejects only while no line was written. */
export async function sampleLines(policy: OnnxPolicy, { prompt, sampling, stopIds, key, top }: SampleBody, signal: AbortSignal, write: (line: SampleLine) => void): Promise<void> {
  let gathered: Extract<SampleLine, { ids: number[] }> = { ids: [], logprobs: [] };
  let first = true, written = performance.now();
  const flush = (): void => {
    if (gathered.ids.length > 0) write(gathered);
    first = false;
    gathered = { ids: [], logprobs: [] };
    written = performance.now();
  };
  try {
    const { finish, version, cached } = await policy.sample({
      prompt, sampling, top, signal, key: BigInt(key), stopIds: new Set(stopIds),
      onToken: (id, logprob, told) => {
        if (first && gathered.ids.length === 0) Object.assign(gathered, { version: told!.version, cached: told!.cached });
        gathered.ids.push(id);
        gathered.logprobs.push(logprob);
        if (told!.top) {
          gathered.top ??= { ids: [], logprobs: [] };
          gathered.top.ids.push(...told!.top.ids);
          gathered.top.logprobs.push(...told!.top.logprobs);
        }
        if (performance.now() - written >= GATHER_MS) flush();
      },
    });
    flush();
    write({ done: { finish, version, cached } });
  } catch (error) {
    if (first || signal.aborted) throw error;
    write({ error: errorInfo(error, 'policy') });
  }
}

const KEPT = 2;

interface OpenPolicy {
  policy: Promise<OnnxPolicy>;
  running: number;
}

/** Policies of stored models, by their folder. The ones not used for longest are closed once nothing runs on them. */
export class StoredPolicies {
  readonly #open = new Map<string, OpenPolicy>();

  async use<T>(directory: string, run: (policy: OnnxPolicy) => Promise<T>): Promise<T> {
    const entry = this.#open.get(directory) ?? { policy: openOnnxPolicy(directory), running: 0 };
    this.#open.delete(directory);
    this.#open.set(directory, entry);
    entry.running++;
    try {
      return await run(await entry.policy);
    } catch (error) {
      entry.policy.catch(() => this.#open.delete(directory));
      throw error;
    } finally {
      entry.running--;
      this.#closeOldest();
    }
  }

  #closeOldest(): void {
    for (const [directory, { policy, running }] of this.#open) {
      if (this.#open.size <= KEPT) return;
      if (running > 0) continue;
      this.#open.delete(directory);
      void policy.then((policy) => policy.close(), () => undefined);
    }
  }
}
