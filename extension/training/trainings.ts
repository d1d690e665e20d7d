/** The trainings this window knows of: those it started, those it found running again, and how they ended. */
import * as vscode from 'vscode';
import type { RunPlace } from '../commands/table.ts';
import type { Studio } from '../studio.ts';
import { isOver, receive, trainingOf, type Training } from './progress.ts';

/** Under way when this workspace last looked: after a reload their end is still told. */
const OPEN = 'tuningFork.trainings.open';
/** Events may come by the hundred. */
const SETTLE_MS = 100;

export class Trainings implements vscode.Disposable {
  readonly #studio: Studio;
  readonly #known = new Map<string, Training>();
  readonly #changed = new vscode.EventEmitter<void>();
  readonly #ended = new vscode.EventEmitter<Training>();
  readonly #subscriptions: vscode.Disposable[];
  #settling: NodeJS.Timeout | undefined;
  #menus: Record<string, boolean> = {};
  readonly onDidChange = this.#changed.event;
  /** Finished, failed, stopped, or lost with its backbone. */
  readonly onDidEnd = this.#ended.event;

  constructor(studio: Studio) {
    this.#studio = studio;
    const { backbones } = studio;
    this.#subscriptions = [
      this.onDidChange(() => this.#tellMenus()),
      backbones.onDidChangeLive(() => this.#look()),
      backbones.onEvent(({ project, event }) => {
        const training = this.#find(project, event.run);
        if (training === undefined) return;
        const changed = receive(training, event);
        if (event.type === 'finished') this.#end(training);
        else if (changed) this.#tell();
      }),
      backbones.onDidLose((project) => {
        for (const training of this.under) {
          if (training.project !== project) continue;
          training.state = 'interrupted';
          this.#end(training);
        }
      }),
    ];
  }

  /** Newest last. */
  get all(): readonly Training[] {
    return [...this.#known.values()];
  }

  get under(): readonly Training[] {
    return this.all.filter((training) => !isOver(training));
  }

  of(place: RunPlace): Training | undefined {
    return this.#known.get(place.dir);
  }

  /** Folders of trainings whose end nobody has been told. */
  get untold(): readonly string[] {
    return this.#studio.context.workspaceState.get<string[]>(OPEN, []);
  }

  async told(dir: string): Promise<void> {
    await this.#studio.context.workspaceState.update(OPEN, this.untold.filter((other) => other !== dir));
  }

  dispose(): void {
    clearTimeout(this.#settling);
    for (const one of [...this.#subscriptions, this.#changed, this.#ended]) one.dispose();
  }

  /** A run is live before its first event is told, so none is missed. */
  #look(): void {
    for (const { project, run, dir, status } of this.#studio.backbones.live) {
      const known = this.#known.get(dir);
      if (status.info.kind !== 'training' || (known !== undefined && !isOver(known))) continue;
      this.#known.delete(dir);
      const training = trainingOf({ project, run, dir }, status.info);
      if (status.paused) training.state = 'paused';
      this.#known.set(dir, training);
      void this.#studio.context.workspaceState.update(OPEN, [...new Set([...this.untold, dir])]);
      this.#tell();
    }
  }

  #find(project: string, run: string): Training | undefined {
    return this.all.find((one) => one.run === run && one.project === project);
  }

  #end(training: Training): void {
    this.#changed.fire();
    this.#ended.fire(training);
  }

  /** Which commands have something to do. */
  #tellMenus(): void {
    const now = { trainingUnderWay: this.under.length > 0, trainingPaused: this.under.some(({ state }) => state === 'paused') };
    for (const [name, value] of Object.entries(now)) {
      if (this.#menus[name] !== value) void vscode.commands.executeCommand('setContext', `tuningFork.${name}`, value);
    }
    this.#menus = now;
  }

  #tell(): void {
    this.#settling ??= setTimeout(() => {
      this.#settling = undefined;
      this.#changed.fire();
    }, SETTLE_MS);
  }
}
