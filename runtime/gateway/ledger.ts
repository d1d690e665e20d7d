/** The records of one rollout's calls, each told by what it adds to an earlier one. */
import type { ChatMessage } from '../protocol/chat.ts';
import type { CallRecord } from '../protocol/trace.ts';
import type { Call, Outcome } from './call.ts';
import type { Answered } from './completion.ts';
import { continuationOf, promptIds, splitPrompt, turnText } from './prompt.ts';
import type { Conversations } from './restore.ts';
import type { TokenTurn } from './turn.ts';

export class Ledger {
  /** In the order they ended, so that an index is a place in this list. */
  readonly calls: CallRecord[] = [];
  readonly #conversations: Conversations;
  /** Which call was the first with these tools. */
  readonly #tools = new Map<string, number>();
  readonly #undelivered = new Set<CallRecord>();

  constructor(conversations: Conversations) {
    this.#conversations = conversations;
  }

  record(call: Call, outcome: Outcome, duration: number): Answered {
    const { role, route, history, tools } = call;
    const { reply, finish, usage, version } = outcome;
    const index = this.calls.length;
    const tokens = tokensOf(call, outcome);
    const record: CallRecord = {
      index, id: `chatcmpl-${call.key.toString(36)}`, role, target: route.target, policy: route.label, version,
      start: call.start, duration: outcome.duration ?? duration, sampling: call.sampling,
      history: { from: history.from?.call ?? null, add: history.add as ChatMessage[] },
      reply, finish, usage,
      continuation: tokens === undefined ? 'untracked' : continuationOf(history, tokens.from, tools),
    };
    if (call.site !== undefined) record.site = call.site;
    if (tools !== undefined) record.tools = this.#toolsOf(tools, index);
    if (history.echoes.length > 0) record.restored = history.echoes.length;
    const echoes = this.#conversations.newEchoes(history);
    if (echoes.length > 0) record.echoes = echoes;
    if (tokens !== undefined) record.tokens = { from: tokens.from?.call ?? null, tail: tokens.tail as number[], ...outcome.tokens! };
    if (outcome.malformed !== undefined) record.malformed = outcome.malformed;
    if (call.edited !== undefined) record.edited = call.edited;
    const why = outcome.why ?? whyOf(record);
    if (why !== undefined) record.why = why;
    this.calls.push(record);
    this.#undelivered.add(record);
    this.#conversations.record({ call: index, role, asked: history.asked, from: history.from, add: history.add, reply, tools, kept: call.edited?.kept ?? true, tokens });
    return {
      record,
      created: Math.floor(Date.now() / 1000),
      tokenizer: route.policy.kind === 'tokens' ? route.policy.tokenizer : undefined,
      promptIds: () => (tokens === undefined ? undefined : promptIds(tokens)),
    };
  }

  delivered(record: CallRecord): void {
    this.#undelivered.delete(record);
  }

  /** Whatever was not delivered by now never will be. */
  close(): CallRecord[] {
    for (const record of this.#undelivered) {
      if (record.why !== 'intervened') record.why = 'undelivered';
    }
    this.#undelivered.clear();
    return this.calls;
  }

  #toolsOf(tools: NonNullable<Call['tools']>, index: number): CallRecord['tools'] {
    const first = this.#tools.get(tools.text);
    if (first !== undefined) return first;
    this.#tools.set(tools.text, index);
    return [...tools.definitions];
  }
}

function whyOf(record: CallRecord): CallRecord['why'] {
  if (!record.target) return 'role-not-a-target';
  if (record.tokens === undefined) return 'no-token-ids';
  return record.tokens.logprobs === undefined ? 'no-logprobs' : undefined;
}

function tokensOf(call: Call, outcome: Outcome): TokenTurn | undefined {
  const { policy } = call.route;
  const sampled = outcome.tokens?.sampled;
  if (sampled === undefined) return undefined;
  if (policy.kind === 'tokens' && call.prompt !== undefined) {
    const { from, tail } = call.prompt;
    return { from, tail, sampled, text: turnText(policy, call.prompt, sampled) };
  }
  return outcome.toldPrompt && { ...splitPrompt(outcome.toldPrompt, call.history), sampled, text: undefined };
}
