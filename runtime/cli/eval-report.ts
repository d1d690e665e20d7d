/** What a person reads after an evaluation: figures with their intervals, what changed, where the rollouts lie. */
import { relative } from 'node:path';
import { comparePasses, figuresOf, type Pass, type PassComparison, type PassFigures } from '../training/passes.ts';
import { estimate } from '../view/report-page.ts';
import { count, decimal, percent } from './format.ts';
import { asWord, COMMAND } from './invocation.ts';
import { out, paint, print, printJson } from './io.ts';
import { plural, t } from './l10n.ts';
import { printTable, type Column } from './table.ts';
import { fit } from './terminal.ts';

export interface EvaluatedPass {
  pass: Pass;
  /** What it is compared with. */
  before: Pass | undefined;
}

const NAMED_TASKS = 8;
const WIDEST_MODEL = 30;

export function printEvaluation(evaluated: readonly EvaluatedPass[], json: boolean): void {
  const results = evaluated.map(({ pass, before }) => ({ pass, before, figures: figuresOf(pass), comparison: before === undefined ? null : comparePasses(before, pass) }));
  if (json) {
    const named = ({ run, dir, model }: Pass): object => ({ run, dir, model });
    return printJson({
      type: 'evaluation',
      passes: results.map(({ pass, before, figures, comparison }) => ({ temperature: pass.temperature, ...named(pass), figures, ...(before && { compared: { ...named(before), comparison } }) })),
    });
  }
  for (const { pass, before, figures, comparison } of results) {
    print();
    if (before !== undefined && comparison !== null) printBeside(pass, before, comparison);
    else printAlone(pass, figures);
    if (before !== undefined && comparison === null) print(paint.yellow(t('{0} has none of these tasks, so there is nothing to compare.', before.run)));
  }
  print();
  print(paint.dim(t('In brackets the 95 % interval: resampled over tasks, Wilson\'s for the success of one rollout a task.')));
  print();
  for (const { pass, before } of results) {
    for (const { dir, model } of [pass, ...(before === undefined ? [] : [before])]) print(`${paint.dim(t('Stored in'))} ${relative(process.cwd(), dir) || dir} ${paint.dim(`· ${fit(model, WIDEST_MODEL)}`)}`);
  }
  print(paint.dim(t('One of its rollouts, token by token:')));
  const { dir, records: [first] } = results[0]!.pass;
  print(`  ${COMMAND} runs show ${asWord(relative(process.cwd(), dir) || dir)} --rollout ${first!.rollout} --tokens`);
}

function title({ temperature }: Pass, { tasks, repeats }: PassFigures): string {
  const what = temperature === 0 ? t('greedy') : t('temperature {0}', decimal(temperature, 1));
  return `${what} · ${plural(tasks, '{0} task', '{0} tasks')}${repeats === 1 ? '' : ` × ${repeats}`}`;
}

function printAlone(pass: Pass, figures: PassFigures): void {
  const rows = rowsOf(figures);
  show([{ head: title(pass, figures), cells: rows.map(([name]) => name) }, { head: fit(pass.model, WIDEST_MODEL), cells: rows.map(([, value]) => value) }]);
}

function printBeside(pass: Pass, before: Pass, comparison: PassComparison): void {
  const [old, now] = [new Map(rowsOf(comparison.before)), new Map(rowsOf(comparison.after))];
  const names = [...new Set([...now.keys(), ...old.keys()])];
  const same = before.model === pass.model;
  const head = ({ model, run }: Pass): string => fit(same ? run : model, WIDEST_MODEL);
  const differences: Record<string, string> = {
    [t('reward')]: estimate(comparison.reward, true),
    [t('success')]: estimate(comparison.success, true),
    ...Object.fromEntries(Object.entries(comparison.passAt).map(([k, value]) => [`pass@${k}`, signed(value)])),
  };
  show([
    { head: title(pass, comparison.after), cells: names },
    { head: head(before), cells: names.map((name) => old.get(name) ?? '–') },
    { head: head(pass), cells: names.map((name) => now.get(name) ?? '–') },
    { head: t('difference'), cells: names.map((name) => differences[name] ?? '') },
  ]);
  tellFlips(t('solved now'), comparison.gained, paint.green);
  tellFlips(t('not any more'), comparison.spoiled, paint.red);
}

function rowsOf(figures: PassFigures): [name: string, value: string][] {
  const { reward, success, passAt, truncated, malformed, tokensPerAnswer, tokensPerSecond, failed, lost, repeats } = figures;
  return [
    [t('reward'), estimate(reward)],
    ...(success === null ? [] : [[t('success'), estimate(success)] as [string, string]]),
    ...(repeats === 1 ? [] : Object.entries(passAt).map(([k, value]): [string, string] => [`pass@${k}`, decimal(value, 3)])),
    [t('cut off'), percent(truncated)],
    [t('malformed'), percent(malformed)],
    [t('tokens per answer'), decimal(tokensPerAnswer, 1)],
    ...(tokensPerSecond === null ? [] : [[t('speed'), t('{0} tokens/s', count(tokensPerSecond))] as [string, string]]),
    ...(failed === 0 ? [] : [[t('failed, as 0'), count(failed)] as [string, string]]),
    ...(lost === 0 ? [] : [[t('failed, left out'), count(lost)] as [string, string]]),
  ];
}

function show(columns: Column[]): void {
  printTable(columns, out.interactive ? out.width : Infinity);
}

function tellFlips(what: string, tasks: readonly string[], colour: (text: string) => string): void {
  if (tasks.length === 0) return;
  const named = tasks.slice(0, NAMED_TASKS).map((task) => fit(task, 30)).join(' ');
  print(`${colour(`${what} ${count(tasks.length)}`)}  ${named}${tasks.length > NAMED_TASKS ? ' …' : ''}`);
}

function signed(value: number): string {
  return `${value > 0 ? '+' : ''}${decimal(value, 3)}`;
}
