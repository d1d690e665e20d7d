import type { ChatMessage } from '../../../runtime/protocol/chat.ts';
import { TuningForkError } from '../../../runtime/protocol/errors.ts';
import { l10n } from './l10n.ts';

const ROLES = new Set(['system', 'user', 'assistant', 'tool']);
const KEYS = new Set(['role', 'content', 'reasoning', 'name', 'tool_calls', 'tool_call_id']);

/** Messages as a person has edited them. Throws a sentence that names what is wrong. */
export function readMessages(text: string): ChatMessage[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new TuningForkError('usage', l10n.t('The messages are no JSON: {0}.', (error as Error).message));
  }
  if (!Array.isArray(value) || value.length === 0) throw new TuningForkError('usage', l10n.t('The messages must be a list with at least one message.'));
  for (const [index, message] of value.entries()) {
    if (typeof message !== 'object' || message === null) throw new TuningForkError('usage', l10n.t('Message {0} must be an object.', index));
    const { role, content } = message as Partial<ChatMessage>;
    if (!ROLES.has(role as string)) throw new TuningForkError('usage', l10n.t('Message {0} needs a "role": system, user, assistant or tool.', index));
    if (typeof content !== 'string') throw new TuningForkError('usage', l10n.t('Message {0} needs a "content" that is text.', index));
    const unknown = Object.keys(message).find((key) => !KEYS.has(key));
    if (unknown !== undefined) throw new TuningForkError('usage', l10n.t('Message {0} can\'t have "{1}".', index, unknown));
  }
  return value as ChatMessage[];
}
