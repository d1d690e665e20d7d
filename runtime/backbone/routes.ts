import type { Route } from '../gateway/session.ts';
import type { Policy } from '../policy/policy.ts';
import { TuningForkError } from '../protocol/errors.ts';
import type { DefaultModel } from '../protocol/worker.ts';

export interface RoutesOptions {
  /** The model that is run and trained. */
  model: Policy;
  /** null: every role is a target. */
  targets: string[] | null;
  open(model: DefaultModel): Promise<Policy>;
}

/** `registerModel` travels beside the calls, on the worker's own channel, so a call may be here first. */
const REGISTER_MS = 2_000;

/** Which model answers which role in one rollout: targets the model, the others what they were registered with. */
export class RoleRoutes {
  readonly #options: RoutesOptions;
  readonly #registered = new Map<string, PromiseWithResolvers<DefaultModel | undefined>>();

  constructor(options: RoutesOptions) {
    this.#options = options;
  }

  register(role: string, model: DefaultModel | undefined): void {
    this.#registration(role).resolve(model);
  }

  async find(role: string): Promise<Route> {
    const { model, targets } = this.#options;
    if (targets === null || targets.includes(role)) return { policy: model, target: true, label: model.label };
    const timer = setTimeout(() => this.register(role, undefined), REGISTER_MS);
    const name = await this.#registration(role).promise;
    clearTimeout(timer);
    if (name === undefined) {
      throw new TuningForkError('workflow', `The role "${role}" is not trained and has no default model.`, {
        next: `Call tuner.registerModel('${role}', { defaultModel: 'provider:model' }), or train it: targets are ${targets.join(', ')}.`,
      });
    }
    const policy = await this.#options.open(name);
    return { policy, target: false, label: policy.label };
  }

  #registration(role: string): PromiseWithResolvers<DefaultModel | undefined> {
    let registration = this.#registered.get(role);
    if (registration === undefined) this.#registered.set(role, (registration = Promise.withResolvers()));
    return registration;
  }
}
