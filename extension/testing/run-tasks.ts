/** Rollouts of some tasks; the repeats of one task are one test. */
import * as vscode from 'vscode';
import type { RunEvent } from '../../runtime/protocol/backbone.ts';
import { errorInfo, type Place } from '../../runtime/protocol/errors.ts';
import type { FoundConfig, FoundWorkflow } from '../discovery/discovery.ts';
import { inOurWords } from '../errors.ts';
import { launch } from '../runs/launch.ts';
import { decimal } from '../runs/progress-text.ts';
import { firstTasks } from '../runs/run-rollouts.ts';
import { saveDirty } from '../runs/target.ts';
import { setting } from '../settings.ts';
import type { Studio } from '../studio.ts';
import type { TestItems } from './items.ts';
import { located, messageOf, messageOfTask } from './messages.ts';
import { Groups, outcomeOf, type Ended } from './outcome.ts';
import { print, type Results } from './results.ts';
import { terminalText } from './terminal-text.ts';

export interface ChosenTasks {
  item: vscode.TestItem;
  config: FoundConfig;
  workflow: FoundWorkflow;
  /** Undefined: its first ones. */
  tasks: vscode.TestItem[] | undefined;
}

export async function runTasks(studio: Studio, tests: TestItems, chosen: ChosenTasks, results: Results, token: vscode.CancellationToken): Promise<void> {
  const { item, config: { file, project, given }, workflow } = chosen;
  const { run } = results;
  await saveDirty(project);
  try {
    const items = chosen.tasks ?? (await tests.tasks(item)).slice(0, await firstTasks(studio, { conf: file, project, workflow, given }));
    for (const one of items) run.enqueued(one);
    const byTask = new Map(items.flatMap((one) => {
      const subject = tests.subject(one);
      return subject?.kind === 'task' ? [[subject.task, one] as const] : [];
    }));
    if (byTask.size === 0) return run.skipped(item);
    const scope = vscode.Uri.file(file);
    const repeats = setting('rollouts.repeats', scope);
    const telling = new Telling(results, byTask, { repeats, threshold: setting('testing.threshold', scope), place: executePlace(workflow) });
    const ended = await launch(studio, {
      project, quiet: true, token, title: workflow.className, onEvent: (event) => telling.receive(event),
      request: { kind: 'rollout', conf: file, workflow: given?.workflow, tasks: { ids: [...byTask.keys()] }, repeats, concurrency: setting('rollouts.concurrency', scope) },
    });
    for (const one of await telling.end()) {
      if (ended.error === undefined) run.skipped(one);
      else run.errored(one, located(messageOf(ended.error), ended.error.where));
    }
  } catch (error) {
    const info = errorInfo(error);
    run.errored(item, located(messageOf(info), info.where));
  }
}

/** Tells of each task as soon as its last rollout has ended. */
class Telling {
  readonly #results: Results;
  readonly #items: ReadonlyMap<string, vscode.TestItem>;
  readonly #options: { threshold: number; place: Place };
  readonly #groups: Groups;
  readonly #taskOf = new Map<string, string>();
  readonly #began = new Map<string, number>();
  readonly #told: Promise<unknown>[] = [];
  #dir = '';

  constructor(results: Results, items: ReadonlyMap<string, vscode.TestItem>, options: { repeats: number; threshold: number; place: Place }) {
    this.#results = results;
    this.#items = items;
    this.#options = options;
    this.#groups = new Groups(options.repeats);
  }

  receive(event: RunEvent): void {
    const { run } = this.#results;
    if (event.type === 'started') this.#dir = event.dir;
    if (event.type === 'rollout-started') this.#start(event);
    if (event.type === 'rollout-finished') {
      const { id, reward, status, task: shortTask } = event.entry;
      const task = this.#taskOf.get(id) ?? shortTask;
      run.appendOutput(terminalText(`${id}  ${reward === null ? status : decimal(reward)}  ${event.error === undefined ? '' : inOurWords(event.error).message}`.trimEnd().concat('\n')), undefined, this.#items.get(task));
      const group = this.#groups.add({ task, entry: event.entry, error: event.error });
      if (group !== undefined) this.#told.push(this.#tell(task, group, event.time));
    }
    print(run, event, event.type === 'log' && event.rollout !== undefined ? this.#items.get(this.#taskOf.get(event.rollout) ?? '') : undefined);
  }

  /** Those that nothing was told of. */
  async end(): Promise<vscode.TestItem[]> {
    const rest = this.#groups.rest();
    for (const [task, group] of rest) this.#told.push(this.#tell(task, group, Date.now()));
    await Promise.all(this.#told);
    return [...this.#items].filter(([task]) => !this.#began.has(task)).map(([, item]) => item);
  }

  #start({ rollout, task, time }: Extract<RunEvent, { type: 'rollout-started' }>): void {
    this.#taskOf.set(rollout, task);
    const item = this.#items.get(task);
    if (item === undefined || this.#began.has(task)) return;
    this.#began.set(task, time);
    this.#results.push((run) => run.started(item));
  }

  async #tell(task: string, group: readonly Ended[], time: number): Promise<void> {
    const item = this.#items.get(task);
    if (item === undefined) return;
    const outcome = outcomeOf(group.map((one) => ({ ...one, error: one.error && inOurWords(one.error) })), this.#options.threshold, vscode.l10n);
    const took = time - this.#began.get(task)!;
    if (outcome.state === 'passed') return this.#results.push((run) => run.passed(item, took));
    if (outcome.state === 'skipped') return this.#results.push((run) => run.skipped(item));
    const message = located(await messageOfTask(this.#dir, outcome.text, group), outcome.error?.where ?? this.#options.place);
    this.#results.push((run) => (outcome.state === 'errored' ? run.errored(item, message, took) : run.failed(item, message, took)));
  }
}

/** Where the work began that got so little. Further down, values stand where VS Code would write. */
function executePlace({ file, executeLine, line }: FoundWorkflow): Place {
  return { file, line: (executeLine ?? line) + 1 };
}
