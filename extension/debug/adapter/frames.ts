/** The call stack of a rollout: the call it stands at, the user's code that led there, the turns before, the episode. Innermost first. */
import { basename } from 'node:path';
import type { DebugProtocol } from '@vscode/debugprotocol';
import type { Place } from '../../../runtime/protocol/errors.ts';
import type { CallRecord } from '../../../runtime/trace/index.ts';
import { l10n } from './l10n.ts';
import type { Moment } from './moment.ts';
import { excerpt, replyText, rewardText } from './words.ts';

export interface Frame {
  name: string;
  /** `here`: what it stands at, with the code that led there; `turn`: an earlier model call; `episode`: the rollout as a whole. */
  kind: 'here' | 'turn' | 'episode';
  place: Place | undefined;
  hint: NonNullable<DebugProtocol.StackFrame['presentationHint']>;
  /** The call whose messages, sampling and tokens belong to it. */
  call: number | undefined;
  canRestart: boolean;
}

export function framesOf(moment: Moment): Frame[] {
  const { stop, call, calls } = moment;
  const here: Frame = { name: hereName(moment), kind: 'here', place: stop.stack[0] ?? stop.error?.where ?? siteOf(calls, call), hint: 'normal', call, canRestart: call !== undefined };
  const code = stop.stack.filter(({ key }) => key !== undefined).map((place): Frame => ({ name: place.key!, kind: 'here', place, hint: 'normal', call, canRestart: false }));
  const turn: Frame[] = call === undefined ? [] : [{ name: l10n.t('turn {0}', turnOf(moment, call)), kind: 'here', place: undefined, hint: 'label', call, canRestart: false }];
  const earlier = calls.filter(({ index }) => index !== call).sort((a, b) => b.index - a.index).map((record): Frame => ({
    name: `${l10n.t('turn {0}', turnOf(moment, record.index))} · ${record.role} → ${excerpt(replyText(record.reply), 40)}`,
    kind: 'turn', place: record.site, hint: 'subtle', call: record.index, canRestart: true,
  }));
  return [here, ...code, ...turn, ...earlier, { name: episodeName(moment), kind: 'episode', place: stop.stack.at(-1) ?? siteOf(calls, calls[0]?.index), hint: 'normal', call: undefined, canRestart: false }];
}

/** Turns count from 1. */
function turnOf({ calls }: Moment, call: number): number {
  return calls.filter(({ index }) => index < call).length + 1;
}

function hereName({ stop, calls, call }: Moment): string {
  const { call: pending, answered, tool, error } = stop;
  if (error !== undefined) return excerpt(l10n.inWords(error).message, 80);
  if (tool !== undefined) return `tool ${tool.name}(${excerpt(tool.arguments, 40)})${tool.result === undefined ? '' : ` → ${excerpt(tool.result, 30)}`}`;
  if (pending !== undefined) return `model ${pending.role} · ${l10n.t('call {0}', pending.index)}`;
  if (answered !== undefined) return `model ${answered.role} · ${l10n.t('call {0}', answered.index)} → ${excerpt(replyText(answered.reply), 40)}`;
  if (stop.on === 'judge' || stop.on === 'reward' || stop.on === 'no-spread') return stop.reward == null ? 'judge' : `judge · ${rewardText(stop.reward)}`;
  return l10n.t('held after call {0}', call ?? calls.length);
}

function episodeName({ stop }: Moment): string {
  return `${l10n.t('episode')} ${stop.task} · s${stop.sample}${stop.reward == null ? '' : ` · ${rewardText(stop.reward)}`}`;
}

function siteOf(calls: readonly CallRecord[], call: number | undefined): Place | undefined {
  return calls.find(({ index }) => index === call)?.site;
}

export function sourceOf(place: Place | undefined): Pick<DebugProtocol.StackFrame, 'source' | 'line' | 'column'> {
  if (place === undefined) return { line: 0, column: 0 };
  return { source: { name: basename(place.file), path: place.file }, line: place.line ?? 1, column: place.column ?? 1 };
}
