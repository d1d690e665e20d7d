/** One connection to each project's backbone, made when first needed, and the runs that go on there. */
import { existsSync } from 'node:fs';
import * as vscode from 'vscode';
import type { BackboneClient } from '../../runtime/backbone/client.ts';
import type { BackboneMethod, BackboneRequests, RunEvent, RunStatus, StartRun } from '../../runtime/protocol/backbone.ts';
import { TuningForkError } from '../../runtime/protocol/errors.ts';
import type { Given } from '../discovery/discovery.ts';
import { isWithin } from '../real-path.ts';
import { nodeForRuns } from './node.ts';

/** A run that goes on, as this window sees it. */
export interface LiveRun {
  project: string;
  run: string;
  dir: string;
  status: RunStatus;
}

export interface ProjectEvent {
  project: string;
  event: RunEvent;
}

/** What a feature asks for; environment and folder are added, and what `tune` gives beside a configuration. */
export type RunRequest = Omit<StartRun, 'env' | 'cwd'> & { cwd?: string; env?: Record<string, string> };

export class Backbones implements vscode.Disposable {
  readonly #environment: () => Promise<Record<string, string>>;
  readonly #given: (request: RunRequest) => Given | undefined;
  readonly #log: vscode.LogOutputChannel;
  readonly #clients = new Map<string, Promise<BackboneClient>>();
  readonly #live = new Map<string, LiveRun>();
  readonly #events = new vscode.EventEmitter<ProjectEvent>();
  readonly #changed = new vscode.EventEmitter<void>();
  readonly #gone = new vscode.EventEmitter<string>();
  /** Every event of every run that this window has started or attached to. */
  readonly onEvent = this.#events.event;
  /** The list of live runs, or a state in it, changed. */
  readonly onDidChangeLive = this.#changed.event;
  /** The backbone of a project went away, with runs going on. */
  readonly onDidLose = this.#gone.event;

  /** `environment`: what runs are given. */
  constructor(environment: () => Promise<Record<string, string>>, given: (request: RunRequest) => Given | undefined, log: vscode.LogOutputChannel) {
    this.#environment = environment;
    this.#given = given;
    this.#log = log;
  }

  get live(): readonly LiveRun[] {
    return [...this.#live.values()];
  }

  /** Starts a backbone where there is none. */
  async client(project: string): Promise<BackboneClient> {
    requireTrust();
    const opened = this.#clients.get(project) ?? this.#open(project);
    this.#clients.set(project, opened);
    return opened;
  }

  async request<M extends BackboneMethod>(project: string, method: M, params: BackboneRequests[M][0]): Promise<BackboneRequests[M][1]> {
    return (await this.client(project)).request(method, params);
  }

  /** With other weights than those that sampled it, by the runtime that this window's environment names. */
  async score(project: string, request: BackboneRequests['score'][0]): Promise<BackboneRequests['score'][1]> {
    return this.request(project, 'score', { ...request, env: await this.#environment() });
  }

  /** Starts a run and follows it; `onEvent` gets its events from the first one on. */
  async start(project: string, request: RunRequest, onEvent?: (event: RunEvent) => void): Promise<LiveRun> {
    if (request.replay !== undefined || request.training?.resume !== undefined) requireOwn(request.conf);
    const client = await this.client(project);
    const given = this.#given(request);
    const { run } = await client.request('start', { ...request, ...given, set: { ...given?.set, ...request.set }, cwd: request.cwd ?? project, env: { ...await this.#environment(), ...request.env } });
    return this.#follow(project, client, run, onEvent);
  }

  /** Finds a backbone that runs already, after a reload say, and follows what goes on there. Starts none. */
  async reattach(project: string): Promise<void> {
    if (!vscode.workspace.isTrusted || this.#clients.has(project)) return;
    const { connectBackbone } = await import('../../runtime/backbone/client.ts');
    const client = await connectBackbone({ project, client: 'vscode', startIfAbsent: false });
    if (client === undefined) return;
    this.#keep(project, client);
    this.#clients.set(project, Promise.resolve(client));
    const { runs } = await client.request('status', null);
    const going = runs.filter(({ info }) => info.state === 'running');
    // What this window lends them has to be there again.
    if (going.length > 0) await this.#environment();
    for (const { run } of going) await this.#follow(project, client, run);
  }

  dispose(): void {
    for (const opened of this.#clients.values()) void opened.then((client) => client.close(), () => {});
    for (const emitter of [this.#events, this.#changed, this.#gone]) emitter.dispose();
  }

  async #open(project: string): Promise<BackboneClient> {
    try {
      const { connectBackbone } = await import('../../runtime/backbone/client.ts');
      const client = (await connectBackbone({ project, client: 'vscode', node: nodeForRuns() }))!;
      this.#log.info(`connected to the backbone of ${project}`);
      this.#keep(project, client);
      return client;
    } catch (error) {
      this.#clients.delete(project);
      throw error;
    }
  }

  #keep(project: string, client: BackboneClient): void {
    void client.closed.then(() => {
      this.#clients.delete(project);
      const lost = this.live.filter((one) => one.project === project);
      for (const { dir } of lost) this.#live.delete(dir);
      this.#log.info(`the backbone of ${project} is gone, with ${lost.length} runs going on`);
      if (lost.length > 0) this.#gone.fire(project);
      this.#changed.fire();
    });
  }

  async #follow(project: string, client: BackboneClient, run: string, onEvent?: (event: RunEvent) => void): Promise<LiveRun> {
    let live: LiveRun | undefined;
    const early: RunEvent[] = [];
    const receive = (event: RunEvent): void => {
      if (live === undefined) return void early.push(event);
      if (event.type === 'progress') live.status = { ...live.status, progress: event.progress, elapsed: event.elapsed };
      if (event.type === 'finished') {
        live.status = { ...live.status, info: { ...live.status.info, state: event.state } };
        this.#live.delete(live.dir);
      }
      onEvent?.(event);
      this.#events.fire({ project, event });
      if (event.type === 'finished' || event.type === 'paused') this.#changed.fire();
    };
    const status = await client.attach(run, receive, 0);
    live = { project, run, dir: status.dir, status };
    this.#live.set(status.dir, live);
    this.#changed.fire();
    for (const event of early) receive(event);
    return live;
  }
}

/** A stored run says which configuration it was made with, and somebody else's may name anything: what runs then is of this workspace, which was trusted. */
function requireOwn(conf: string): void {
  const folders = vscode.workspace.workspaceFolders?.map(({ uri }) => uri.fsPath) ?? [];
  // Of one that is not there nothing runs, and who reads it says so.
  if (folders.length === 0 || !existsSync(conf) || isWithin(conf, folders)) return;
  throw new TuningForkError('usage', vscode.l10n.t('This run was made with {0}, which is not in this workspace, so it is not run from here.', conf), {
    next: vscode.l10n.t('Look at its code, then open its folder.'),
  });
}

export function requireTrust(): void {
  if (vscode.workspace.isTrusted) return;
  throw new TuningForkError('usage', vscode.l10n.t('This workspace is not trusted, so nothing of it is run.'), {
    next: vscode.l10n.t('Look at its code, then trust it with "Workspaces: Manage Workspace Trust".'),
  });
}
