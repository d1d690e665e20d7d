/** One whole answer as the server-sent events that a streaming client expects: each kind of thing in a chunk of its own. */
import { head, logprobsOf, thinking, usageOf, type Answered, type Chunk, type Told } from './completion.ts';
import type { CallRequest } from './request.ts';

export const PING = ': ping\n\n';
export const DONE = 'data: [DONE]\n\n';

export function streamed(answered: Answered<Told>, request: CallRequest): string {
  const { record } = answered;
  const common = head(answered, request, 'chat.completion.chunk');
  const chunks = chunksOf(answered, request).map((chunk, index): object => ({
    ...common,
    ...(index === 0 && request.returnTokenIds && record.tokens !== undefined && { prompt_token_ids: answered.promptIds() }),
    choices: [{ index: 0, ...chunk }],
    ...(request.includeUsage && { usage: null }),
  }));
  if (request.includeUsage) chunks.push({ ...common, choices: [], usage: usageOf(record) });
  return chunks.map(event).join('') + DONE;
}

export function streamedError(body: string): string {
  return `data: ${body}\n\n`;
}

export function event(data: object): string {
  return `data: ${JSON.stringify(data)}\n\n`;
}

function chunksOf(answered: Answered<Told>, request: CallRequest): Chunk[] {
  const { reply, finish, malformed, tokens } = answered.record;
  const deltas: Chunk['delta'][] = [{ role: 'assistant', content: '' }];
  if (reply.reasoning !== undefined) deltas.push(thinking(reply.reasoning));
  if (reply.content !== '') deltas.push({ content: reply.content });
  reply.tool_calls?.forEach((call, index) => deltas.push({ tool_calls: [{ index, ...call }] }));
  const last: Chunk = { delta: malformed === undefined ? {} : { malformed }, finish_reason: finish };
  if (request.logprobs) last.logprobs = logprobsOf(answered, request);
  if (request.returnTokenIds && tokens !== undefined) last.token_ids = tokens.sampled;
  return [...deltas.map((delta): Chunk => ({ delta, finish_reason: null })), last];
}
