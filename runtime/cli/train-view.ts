/** A training as a person sees it while it goes on: a live picture on a terminal, a line a step elsewhere. */
import { statfsSync } from 'node:fs';
import type { RunEvent, RunStatus } from '../protocol/backbone.ts';
import type { EvaluationRow, StepRow, TrainingEstimate, TrainingEvent, TrainingPlan, TrainingReport } from '../protocol/training.ts';
import { clock, count, decimal, duration, percent } from './format.ts';
import { barOf, doneOf, headOf, MOST_COLUMNS } from './frame.ts';
import { asTyped } from './invocation.ts';
import { err, errPaint, note } from './io.ts';
import { plural, t } from './l10n.ts';
import { LiveView } from './live-view.ts';
import { level } from './statistics.ts';
import { padEnd, padStart, widthOf, type Paint } from './terminal.ts';
import { roundLeft } from './time-left.ts';

/** The time left follows the newest steps: they are what the next ones will cost. */
const RECENT_STEPS = 10;

export class TrainView extends LiveView {
  /** What was told at the end; absent when it did not get there. */
  report: { report: TrainingReport; files: { json: string; html: string } } | undefined;
  readonly #steps: StepRow[] = [];
  #began = performance.now();
  #dir: string | undefined;
  #scarce = false;
  #doing = '';
  #paused = false;
  #plan: TrainingPlan | undefined;
  /** Rollouts that had ended and were planned when the present phase began. */
  #before = { done: 0, planned: 0 };

  get #last(): number | undefined {
    return this.#steps.at(-1)?.step;
  }

  get stepped(): boolean {
    return this.#steps.length > 0;
  }

  override begin(status: RunStatus): void {
    super.begin(status);
    this.#dir = status.dir;
    this.#began = performance.now() - status.elapsed;
    if (this.#plan === undefined) this.phase(t('Starting the trainer and loading {0}…', this.workflow));
  }

  override receive(event: RunEvent): void {
    // A trainer that is gone takes all rollouts with it, and is told of by itself.
    if (event.type === 'requeued' && event.cause.code === 'trainer-gone') return;
    super.receive(event);
    switch (event.type) {
      case 'training':
        this.#receive(event.event);
        break;
      case 'estimate':
        if (event.estimate.minutes === null || this.#last !== this.#plan?.steps) this.say(estimateLine(event.estimate));
        this.#checkDisk(event.estimate.disk);
        break;
      case 'paused':
        this.#paused = event.paused;
        this.say(`${errPaint.yellow('·')} ${event.paused ? asTyped(t('Paused; "tuning-fork runs resume" goes on.')) : t('It goes on.')}`);
        break;
      case 'report':
        this.report = event;
        break;
    }
  }

  /** Before hours have gone into it. */
  #checkDisk(needed: number): void {
    if (this.#scarce || this.#dir === undefined) return;
    const free = freeOn(this.#dir);
    this.#scarce = free < needed;
    if (this.#scarce) this.say(`${errPaint.yellow('!')} ${t('Only {0} are free on that disk.', size(free))}`);
  }

  #receive(event: TrainingEvent): void {
    switch (event.type) {
      case 'training':
        this.#plan = event.plan;
        this.say(planLine(event.plan));
        break;
      case 'phase':
        this.#doing = phaseText(event.phase);
        this.#before = this.progress === undefined ? { done: 0, planned: 0 } : { done: doneOf(this.progress), planned: this.progress.planned };
        break;
      case 'step':
        this.#steps.push(event.row);
        if (!this.onTerminal) note(stepLine(event.row, this.#plan));
        break;
      case 'evaluation':
        this.say(evaluationLine(event.row, this.#steps.length > 0, errPaint));
        break;
      case 'checkpoint':
        this.say(errPaint.dim(`· ${t('step {0}: saved {1}', event.checkpoint.step, event.checkpoint.directory)}${event.checkpoint.best ? t(' (best so far)') : ''}`));
        break;
    }
  }

  protected override picture(): string[] | undefined {
    if (this.#plan === undefined) return undefined;
    const width = Math.min(err.width - 1, MOST_COLUMNS);
    const last = this.#steps.at(-1);
    return [
      headOf({ workflow: this.workflow, policy: this.policy, elapsed: performance.now() - this.#began }, width, errPaint),
      `  ${this.#bar(this.#plan, width - 2, errPaint)}`,
      ...(last === undefined ? [] : [this.#curve(width - 2, errPaint), learnedLine(last, errPaint), healthLine(last, errPaint), ...pipelineLines(last, errPaint)].map((line) => `  ${line}`)),
    ];
  }

  #bar(plan: TrainingPlan, width: number, paint: Paint): string {
    const done = this.#last ?? plan.from;
    const total = count(plan.steps);
    const left = this.#left(plan, done);
    const right = `  ${t('step')} ${padStart(count(done), total.length)}/${total}  ${padEnd(this.#activity(), 22)}${padEnd(left === undefined ? '' : t('{0} left', clock(roundLeft(left))), 14)}`;
    return barOf(done / plan.steps, right, width, paint);
  }

  #activity(): string {
    if (this.#paused) return t('paused');
    if (this.progress === undefined || this.progress.running === 0) return this.#doing;
    return `${this.#doing} ${count(doneOf(this.progress) - this.#before.done)}`;
  }

  #left(plan: TrainingPlan, done: number): number | undefined {
    const recent = this.#steps.slice(-RECENT_STEPS);
    if (recent.length < 2 || done === plan.steps) return undefined;
    return ((plan.steps - done) * recent.reduce((sum, { time }) => sum + time.total, 0)) / recent.length;
  }

  /** The reward of each step as a column; the newest last. */
  #curve(width: number, paint: Paint): string {
    const last = this.#steps.at(-1)!;
    const figures = `${paint.dim(t('reward'))} ${paint.bold(decimal(last.rewardMean ?? NaN, 3))} ±${decimal(last.rewardStd ?? NaN)}${last.success === null ? '' : `  ${paint.dim(t('success'))} ${padStart(percent(last.success), 5)}`}  `;
    const rewards = this.#steps.map(({ rewardMean }) => rewardMean ?? 0).slice(-(width - widthOf(figures)));
    const [low, high] = [Math.min(...rewards), Math.max(...rewards)];
    return figures + paint.green(rewards.map((reward) => level(reward, low, high)).join(''));
  }
}

function phaseText(phase: Extract<TrainingEvent, { type: 'phase' }>['phase']): string {
  const texts = { collect: t('rollouts'), score: t('scoring'), learn: t('learning'), evaluate: t('validating'), save: t('saving'), recover: t('recovering'), report: t('report') };
  return texts[phase];
}

function planLine({ steps, tasksPerStep, repeats, trainingTasks, from }: TrainingPlan): string {
  if (from >= steps) return `${errPaint.dim('·')} ${t('All its {0} have been made; --steps makes more.', plural(steps, '{0} step', '{0} steps'))}`;
  const what = t('{0} of {1} tasks × {2} rollouts, from {3} tasks', plural(steps, '{0} step', '{0} steps'), count(tasksPerStep), count(repeats), count(trainingTasks));
  return `${errPaint.dim('·')} ${what}${from > 0 ? ` ${errPaint.dim(t('(going on after step {0})', from))}` : ''}`;
}

function size(bytes: number): string {
  return bytes >= 2 ** 30 ? `${decimal(bytes / 2 ** 30, 1)} GB` : `${count(bytes / 2 ** 20)} MB`;
}

function freeOn(dir: string): number {
  const { bavail, bsize } = statfsSync(dir);
  return bavail * bsize;
}

function estimateLine({ minutes, rollouts, trainerMemory, disk }: TrainingEstimate): string {
  const what = minutes === null
    ? t('about {0} rollouts, {1} of memory for the trainer, at most {2} on disk', count(rollouts.training + rollouts.validation), size(trainerMemory), size(disk))
    : t('after one step: about {0} in all, {1} on disk', clock(minutes * 60_000), size(disk));
  return `${errPaint.dim('·')} ${what}`;
}

function learnedLine(row: StepRow, paint: Paint): string {
  const label = (name: string, value: string): string => `${paint.dim(name)} ${value}`;
  return [
    label(t('trained'), t('{0} of {1} tokens', padStart(count(row.trainedTokens), 6), padStart(count(row.sampledTokens), 6))),
    label(t('saved by sharing'), padStart(row.saved === null ? '–' : percent(row.saved), 5)),
    label(t('groups with spread'), `${padStart(String(row.groupsWithSpread), String(row.groups).length)}/${row.groups}`),
  ].join('  ');
}

function healthLine(row: StepRow, paint: Paint): string {
  const label = (name: string, value: string): string => `${paint.dim(name)} ${value}`;
  const number = (value: number | null, digits = 3): string => (value === null ? '–' : decimal(value, digits));
  return [
    label('KL', number(row.kl)), label(t('entropy'), number(row.entropy)),
    label(t('clipped'), `${row.clipLow === null ? '–' : percent(row.clipLow)}/${row.clipHigh === null ? '–' : percent(row.clipHigh)}`),
    label(t('gradient'), number(row.gradNorm)), label(t('tokens/s'), count(row.time.sampledPerSecond)), label(t('a step'), duration(row.time.total)),
  ].join('  ');
}

function pipelineLines(row: StepRow, paint: Paint): string[] {
  const figures = idleFigures(row);
  return figures.length === 0 ? [] : [figures.map(([name, value]) => `${paint.dim(name)} ${value}`).join('  ')];
}

/** While the next step is sampled already: how old its weights are, and who waits for whom. */
function idleFigures({ staleness, time }: StepRow): [name: string, value: string][] {
  if (staleness === undefined) return [];
  const share = (idle: number | undefined): string => (idle === undefined ? '–' : percent(idle));
  return [[t('steps behind'), decimal(staleness, 1)], [t('sampler idle'), share(time.samplerIdle)], [t('trainer idle'), share(time.trainerIdle)]];
}

function stepLine(row: StepRow, plan: TrainingPlan | undefined): string {
  return [
    `${t('step')} ${row.step}${plan === undefined ? '' : `/${plan.steps}`}`,
    `${t('reward')} ${decimal(row.rewardMean ?? NaN, 3)}`,
    ...(row.success === null ? [] : [`${t('success')} ${percent(row.success)}`]),
    `${t('groups with spread')} ${row.groupsWithSpread}/${row.groups}`,
    ...(row.entropy === null ? [] : [`${t('entropy')} ${decimal(row.entropy, 3)}`]),
    ...(row.kl === null ? [] : [`KL ${decimal(row.kl, 3)}`]),
    ...idleFigures(row).slice(1).map((figure) => figure.join(' ')),
    duration(row.time.total),
  ].join(' · ');
}

/** Those of the weights it began with are made last where nobody asked for them first: nobody waits for them, then. */
export function evaluationLine({ step, tasks, greedy, sampled, best }: EvaluationRow, afterwards: boolean, paint: Paint): string {
  const figure = ({ reward, success }: EvaluationRow['greedy']): string => reward === null ? '–'
    : `${decimal(reward.mean, 3)} [${decimal(reward.low)}, ${decimal(reward.high)}]${success === null ? '' : ` ${percent(success.mean)}`}`;
  const when = step > 0 ? t('after step {0}', step) : afterwards ? t('to compare, the weights it began with') : t('before training');
  return `${paint.cyan('◆')} ${t('{0}, {1} validation tasks: greedy {2}, sampled {3}', when, count(tasks), figure(greedy), figure(sampled))}${best ? paint.green(t(' (best)')) : ''}`;
}
