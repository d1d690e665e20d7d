/** Runs workflow and grader of Osmosis' contract in this process, for a controller that owns the model. */
import { GatewayModel } from '../../model.ts';
import type { ChatMessage } from '../../../protocol/chat.ts';
import type { JsonObject } from '../../../protocol/json.ts';
import { samplesOf } from '../adapter.ts';
import { copyOf, type AgentWorkflowConfig, type GraderConfig } from '../config.ts';
import { GraderContext, RolloutContext, type RolloutSample } from '../context.ts';
import { entrypointOf, type Entrypoint } from '../entrypoint.ts';
import { Turnstile } from '../turnstile.ts';
import type { AgentWorkflow, Grader } from '../workflow.ts';
import type { InitRequest } from './protocol.ts';

export interface LocalBackendOptions {
  workflow: abstract new (...args: never[]) => AgentWorkflow;
  workflowConfig?: AgentWorkflowConfig;
  grader?: abstract new (...args: never[]) => Grader;
  graderConfig?: GraderConfig;
}

/** Without a configuration that says more. */
const CONCURRENCY = 4;

export interface Ran {
  samples: Record<string, RolloutSample>;
  metrics: Record<string, number>;
  info: JsonObject;
}

export class LocalBackend {
  readonly #entrypoint: Entrypoint;
  readonly #most: number;
  readonly #turnstile: Turnstile;
  readonly #graders: Turnstile;

  /** Everything that is wrong with the classes is told here, at once. */
  constructor({ workflow, workflowConfig, grader, graderConfig }: LocalBackendOptions) {
    this.#entrypoint = entrypointOf({ workflow, ...(workflowConfig && { workflowConfig }), ...(grader && { grader }), ...(graderConfig && { graderConfig }) }, 'LocalBackend', 'workflow');
    this.#most = workflowConfig?.concurrency.maxConcurrent ?? CONCURRENCY;
    this.#turnstile = new Turnstile(this.#most);
    this.#graders = new Turnstile(graderConfig?.concurrency.maxConcurrent ?? null);
  }

  get concurrency(): { running: number; queued: number; max: number } {
    return { running: this.#turnstile.inside, queued: this.#turnstile.waiting, max: this.#most };
  }

  /** As many again may wait. */
  hasCapacity(): boolean {
    return this.#turnstile.waiting < this.#most;
  }

  get grades(): boolean {
    return this.#entrypoint.Grader !== null;
  }

  run(id: string, request: InitRequest, signal: AbortSignal, started: () => void): Promise<Ran> {
    return this.#turnstile.pass(() => {
      signal.throwIfAborted();
      started();
      const context = new RolloutContext(id, (sample) => modelOf(id, sample, request, signal));
      return context.run(async () => {
        const config = copyOf(this.#entrypoint.workflowConfig);
        const ctx = { prompt: request.initial_messages as unknown as ChatMessage[], config, metadata: request.metadata ?? null };
        return samplesOf(await new this.#entrypoint.Workflow(config).run(ctx), context);
      });
    }, signal);
  }

  grade(request: InitRequest, samples: Record<string, RolloutSample>, signal: AbortSignal): Promise<number | undefined> {
    return this.#graders.pass(async () => {
      signal.throwIfAborted();
      const config = copyOf(this.#entrypoint.graderConfig);
      const context = new GraderContext({ label: request.label ?? null, metadata: request.metadata ?? null, config, samples });
      await new this.#entrypoint.Grader!(config).grade(context);
      return context.reward?.reward;
    }, signal);
  }
}

/** The older controllers know a call by its headers, the newer ones by the URL. */
function modelOf(id: string, sample: string, request: InitRequest, signal: AbortSignal): GatewayModel {
  return new GatewayModel(sample, {
    baseURL: request.chat_completions_url.replace(/\/chat\/completions\/?$/, ''), apiKey: request.llm_api_key ?? request.controller_api_key ?? '', signal, ready: undefined,
    headers: { 'x-rollout-id': headerText(id), 'x-sample-id': headerText(sample) },
  });
}

/** A header holds ASCII; what an id has beyond that is escaped as in a URL, half a character (through the buffer) as one that is unknown. */
function headerText(text: string): string {
  return text.replace(/[^\x20-\x7e]+/g, (part) => encodeURIComponent(Buffer.from(part).toString()));
}
