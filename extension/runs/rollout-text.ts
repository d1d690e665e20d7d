/** A stored rollout as text: what it was asked, every message, every call's figures, what it was worth and why. No editor here. */
import { formatPlace, type Place } from '../../runtime/protocol/errors.ts';
import { countCalls, type CallRecord, type RolloutRecord } from '../../runtime/trace/index.ts';
import { countsText, decimal, duration, type Localizer } from './progress-text.ts';

/** Lines that begin so can be folded; a section holds messages. */
export const SECTION = '━━ ';
export const MESSAGE = '── ';
/** A longer line tells no place; to look for one in what a model wrote without an end would keep the editor waiting. */
const LONGEST_FRAME = 2_000;

/** As much of a rollout as there is before it has ended. */
export type Shown = Pick<RolloutRecord, 'rollout' | 'taskId' | 'calls' | 'tools'> & Partial<RolloutRecord>;

export interface RolloutText {
  text: string;
  /** Line, from 0, at which each call's section begins; by the call's index. */
  callLines: number[];
}

export function rolloutText(record: Shown, l10n: Localizer): RolloutText {
  const lines: string[] = [];
  const callLines: number[] = [];
  const block = (text: string): void => void lines.push(...text.split('\n').map((line) => `  ${line}`.trimEnd()));
  const section = (...words: string[]): void => void lines.push('', SECTION + words.filter((word) => word !== '').join(' · '));

  const counts = countCalls(record.calls);
  lines.push([
    record.rollout, record.taskId, outcomeOf(record, l10n),
    ...(record.success === undefined || record.success === null ? [] : [record.success ? l10n.t('right') : l10n.t('wrong')]),
    countsText(counts, l10n),
    ...(record.duration === undefined ? [] : [duration(record.duration)]),
  ].join(' · '));
  if (record.parent !== undefined) lines.push(l10n.t('forked from {0} at call {1}', record.parent.rollout, record.parent.call));

  if (record.error !== undefined) {
    section(l10n.t('Error'), record.error.code);
    block(record.error.message);
    if (record.error.where !== undefined) block(placeText(record.error.where));
    if (record.error.next !== undefined) block(`→ ${record.error.next}`);
    if (record.error.stack !== undefined) block(record.error.stack);
  }
  if (record.task !== undefined) {
    section(l10n.t('Task'), record.taskId);
    const { mainQuery, ...rest } = record.task as { mainQuery?: string };
    if (mainQuery !== undefined) block(mainQuery);
    block(JSON.stringify(rest, null, 2));
  }
  for (const call of record.calls) {
    callLines[call.index] = lines.length + 1;
    section(l10n.t('Call {0}', call.index), call.role, ...callFigures(call, l10n));
    if (call.site !== undefined) block(placeText(call.site));
    for (const { role, name, content, tool_calls: toolCalls = [] } of [...call.history.add, call.reply]) {
      lines.push(MESSAGE + [role, name].filter(Boolean).join(' '));
      if (content !== '') block(content);
      for (const { function: called } of toolCalls) block(`→ ${called.name}(${called.arguments})`);
    }
    if (call.reply.reasoning !== undefined) {
      lines.push(MESSAGE + l10n.t('thinking'));
      block(call.reply.reasoning);
    }
    if (call.malformed !== undefined) block(`! ${call.malformed}`);
  }
  if (record.tools.length > 0) {
    section(l10n.t('Tools'));
    for (const tool of record.tools) {
      lines.push(`${MESSAGE}${tool.name}(${tool.arguments}) · ${duration(tool.duration)}${tool.error === true ? ` · ${l10n.t('error')}` : ''}`);
      if (tool.site !== undefined) block(placeText(tool.site));
      block(tool.result);
    }
  }
  if (record.status === 'finished') {
    section(l10n.t('Reward'), record.reward === null || record.reward === undefined ? '–' : decimal(record.reward, 4), record.judge?.name ?? l10n.t('given by the workflow'));
    for (const [name, value] of Object.entries(record.judge?.parts ?? {})) block(`${name}: ${decimal(value, 4)}`);
    if (record.judge?.reason !== undefined) block(record.judge.reason);
  }
  if (record.metadata !== undefined && Object.keys(record.metadata).length > 0) {
    section(l10n.t('Output'));
    block(JSON.stringify(record.metadata, null, 2));
  }
  if (record.log !== undefined) {
    section(l10n.t('Printed'));
    block(record.log.join('').trimEnd());
  }
  return { text: `${lines.join('\n')}\n`, callLines };
}

/** Where a text names a place in a file, as `rolloutText` writes it: from, to, and the place. */
export function placesIn(line: string): { from: number; to: number; place: Place }[] {
  if (line.length > LONGEST_FRAME) return [];
  return [...line.matchAll(/((?:[A-Za-z]:)?[\\/][^\s:()]+(?: [^\s:()]+)*?\.[cm]?[jt]sx?):(\d+)(?::(\d+))?/g)].map(({ index, 0: whole, 1: file, 2: row, 3: column }) => ({
    from: index, to: index + whole.length, place: { file: file!, line: Number(row), column: Number(column ?? 1) },
  }));
}

function placeText(place: Place): string {
  return formatPlace({ ...place, key: undefined });
}

function callFigures(call: CallRecord, l10n: Localizer): string[] {
  const logprobs = call.tokens?.logprobs;
  const mean = logprobs === undefined || logprobs.length === 0 ? undefined : logprobs.reduce((sum, value) => sum + value, 0) / logprobs.length;
  return [
    l10n.t('{0} → {1} tokens', call.usage.prompt, call.usage.completion),
    ...(mean === undefined ? [] : [l10n.t('mean logprob {0}', decimal(mean, 3))]),
    duration(call.duration),
    ...(call.finish === 'length' ? [l10n.t('truncated')] : []),
    ...(call.target ? [] : [call.policy]),
  ];
}

function outcomeOf({ status, reward }: Shown, l10n: Localizer): string {
  switch (status) {
    case undefined: return l10n.t('running');
    case 'failed': return l10n.t('failed');
    case 'cancelled': return l10n.t('cancelled');
    case 'finished': return l10n.t('reward {0}', reward === null || reward === undefined ? '–' : decimal(reward));
  }
}
