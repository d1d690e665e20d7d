/** What became of the history of each call of a rollout, in words. */
import type { Echo } from '../protocol/trace.ts';
import type { Branch, CallHistory } from '../view/history.ts';
import { paint } from './io.ts';
import { plural, t } from './l10n.ts';
import { padEnd, visible } from './terminal.ts';

const SHOWN = 60;

export function historyLines(calls: readonly CallHistory[]): string[] {
  const wide = Math.max(...calls.map(({ role }) => visible(role).length));
  return calls.flatMap(({ call, role, restored, branch, ...told }) => [
    `${t('call {0}', call)}  ${padEnd(visible(role), wide)}  ${branch === undefined ? continues(told) : paint.yellow(leaves(branch))}`,
    ...(branch === undefined ? [] : difference(branch)).map((line) => `    ${line}`),
    ...restored.map((echo) => `    ${paint.green('↺')} ${putBack(echo)}`),
  ]);
}

/** One line about all of it. */
export function historySummary(calls: readonly CallHistory[]): string {
  const restored = calls.reduce((sum, call) => sum + call.restored.length, 0);
  const branches = calls.filter(({ branch }) => branch !== undefined).length;
  return t('{0}: {1}, {2}', plural(calls.length, '{0} call', '{0} calls'), plural(restored, '{0} changed answer put back', '{0} changed answers put back'), plural(branches, '{0} new branch', '{0} new branches'));
}

function continues({ continuation, from }: Pick<CallHistory, 'continuation' | 'from'>): string {
  if (continuation === 'untracked') return t('this model tells no token ids, so nothing can be said of its prompts');
  return from === null ? t('begins a conversation') : t('goes on from call {0}, token for token', from);
}

function leaves({ call, message, because }: Branch): string {
  switch (because) {
    case 'asked-again': return t('asks the same as call {0} once more', call);
    case 'template': return t('new branch: the chat template writes the history of call {0} otherwise, its thinking for example', call);
    case 'tools': return t('new branch: the tools are others than those of call {0}', call);
    case 'system': return t('new branch at message {0} of call {1}: the system prompt is another', message, call);
    case 'text': return t('new branch at message {0} of call {1}: the text is another', message, call);
    case 'arguments': return t('new branch at message {0} of call {1}: the arguments of a tool call are others', message, call);
    case 'tool-calls': return t('new branch at message {0} of call {1}: the tool calls are others', message, call);
    case 'result': return t('new branch at message {0} of call {1}: the result of a tool is another', message, call);
    case 'left-out': return t('new branch at message {0} of call {1}: it was left out', message, call);
    case 'added': return t('new branch at message {0} of call {1}: a message was put before it', message, call);
  }
}

function difference({ was, is }: Branch): string[] {
  return [...(was === undefined ? [] : [paint.dim(t('was: {0}', short(was)))]), ...(is === undefined ? [] : [paint.dim(t('is: {0}', short(is)))])];
}

function putBack({ call, by, changed }: Echo): string {
  const what = changed.map((part) => PARTS[part]()).join(', ');
  switch (by) {
    case 'tool-call-id': return t('the answer of call {0} was put back, known by the id of its tool call; changed: {1}', call, what);
    case 'place': return t('the answer of call {0} was put back, known by its place and content; changed: {1}', call, what);
    case 'content': return t('the answer of call {0} was put back, known by its content; changed: {1}', call, what);
  }
}

const PARTS: Record<Echo['changed'][number], () => string> = {
  text: () => t('text'),
  reasoning: () => t('thinking'),
  arguments: () => t('arguments'),
  ids: () => t('ids of tool calls'),
  grouping: () => t('which calls are one message'),
};

function short(text: string): string {
  const line = visible(text.replace(/\s+/g, ' ').trim());
  return line === '' ? t('(nothing)') : line.length > SHOWN ? `${line.slice(0, SHOWN)}…` : line;
}
