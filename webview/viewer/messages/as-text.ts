/** A conversation as plain text, to paste it somewhere. */
import type { Conversation } from '../../../runtime/protocol/viewer.ts';
import { decimal } from '../../shared/format.ts';
import { roleText, t } from '../texts.ts';

export function conversationText({ rollout, reward, status, error, turns }: Conversation, task: string): string {
  const facts = [rollout, task, ...(status === 'finished' ? [] : [t(`state_${status}`)]), ...(reward === null ? [] : [`${t('reward')} ${decimal(reward)}`])];
  const parts = turns.map(({ message: { role, content, reasoning, name, tool_calls: calls = [] }, branch }) => [
    `[${roleText(role)}${name === undefined ? '' : ` ${name}`}${branch > 0 ? ` · ${t('branchNumber', branch)}` : ''}]`,
    ...(reasoning === undefined || reasoning === '' ? [] : [`(${t('reasoning')}) ${reasoning}`]),
    ...(content === '' ? [] : [content]),
    ...calls.map(({ function: called }) => `→ ${called.name} ${called.arguments}`),
  ].join('\n'));
  return [facts.join(' · '), ...parts, ...(error === undefined ? [] : [`[${t('error')}] ${error.message}`])].join('\n\n');
}
