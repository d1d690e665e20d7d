/** What a training changed, as a terminal shows it: before and after, and which tasks turned. */
import type { Estimate, ReportTask, TrainingReport } from '../protocol/training.ts';
import { estimate } from '../view/report-page.ts';
import { duration } from './format.ts';
import { plural, t } from './l10n.ts';
import { asTyped } from './invocation.ts';
import { inOurWords } from './report.ts';
import { padEnd, widthOf } from './terminal.ts';

const COLUMN = 24;

/** Without colour; each line at most some eighty characters but for paths. */
export function reportLines(report: TrainingReport): string[] {
  const { before, after, gained, spoiled, steps, checkpoints } = report;
  const lines = [`${report.workflow} · ${report.model} · ${t('{0} in {1}', plural(steps, '{0} step', '{0} steps'), duration(report.duration))}`, ''];
  const row = after ?? before;
  if (row === null) {
    lines.push(t('No validation was made, so there is no before and after.'));
  } else {
    const rollouts = row.sampled.rollouts + row.greedy.rollouts;
    lines.push(...comparison(report), '', t('{0}, {1} each time; in brackets the 95 % interval.', plural(row.tasks, '{0} task', '{0} tasks'), plural(rollouts, '{0} rollout', '{0} rollouts')));
  }
  if (gained.length + spoiled.length > 0) {
    lines.push('', t('Greedy, {0} became right and {1} became wrong.', plural(gained.length, '{0} task', '{0} tasks'), spoiled.length));
    if (gained.length > 0) lines.push(`  ${t('right now: {0}', named(gained))}`);
    if (spoiled.length > 0) lines.push(`  ${t('wrong now: {0}', named(spoiled))}`);
  }
  for (const notice of report.notices) {
    const { message, next } = inOurWords(notice);
    lines.push('', `! ${message}`, ...(next === undefined ? [] : [`  → ${asTyped(next)}`]));
  }
  const weights = ([[t('best'), checkpoints.best], [t('last'), checkpoints.last]] as const).filter(([, folder]) => folder !== null);
  const width = Math.max(0, ...weights.map(([name]) => widthOf(name)));
  return weights.length === 0 ? lines : [...lines, '', ...weights.map(([name, folder]) => `${padEnd(name, width)}  ${folder}`)];
}

function comparison({ before, after, gain }: TrainingReport): string[] {
  const rows: (readonly [name: string, before: string, after: string, gain: string])[] = [['', t('before'), t('after'), t('gain')]];
  for (const kind of ['greedy', 'sampled'] as const) {
    const [reward, success] = kind === 'greedy' ? [t('reward, greedy'), t('success, greedy')] : [t('reward, sampled'), t('success, sampled')];
    rows.push([reward, estimate(before?.[kind].reward), estimate(after?.[kind].reward), ofGain(gain[kind])]);
    if (before?.[kind].success || after?.[kind].success) rows.push([success, estimate(before?.[kind].success), estimate(after?.[kind].success), '']);
  }
  const width = Math.max(...rows.map(([name]) => widthOf(name))) + 2;
  return rows.map(([name, was, is, gained]) => `${padEnd(name, width)}${padEnd(was, COLUMN)}${padEnd(is, COLUMN)}${gained}`.trimEnd());
}

function ofGain(gain: Estimate | null): string {
  return gain === null ? '' : estimate(gain, true);
}

function named(tasks: readonly ReportTask[]): string {
  const shown = tasks.slice(0, 5).map(({ taskId }) => taskId).join(', ');
  return tasks.length > 5 ? t('{0} and {1} more', shown, tasks.length - 5) : shown;
}
