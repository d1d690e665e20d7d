/** A run of rollouts, that a client can look into while they go on. */
import type { CallDecision } from '../protocol/backbone.ts';
import type { Stopped, StopPoint } from '../protocol/stops.ts';
import type { ProcessStamp } from '../protocol/trace.ts';
import { BaseRun, type Host } from './base-run.ts';
import type { Prepared } from './prepare.ts';
import { Rollouts } from './rollouts.ts';

export abstract class RolloutsRun extends BaseRun {
  protected readonly host: Host;
  protected readonly prepared: Prepared;
  protected readonly rollouts: Rollouts;

  protected constructor(prepared: Prepared, host: Host) {
    const { writer, secrets, config } = prepared;
    super({ writer, secrets, warnings: config.warnings });
    this.host = host;
    this.prepared = prepared;
    this.rollouts = new Rollouts({
      prepared, gateway: host.gateway, events: this.events, progress: this.progress, spare: host.takeSpare(),
      changed: (workers) => void this.update({ workers: [...workers, ...this.others] }),
    });
  }

  override async cancel(rollout?: string): Promise<void> {
    if (rollout === undefined) await super.cancel();
    else if (this.running) await this.rollouts.cancel(rollout);
  }

  override hold(rollout: string): void {
    this.rollouts.hold(rollout);
  }

  override setStops(stops: StopPoint[]): void {
    this.rollouts.holding.setStops(stops);
  }

  override stopped(rollout?: string): Stopped[] {
    return this.rollouts.holding.stopped(rollout);
  }

  override release(rollout: string, decision?: CallDecision, step?: boolean): void {
    this.rollouts.holding.release(rollout, decision, step);
  }

  protected override async closed(): Promise<void> {
    await this.rollouts.close();
  }

  /** Processes of the run beside its workers. */
  protected get others(): ProcessStamp[] {
    return [];
  }
}
