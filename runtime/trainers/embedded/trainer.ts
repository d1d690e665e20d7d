/** What a trainer does, behind the door: samples at any time, and one after the other steps, scores, and keeps and loads checkpoints. */
import { createHash } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, isAbsolute, join, relative, sep } from 'node:path';
import { z } from 'zod';
import { openOnnxPolicy, type OnnxPolicy } from '../../policy/onnx/policy.ts';
import { TuningForkError } from '../../protocol/errors.ts';
import { START_CHECKPOINT, TRAINER_PROTOCOL, type Checkpoint, type CheckpointBody, type CheckpointFile, type LoadBody, type ModelFile, type SampleBody, type SampleLine, type StepAnswer, type StepRequest, type TrainerInfo } from '../../protocol/trainer.ts';
import { openPackBody, type PackLimits, type Scores } from '../packs.ts';
import { FOR_RESUMING } from './checkpoints.ts';
import { Compute } from './compute.ts';
import { Refusal } from './refusal.ts';
import { check, scoreRequest, stepRequest } from './requests.ts';
import { sampleLines, StoredPolicies } from './sample.ts';
import { checkStep } from './step.ts';

export interface TrainerOptions {
  directory: string;
  /** Where checkpoints with a relative folder go. */
  keep?: string | undefined;
  threads: number;
  /** Weights are lost or of different versions: nothing can be done but to end. */
  onFatal(error: Error): void;
}

interface KnownStep {
  /** sha256 of its body. */
  body: string;
  answer: Promise<StepAnswer>;
}

/** Answers to steps are small, and who asks again does so soon. */
const KEPT_STEPS = 1000;

export class EmbeddedTrainer {
  readonly #directory: string;
  readonly #keepIn: string | undefined;
  readonly #model: Model;
  readonly #compute: Compute;
  readonly #sampler: OnnxPolicy;
  readonly #onFatal: (error: Error) => void;
  readonly #stored = new StoredPolicies();
  readonly #checkpoints = new Map<string, Checkpoint>();
  readonly #steps = new Map<string, KnownStep>();
  /** Of the step the weights come from. */
  #lastStep: string | undefined;
  #stepping: string | undefined;
  #durableVersion = 0;
  #queue: Promise<unknown> = Promise.resolve();

  private constructor(options: TrainerOptions, model: Model, compute: Compute, sampler: OnnxPolicy) {
    this.#directory = options.directory;
    this.#keepIn = options.keep;
    this.#onFatal = options.onFatal;
    this.#model = model;
    this.#compute = compute;
    this.#sampler = sampler;
  }

  static async open(options: TrainerOptions): Promise<EmbeddedTrainer> {
    const { directory, threads, onFatal } = options;
    const model = await readModel(directory);
    const [compute, sampler] = await Promise.all([Compute.open({ directory, threads }, onFatal), openOnnxPolicy(directory, { precision: 'fp32' })]);
    return new EmbeddedTrainer(options, model, compute, sampler);
  }

  info(): TrainerInfo {
    const { layers, width } = this.#model;
    return {
      protocol: TRAINER_PROTOCOL, model: basename(this.#directory), directory: this.#directory,
      version: this.#sampler.version, durableVersion: this.#durableVersion,
      device: 'cpu', dtype: 'float32', context: this.#sampler.contextLength, parameters: this.#compute.parameters, tokenizerSha256: this.#sampler.tokenizer.sha256,
      capabilities: { trees: true, score: true, sample: true, checkpoints: true },
      shape: { layers, width, causalKernel: false },
      memory: process.memoryUsage.rss(),
    };
  }

  sample(body: SampleBody, signal: AbortSignal, write: (line: SampleLine) => void): Promise<void> {
    if (body.checkpoint === undefined) return sampleLines(this.#sampler, body, signal, write);
    return this.#stored.use(this.#folderOf(body.checkpoint), (policy) => sampleLines(policy, body, signal, write));
  }

  /** Throws for what can't be scored; then the scores come in their turn. */
  score(body: Uint8Array): Promise<Scores> {
    const opened = openPackBody(body);
    const { temperature, checkpoint } = check(scoreRequest, opened.request);
    const packs = opened.packs(this.#limits);
    const directory = checkpoint === undefined ? undefined : this.#folderOf(checkpoint);
    return this.#inTurn(async () => {
      const { version } = this.#sampler;
      return { version, packs: await this.#compute.ask('score', { packs, temperature, directory }) };
    });
  }

  /** Throws for what can't be done. The same body again gets the same answer. */
  step(body: Uint8Array): Promise<StepAnswer> {
    const opened = openPackBody(body);
    const request = check(stepRequest, opened.request);
    const hash = createHash('sha256').update(body).digest('hex');
    const known = this.#steps.get(request.stepId);
    if (known?.body === hash) return known.answer;
    if (known) throw conflict(`The step "${request.stepId}" was already made with another body.`, 'Give each step an id of its own, and send the same bytes when you send it again.');
    if (this.#stepping !== undefined) throw conflict(`The step "${this.#stepping}" is still being made.`, 'Wait for its answer.');
    const { version } = this.#sampler;
    if (request.version !== version) throw conflict(`The step was made for weights of version ${request.version}, and they are at version ${version}.`, 'Load the checkpoint the step belongs to, or sample again.');
    const packs = opened.packs(this.#limits);
    checkStep(request, packs);

    this.#stepping = request.stepId;
    const answer = this.#inTurn(() => this.#step(request, packs));
    this.#remember(request.stepId, { body: hash, answer });
    answer.catch(() => this.#steps.delete(request.stepId)).finally(() => { this.#stepping = undefined; });
    return answer;
  }

  async #step(request: StepRequest, packs: Parameters<typeof checkStep>[1]): Promise<StepAnswer> {
    const { metrics, model } = await this.#compute.ask('step', { packs: [...packs], request });
    const version = request.version + 1;
    await this.#swap(model, version);
    this.#lastStep = request.stepId;
    return { stepId: request.stepId, version, metrics };
  }

  /** A name may move on to a newer checkpoint; a folder never changes. */
  checkpoint({ name, directory: asked, optimizer }: CheckpointBody): Promise<Checkpoint> {
    const directory = this.#absolute(asked);
    return this.#inTurn(async () => {
      await this.#compute.ask('save', { directory, optimizer, lastStep: await this.#lastAnswer() });
      return this.#keep({ name, directory, version: this.#sampler.version, optimizer });
    });
  }

  checkpoints(): Checkpoint[] {
    return [...this.#checkpoints.values()];
  }

  load(name: string, { directory }: LoadBody): Promise<Checkpoint> {
    if (name === START_CHECKPOINT) return this.#loadFrom(name, this.#directory, {});
    const folder = directory === undefined ? this.#checkpoints.get(name)?.directory : this.#absolute(directory);
    if (folder === undefined) throw new Refusal(404, `There is no checkpoint "${name}".`, { code: 'trainer', next: 'Name its directory: this process knows only the checkpoints it wrote itself.' });
    return this.#loadFrom(name, folder, { directory: folder });
  }

  #loadFrom(name: string, folder: string, from: { directory?: string }): Promise<Checkpoint> {
    return this.#inTurn(async () => {
      const { version, lastStep, model } = await this.#compute.ask('load', from);
      await this.#swap(model, version);
      // What was done after it is undone, and may be done again.
      this.#steps.clear();
      this.#lastStep = lastStep?.stepId;
      if (lastStep) this.#remember(lastStep.stepId, { body: lastStep.body, answer: Promise.resolve(lastStep.answer) });
      const checkpoint = { name, directory: folder, version, optimizer: true };
      return name === START_CHECKPOINT ? checkpoint : this.#keep(checkpoint);
    });
  }

  /** One of the files that prompts are built with; undefined where the model has none of this name. */
  file(name: ModelFile): Promise<Buffer | undefined> {
    return readIfThere(join(this.#directory, name));
  }

  /** What one needs to use a checkpoint as a model. */
  async checkpointFiles(name: string): Promise<CheckpointFile[]> {
    const folder = this.#folderOf(name);
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    const paths = entries.filter((entry) => entry.isFile()).map((entry) => relative(folder, join(entry.parentPath, entry.name)));
    return Promise.all(paths.filter((path) => !FOR_RESUMING.has(path)).sort().map(async (path) => ({ path: path.split(sep).join('/'), bytes: (await stat(join(folder, path))).size })));
  }

  async checkpointFile(name: string, path: string): Promise<Buffer | undefined> {
    const known = (await this.checkpointFiles(name)).some((file) => file.path === path);
    return known ? readIfThere(join(this.#folderOf(name), path)) : undefined;
  }

  /** Ends what was asked for. */
  async close(): Promise<void> {
    await this.#queue;
    await this.#sampler.close();
  }

  get #limits(): PackLimits {
    const { vocabulary, heads, layers } = this.#model;
    return { vocabulary, heads, layers, context: this.#sampler.contextLength };
  }

  #inTurn<T>(run: () => Promise<T>): Promise<T> {
    const turn = this.#queue.then(run);
    this.#queue = turn.catch(() => undefined);
    return turn;
  }

  async #swap(model: Uint8Array, version: number): Promise<void> {
    try {
      await this.#sampler.swap(model, { version });
    } catch (error) {
      this.#onFatal(error as Error);
      throw error;
    }
  }

  #remember(stepId: string, step: KnownStep): void {
    this.#steps.set(stepId, step);
    const [oldest] = this.#steps.keys();
    if (this.#steps.size > KEPT_STEPS) this.#steps.delete(oldest!);
  }

  async #lastAnswer(): Promise<{ stepId: string; body: string; answer: StepAnswer } | undefined> {
    const known = this.#lastStep === undefined ? undefined : this.#steps.get(this.#lastStep);
    return known && { stepId: this.#lastStep!, body: known.body, answer: await known.answer };
  }

  #keep(checkpoint: Checkpoint): Checkpoint {
    this.#checkpoints.set(checkpoint.name, checkpoint);
    if (checkpoint.optimizer) this.#durableVersion = Math.max(this.#durableVersion, checkpoint.version);
    return checkpoint;
  }

  #absolute(directory: string): string {
    if (isAbsolute(directory)) return directory;
    if (this.#keepIn !== undefined) return join(this.#keepIn, directory);
    throw new Refusal(400, `"directory" of the request cannot be read: must be an absolute path.`);
  }

  #folderOf(checkpoint: string): string {
    if (checkpoint === START_CHECKPOINT) return this.#directory;
    const known = this.#checkpoints.get(checkpoint)?.directory;
    if (known !== undefined) return known;
    if (isAbsolute(checkpoint)) return checkpoint;
    throw new Refusal(404, `There is no checkpoint "${checkpoint}".`, { code: 'trainer', next: 'Give the name of one this process wrote or loaded, or the absolute path of a model directory.' });
  }
}

interface Model {
  layers: number;
  width: number;
  heads: number;
  vocabulary: number;
}

async function readModel(directory: string): Promise<Model> {
  const file = join(directory, 'config.json');
  const count = z.number().int().positive();
  const schema = z.object({ num_hidden_layers: count, hidden_size: count, num_attention_heads: count, vocab_size: count });
  try {
    const config = schema.parse(JSON.parse(await readFile(file, 'utf8')));
    return { layers: config.num_hidden_layers, width: config.hidden_size, heads: config.num_attention_heads, vocabulary: config.vocab_size };
  } catch (cause) {
    throw new TuningForkError('trainer', 'This directory has no config.json of a decoder that can be trained here.', { where: { file }, cause, next: 'Give the directory of a Qwen2 or Llama model in Hugging Face format.' });
  }
}

function readIfThere(file: string): Promise<Buffer | undefined> {
  return readFile(file).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
}

function conflict(message: string, next: string): Refusal {
  return new Refusal(409, message, { code: 'trainer', next });
}
