/** The hover of an inline value as Markdown: a small table against the run before, and ways into the trace. */
import type { Commands } from '../commands/table.ts';
import type { CallFigures, Example, RunFigures } from '../results/figures.ts';
import { asMarkdown, commandUri } from '../runs/markdown.ts';
import { meanLogprob, type InlineValue } from './values.ts';
import { decimal, percent, spread, type L10n } from './words.ts';

/** Commands that a hover may call, and no others. */
export const HOVER_COMMANDS = ['tuningFork.openRollout', 'tuningFork.chooseInlineRun', 'tuningFork.clearInlineValues'] as const satisfies (keyof Commands)[];

export interface HoverFacts {
  value: InlineValue;
  before: RunFigures | undefined;
  path: string;
  /** Names of files that were edited since. */
  edited: readonly string[];
  /** When the run began, as the person reads times. */
  time(iso: string): string;
  /** An error in the person's language. */
  said(message: string): string;
}

export function hoverText(facts: HoverFacts, l10n: L10n): string {
  const { value, edited } = facts;
  const parts = [
    edited.length > 0 ? `$(history) ${l10n.t('Of the code before the edit of {0}.', edited.map(escaped).join(', '))}` : '',
    value.reward ? rewardPart(facts, l10n) : '',
    value.site === undefined ? '' : callsPart(facts, l10n),
    footer(facts, l10n),
  ];
  return parts.filter((part) => part !== '').join('\n\n');
}

function rewardPart({ value: { run }, before }: HoverFacts, l10n: L10n): string {
  const columns: (RunFigures | undefined)[] = before === undefined ? [run] : [run, before];
  const again = run.info.source !== undefined;
  const head = ['', run.step === undefined ? l10n.t('this run') : l10n.t('step {0}', run.step), ...(before === undefined ? [] : [again ? l10n.t('before') : l10n.t('run before')])];
  const rows: string[][] = [];
  const row = (name: string, tell: (figures: RunFigures) => string | undefined): void => {
    const cells = columns.map((figures) => (figures === undefined ? '' : tell(figures) ?? '–'));
    if (cells.some((cell) => cell !== '–')) rows.push([name, ...cells]);
  };
  row(l10n.t('reward'), ({ reward }) => reward && spread(reward));
  row(l10n.t('right'), ({ success }) => success && percent(success.right / success.of));
  row(l10n.t('validation'), ({ validation }) => validation && spread(validation.reward));
  row(l10n.t('failed'), ({ failed }) => (columns.some((one) => one !== undefined && one.failed > 0) ? String(failed) : undefined));
  row(l10n.t('rollouts'), ({ rollouts }) => String(rollouts));
  const links = [
    link(run, all(run.best), 'star-full', l10n.t('best')), link(run, all(run.worst), 'arrow-down', l10n.t('worst')), link(run, all(run.failure), 'error', l10n.t('a failed one')),
  ].filter((one) => one !== '');
  return `${table(head, rows)}${links.length === 0 ? '' : `\n\n${links.join('  ')}`}`;
}

function callsPart({ value: { run, site }, before, path, said }: HoverFacts, l10n: L10n): string {
  const { roles, failed, error, example } = site!;
  // A line is the same line only where the file is the same file.
  const same = before !== undefined && before.info.files?.[path] === run.info.files?.[path];
  const lines = [...roles].flatMap(([role, figures]): [string, CallFigures][] => {
    const was = same ? before.sites.get(path)?.get(site!.line)?.roles.get(role) : before?.roles.get(role);
    return [[`**${escaped(role)}**`, figures], ...(was === undefined ? [] : [[run.info.source === undefined ? l10n.t('run before') : l10n.t('before'), was] as [string, CallFigures]])];
  });
  const all: { name: string; tell(figures: CallFigures): string; told: boolean }[] = [
    { name: l10n.t('calls'), tell: ({ calls }) => String(calls), told: true },
    { name: l10n.t('prompt'), tell: ({ calls, prompt }) => decimal(prompt / calls, 0), told: true },
    { name: l10n.t('answer'), tell: ({ calls, sampled }) => decimal(sampled / calls, 0), told: true },
    { name: l10n.t('logprob'), tell: logprobOf, told: lines.some(([, figures]) => figures.logprobs.count > 0) },
    { name: l10n.t('truncated'), tell: ({ calls, truncated }) => percent(truncated / calls), told: lines.some(([, { truncated }]) => truncated > 0) },
    { name: l10n.t('malformed'), tell: ({ calls, malformed }) => percent(malformed / calls), told: lines.some(([, { malformed }]) => malformed > 0) },
  ];
  const columns = all.filter(({ told }) => told);
  const head = ['', ...columns.map(({ name }) => name)];
  const rows = lines.map(([name, figures]) => [name, ...columns.map(({ tell }) => tell(figures))]);
  const links = [
    link(run, example.call, 'go-to-file', l10n.t('a rollout')), link(run, example.truncated, 'fold-up', l10n.t('a truncated one')),
    link(run, example.malformed, 'warning', l10n.t('a malformed one')), link(run, example.failed, 'error', l10n.t('a failed one')),
  ].filter((one) => one !== '');
  return [
    rows.length === 0 ? '' : table(head, rows),
    failed === 0 ? '' : `$(error) ${l10n.t('{0} failed here: {1}', failed, escaped(said(error ?? '')))}`,
    run.looked < run.rollouts ? l10n.t('Calls of the last {0} rollouts.', run.looked) : '',
    links.join('  '),
  ].filter((part) => part !== '').join('\n\n');
}

function logprobOf(figures: CallFigures): string {
  const logprob = meanLogprob(figures);
  return logprob === undefined ? '–' : decimal(logprob);
}

function footer({ value: { run }, path, time }: HoverFacts, l10n: L10n): string {
  const { info } = run;
  const kind = info.kind === 'training' ? l10n.t('Training') : info.kind === 'rejudge' ? l10n.t('Scored again') : l10n.t('Rollouts');
  const words = [`${kind} ${time(info.created)}`, ...(info.policy === '' ? [] : [escaped(info.policy)])];
  return `${words.join(' · ')} · [${l10n.t('another run')}](${uri('tuningFork.chooseInlineRun', path)}) · [${l10n.t('clear')}](${uri('tuningFork.clearInlineValues', path)})`;
}

function all(rollout: string | undefined): Example | undefined {
  return rollout === undefined ? undefined : { rollout };
}

function link({ dir }: RunFigures, example: Example | undefined, icon: string, words: string): string {
  return example === undefined ? '' : `[$(${icon}) ${words}](${uri('tuningFork.openRollout', { dir, ...example })})`;
}

function uri<K extends typeof HOVER_COMMANDS[number]>(command: K, ...args: Commands[K]): string {
  return commandUri(command, ...args);
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [head, head.map((_, column) => (column === 0 ? ':--' : '--:')), ...rows];
  return lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

/** Names and messages come from user code and models: they are text, never Markdown, and one line of a table. */
export function escaped(text: string): string {
  return asMarkdown(text.replace(/\s+/g, ' ').slice(0, 300));
}
