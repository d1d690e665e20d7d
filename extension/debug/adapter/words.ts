/** Short texts for people: names, numbers, one-line summaries. */
import type { ChatMessage } from '../../../runtime/protocol/chat.ts';
import type { IndexEntry } from '../../../runtime/protocol/trace.ts';
import { l10n } from './l10n.ts';

export function excerpt(text: string, length: number): string {
  const line = text.replace(/\s+/g, ' ').trim();
  return line.length <= length ? line : `${line.slice(0, length - 1).toWellFormed()}…`;
}

export function number(value: number): string {
  return String(Number(value.toPrecision(4)));
}

export function rewardText(reward: number): string {
  return `r=${number(reward)}`;
}

/** What an assistant said: its text, else its tool calls. */
export function replyText({ content, tool_calls: calls = [], reasoning }: ChatMessage): string {
  if (content.trim() !== '') return content;
  if (calls.length > 0) return calls.map(({ function: { name, arguments: args } }) => `${name}(${args})`).join(', ');
  return reasoning ?? '';
}

/** `parent`: the rollout that it is a fork of. */
export function threadName(rollout: string, task: string, sample: number, parent: string | undefined, reward?: number | null): string {
  const fork = parent === undefined ? [] : [l10n.t('fork {0} of {1}', /f(\d+)$/.exec(rollout)?.[1] ?? '', parent)];
  return [task, `s${sample}`, ...fork, ...(reward == null ? [] : [rewardText(reward)])].join(' · ');
}

export function rolloutLine({ id, task, reward, status, calls, sampled, duration }: IndexEntry): string {
  const outcome = status === 'finished' ? (reward === null ? l10n.t('no reward') : l10n.t('reward {0}', number(reward))) : status === 'failed' ? l10n.t('failed') : l10n.t('cancelled');
  return l10n.t('{0} ({1}): {2} · {3} calls, {4} tokens sampled · {5} s', task, id, outcome, calls, sampled, (duration / 1000).toFixed(1));
}
