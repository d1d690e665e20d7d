/** Rollouts of many tasks, once; also a replay and a check's dry rollout. */
import type { OpeningListener } from '../policy/gpu.ts';
import type { Policy } from '../policy/policy.ts';
import type { StartRun } from '../protocol/backbone.ts';
import type { Host } from './base-run.ts';
import { prepareRun } from './prepare.ts';
import { RolloutsRun } from './rollouts-run.ts';
import { keepTokenizer } from './tokenizers.ts';

export class Run extends RolloutsRun {
  #cancelled = false;

  /** Everything that can be wrong before anything runs is told by this promise, as one error. */
  static async prepare(request: StartRun, host: Host): Promise<Run> {
    return new Run(await prepareRun(request, host.project), host);
  }

  protected override async stop(): Promise<void> {
    this.#cancelled = true;
    await this.rollouts.cancel();
  }

  protected override async work(): Promise<boolean> {
    try {
      const model = await Promise.race([this.#load(), this.rollouts.stopped()]);
      if (model !== undefined) {
        const { door, jobs, openDefault } = this.prepared;
        await this.rollouts.run(jobs(), { model, door, openDefault: (name) => openDefault(this.host.policies, name) });
      }
    } catch (error) {
      // What breaks because it was cancelled is no failure.
      if (!this.#cancelled) throw error;
    }
    return this.#cancelled;
  }

  /** The model loads while the worker does: both are slow, neither needs the other. */
  async #load(): Promise<Policy> {
    const opening = performance.now();
    const [model, workflow] = await Promise.all([
      this.prepared.openModel(this.host.policies, this.#opening()).then((policy) => {
        this.events.emit({ type: 'model-ready', label: policy.label, milliseconds: performance.now() - opening });
        return policy;
      }),
      this.rollouts.start(),
    ]);
    const { directory } = model.kind === 'tokens' ? model : {};
    if (model.kind === 'tokens' && directory !== undefined) await keepTokenizer(this.prepared.runsRoot, model.tokenizer.sha256, directory);
    await this.update({ policy: model.label, workflow: workflow.name, ...(model.kind === 'tokens' && { tokenizer: { sha256: model.tokenizer.sha256, template: model.format.sha256 } }) });
    return model;
  }

  /** Of a model that stays open for runs to come, this one hears until it is there. */
  #opening(): OpeningListener {
    return {
      progress: (text) => this.events.emit({ type: 'trainer', text }),
      notice: (notice) => void (this.running && this.events.emit({ type: 'notice', level: notice.code === 'trainer' ? 'info' : 'warning', notice })),
    };
  }
}
