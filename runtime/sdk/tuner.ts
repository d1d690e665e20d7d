import type OpenAI from 'openai';
import type { ChatMessage } from '../protocol/chat.ts';
import type { TuningForkConfig } from '../protocol/config.ts';
import { TuningForkError } from '../protocol/errors.ts';
import type { JsonObject } from '../protocol/json.ts';
import type { DefaultModel as RemoteModel } from '../protocol/worker.ts';
import { callSite } from './call-site.ts';
import { FrameworkModels } from './frameworks.ts';
import { LocalModel, type CallableModel, type ModelFunction } from './local-model.ts';
import type { Msg } from './message.ts';
import { GatewayModel, type CallOptions, type ChatModel, type ChatReply } from './model.ts';

/** The role of a workflow that holds its tuner as its one model. */
export const DEFAULT_ROLE = 'default';

/**
 * What answers for a role while it is not trained: `provider:model`, `policy@<checkpoint>`, the address of an OpenAI-compatible server,
 * or a model object of this process (its calls pass no gateway; they are kept beside the tool calls).
 */
export type DefaultModel = RemoteModel | CallableModel;

export interface TunerOptions {
  /** An OpenAI-compatible base URL, `/v1` included; rollout and role stand in its path. */
  baseURL(role: string): string;
  apiKey: string;
  isTarget(role: string): boolean;
  /** Tells the backbone of a role before its first call. */
  register(role: string, model: { defaultModel?: RemoteModel | undefined }): void | Promise<void>;
  /** Ends every call of the rollout. */
  signal: AbortSignal;
  /** The checked configuration as JSON. */
  config: JsonObject;
  /** The workflow's file: the agent framework that its project has installed is found from there. */
  file?: string;
}

/**
 * The models of one rollout. Simple mode: it is a model itself, in the role `default`. Advanced mode: each agent has a role, registered
 * with the model it uses while it is not trained.
 */
export class ModelTuner extends FrameworkModels implements ChatModel {
  /** The YAML, defaults filled in and secrets left out: `tuner.config.rollout.multi_turn.max_steps`. */
  readonly config: TuningForkConfig;
  readonly role = DEFAULT_ROLE;
  readonly #options: TunerOptions;
  readonly #defaults = new Map<string, DefaultModel>();
  readonly #models = new Map<string, ChatModel>();

  constructor(options: TunerOptions) {
    super(options.file);
    this.#options = options;
    this.config = options.config as unknown as TuningForkConfig;
  }

  /** Answers the model to use for the role. Many agents may share a role. */
  registerModel(role: string, options: { defaultModel: Exclude<DefaultModel, ModelFunction> }): ChatModel;
  registerModel(role: string, options: { defaultModel: ModelFunction }): ChatModel;
  registerModel(role: string, options: { defaultModel: DefaultModel }): ChatModel;
  registerModel(role: string, { defaultModel }: { defaultModel: DefaultModel }): ChatModel {
    const where = callSite(ModelTuner.prototype.registerModel).place;
    if (typeof role !== 'string' || role === '') {
      throw new TuningForkError('workflow', 'A role needs a name.', { where, next: "Write registerModel('solver', { defaultModel: 'openai:gpt-4o' })." });
    }
    const known = this.#defaults.get(role);
    if (known !== undefined) {
      if (sameModel(known, defaultModel)) return this.getModel(role);
      throw new TuningForkError('workflow', `The role "${role}" is registered already, with another default model.`, {
        where, next: 'Give every agent of one role the same default model, or name another role.',
      });
    }
    if (typeof defaultModel === 'string' && !/^[\w-]+:.+$|^policy@.+$/.test(defaultModel)) {
      throw new TuningForkError('workflow', `The default model "${defaultModel}" of role "${role}" does not name a model.`, {
        where, next: "Write 'provider:model' such as 'openai:gpt-4o' or 'ollama:qwen3', or 'policy@<checkpoint>'.",
      });
    }
    this.#defaults.set(role, defaultModel);
    return this.getModel(role);
  }

  getModel(role: string): ChatModel {
    let model = this.#models.get(role);
    if (model === undefined) this.#models.set(role, (model = this.#open(role)));
    return model;
  }

  /** The model of the role `default`. */
  get #own(): ChatModel {
    return this.getModel(DEFAULT_ROLE);
  }

  get baseURL(): string {
    return this.#own.baseURL;
  }

  get apiKey(): string {
    return this.#own.apiKey;
  }

  get model(): string {
    return this.#own.model;
  }

  get fetch(): typeof fetch {
    return this.#own.fetch;
  }

  call(messages: readonly (Msg<unknown> | ChatMessage)[], options?: CallOptions): Promise<ChatReply> {
    return this.#own.call(messages, options);
  }

  asOpenAI(): OpenAI {
    return this.#own.asOpenAI();
  }

  #open(role: string): ChatModel {
    const { isTarget, register, baseURL, apiKey, signal, file } = this.#options;
    const defaultModel = this.#defaults.get(role);
    const trained = isTarget(role);
    if (!trained && defaultModel === undefined) {
      throw new TuningForkError('workflow', `The role "${role}" is not trained and has no default model.`, {
        where: callSite(ModelTuner.prototype.getModel).place,
        next: `Call tuner.registerModel('${role}', { defaultModel: 'provider:model' }) first, or train it: add it to trainableTargets.`,
      });
    }
    if (!trained && isCallable(defaultModel)) return new LocalModel(role, defaultModel, signal);
    const told = register(role, isCallable(defaultModel) ? {} : { defaultModel });
    // Calls wait for it themselves; nobody else listens when it fails.
    told?.catch(() => {});
    return new GatewayModel(role, { baseURL: baseURL(role), apiKey, signal, ready: told ?? undefined, project: file });
  }
}

function isCallable(model: DefaultModel | undefined): model is CallableModel {
  return typeof model === 'function' || (typeof model === 'object' && 'call' in model);
}

/** In a loop over players each may make a model object of its own, so objects count as the same by their model's name. */
function sameModel(one: DefaultModel, other: DefaultModel): boolean {
  if (one === other) return true;
  if (typeof one === 'function' || typeof other === 'function') return String(one) === String(other);
  if (typeof one === 'string' || typeof other === 'string') return false;
  return isCallable(one) === isCallable(other) && nameOf(one) !== undefined && nameOf(one) === nameOf(other);
}

function nameOf(model: object): string | undefined {
  const { baseURL = '', model: name, modelName = name, modelId = modelName } = model as Record<string, unknown>;
  return typeof modelId === 'string' ? `${String(baseURL)} ${modelId}` : undefined;
}
