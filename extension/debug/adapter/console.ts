/** What is written to the debug console: rollouts that ended, one group for each task, output of user code, notices. */
import type { RunEvent } from '../../../runtime/protocol/backbone.ts';
import type { ErrorInfo } from '../../../runtime/protocol/errors.ts';
import type { IndexEntry } from '../../../runtime/protocol/trace.ts';
import type { Tell } from './debuggee.ts';
import { sourceOf } from './frames.ts';
import { l10n } from './l10n.ts';
import { number, rolloutLine } from './words.ts';

type Finished = { entry: IndexEntry; error: ErrorInfo | undefined };
type LogEvent = Extract<RunEvent, { type: 'log' }>;

export class ConsoleOutput {
  readonly #tell: Tell;
  readonly #groupSize: number;
  readonly #groups = new Map<string, Finished[]>();

  /** `groupSize`: rollouts of each task. */
  constructor(tell: Tell, groupSize: number) {
    this.#tell = tell;
    this.#groupSize = groupSize;
  }

  rollout(finished: Finished): void {
    const { task } = finished.entry;
    const group = [...this.#groups.get(task) ?? [], finished];
    this.#groups.set(task, group);
    if (group.length >= this.#groupSize) this.#writeGroup(task, group);
  }

  /** Groups that will not become full. */
  flush(): void {
    for (const [task, group] of this.#groups) this.#writeGroup(task, group);
  }

  log({ stream, text, site }: LogEvent): void {
    this.#write(text, stream === 'err' ? 'stderr' : 'stdout', site && sourceOf(site));
  }

  /** With the place it is about as the source of the line. */
  problem(info: ErrorInfo, category: 'stderr' | 'stdout' = 'stderr'): void {
    const { message, next, where, stack } = l10n.inWords(info);
    this.#write(`${[message, next === undefined ? undefined : `→ ${next}`].filter((line) => line !== undefined).join('\n  ')}\n`, category, where === undefined ? {} : sourceOf(where));
    const frames = stack?.split('\n').slice(1).join('\n');
    if (frames !== undefined && frames !== '') this.#write(`${frames}\n`, category);
  }

  line(text: string): void {
    this.#write(`${text}\n`, 'stdout');
  }

  #writeGroup(task: string, group: readonly Finished[]): void {
    this.#groups.delete(task);
    if (group.length > 1) this.#write(`${groupLine(task, group)}\n`, 'stdout', { group: 'startCollapsed' });
    for (const { entry, error } of group) {
      this.line(rolloutLine(entry));
      if (error !== undefined && entry.status === 'failed') this.problem(error);
    }
    if (group.length > 1) this.#write('', 'stdout', { group: 'end' });
  }

  #write(output: string, category: string, more: object = {}): void {
    this.#tell('output', { category, output, ...more });
  }
}

function groupLine(task: string, group: readonly Finished[]): string {
  const rewards = group.map(({ entry }) => entry.reward).filter((reward) => reward !== null);
  if (rewards.length === 0) return l10n.t('{0}: {1} rollouts, none has a reward', task, group.length);
  const mean = rewards.reduce((sum, reward) => sum + reward, 0) / rewards.length;
  return l10n.t('{0}: mean reward {1} of {2} rollouts', task, number(mean), rewards.length);
}
