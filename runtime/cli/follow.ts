/** Starts a run, or finds one, and stays with it to its end. Ctrl-C cancels what was started here and leaves what was not. */
import { connectBackbone, type BackboneClient } from '../backbone/client.ts';
import type { RunEvent, RunProgress, RunStatus, StartRun } from '../protocol/backbone.ts';
import type { ErrorInfo } from '../protocol/errors.ts';
import type { RunInfo } from '../protocol/trace.ts';
import type { Args } from './args.ts';
import { environment, projectOf } from './project.ts';
import { onInterrupt } from './interrupt.ts';
import { asTyped } from './invocation.ts';
import { EXIT, note } from './io.ts';
import { t } from './l10n.ts';
import { nearby } from './report.ts';

/** Whoever shows what happens: a live picture, lines, or JSON. */
export interface Watcher {
  /** What is being waited for, before the run is there. */
  phase(text: string): void;
  begin(status: RunStatus): void;
  receive(event: RunEvent): void;
  say(line: string): void;
  end(): void;
}

export interface Followed {
  /** As it was at the end. */
  status: RunStatus;
  state: RunInfo['state'];
  error?: ErrorInfo;
  interrupted: boolean;
}

/** What a command asks for; where it stands and its environment are added. */
export type Request = Omit<StartRun, 'env' | 'cwd'>;

export async function connect(args: Args, watcher: Pick<Watcher, 'phase'>): Promise<BackboneClient> {
  const project = projectOf(args);
  const running = await connectBackbone({ project, client: 'cli', startIfAbsent: false });
  if (running !== undefined) return running;
  watcher.phase(t('Starting the backbone…'));
  return (await connectBackbone({ project, client: 'cli' }))!;
}

export async function startAndFollow(args: Args, request: Request, watcher: Watcher): Promise<Followed> {
  let client: BackboneClient | undefined;
  let run: string | undefined;
  let interrupted = false;
  const cancel = (): void => void (run !== undefined && client?.request('cancel', { run }).catch(() => {}));
  using _interrupt = onInterrupt(() => {
    if (client === undefined || interrupted) {
      watcher.end();
      if (run !== undefined) note(t('Left {0} while it was being cancelled.', run));
      process.exit(EXIT.cancelled);
    }
    interrupted = true;
    watcher.say(request.kind === 'training' ? t('Stopping; the step under way is finished and saved. Ctrl-C again leaves at once.') : t('Cancelling; finished rollouts are kept. Ctrl-C again leaves at once.'));
    cancel();
  });
  try {
    client = await connect(args, watcher);
    watcher.phase(t('Reading {0}…', nearby({ file: request.conf }).file));
    ({ run } = await client.request('start', { ...request, env: environment(), cwd: process.cwd() }));
    if (interrupted) cancel();
    return { ...await follow(client, run, watcher), interrupted };
  } finally {
    watcher.end();
    client?.close();
  }
}

/** Only looks: the run goes on when the looking stops. */
export async function watch(client: BackboneClient, run: string, watcher: Watcher): Promise<Followed> {
  using _interrupt = onInterrupt(() => {
    watcher.end();
    note(asTyped(t('The run goes on; "tuning-fork runs attach {0}" looks again.', run)));
    process.exit(EXIT.cancelled);
  });
  try {
    return { ...await follow(client, run, watcher), interrupted: false };
  } finally {
    watcher.end();
  }
}

async function follow(client: BackboneClient, run: string, watcher: Watcher): Promise<Omit<Followed, 'interrupted'>> {
  const ended = Promise.withResolvers<Extract<RunEvent, { type: 'finished' }>>();
  let info: Partial<RunInfo> = {};
  let progress: { progress: RunProgress; elapsed: number } | undefined;
  const status = await client.attach(run, (event) => {
    if (event.type === 'progress') progress = { progress: event.progress, elapsed: event.elapsed };
    else if (event.type === 'model-ready') info = { ...info, policy: event.label };
    else if (event.type === 'workflow-ready') info = { ...info, workflow: event.name };
    watcher.receive(event);
    if (event.type === 'finished') ended.resolve(event);
  }, 0);
  watcher.begin(status);
  const finished = await Promise.race([ended.promise, client.closed]);
  const last: RunStatus = { ...status, ...progress, info: { ...status.info, ...info } };
  if (finished !== undefined) return { status: last, state: finished.state, error: finished.error };
  return {
    status: last, state: 'failed',
    error: { code: 'backbone', message: t('The backbone went away.'), next: t('"tuning-fork runs show {0}" shows what was kept.', run) },
  };
}
