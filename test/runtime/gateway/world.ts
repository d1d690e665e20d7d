/** A gateway with a policy that says what a test tells it to, token by token, and a client for it. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ChatMessage } from '../../../runtime/protocol/chat.ts';
import type { CallRecord, RolloutPlace } from '../../../runtime/protocol/trace.ts';
import { loadChatFormat } from '../../../runtime/policy/chat-format.ts';
import type { ChatFormat, Sampled, SampleRequest, Tokenizer, TokenPolicy } from '../../../runtime/policy/policy.ts';
import { startGateway, type Gateway, type GatewayOptions } from '../../../runtime/gateway/server.ts';
import type { RolloutSession, SessionOptions } from '../../../runtime/gateway/session.ts';

const SPECIALS = ['<|im_start|>', '<|im_end|>', '<|endoftext|>'];
/** Pieces that make several ways to write the same text. */
const PIECES = ['assistant', 'system', 'user', ' let', ' me', ' add', 'tool', 'answer', 'th', 'he', 'the', ' the', '\n\n', '42', '4', '{"', '"}'];

export const IM_END = 257;
export const END_OF_TEXT = 258;

/** Bytes 0 to 255, then special tokens, then pieces; the longest piece wins. */
export class ByteTokenizer implements Tokenizer {
  readonly size = 256 + SPECIALS.length + PIECES.length;
  readonly sha256 = createHash('sha256').update('bytes').digest('hex');
  encoded = 0;

  encode(text: string): number[] {
    this.encoded += text.length;
    return text.split(/(<\|im_start\|>|<\|im_end\|>|<\|endoftext\|>)/).flatMap((part) => {
      const special = SPECIALS.indexOf(part);
      return special === -1 ? this.#plain(part) : [256 + special];
    });
  }

  #plain(text: string): number[] {
    const ids: number[] = [];
    const longest = [...PIECES].sort((a, b) => b.length - a.length);
    for (let at = 0; at < text.length;) {
      const piece = longest.find((one) => text.startsWith(one, at));
      const character = String.fromCodePoint(text.codePointAt(at)!);
      if (piece === undefined) ids.push(...Buffer.from(character));
      else ids.push(256 + SPECIALS.length + PIECES.indexOf(piece));
      at += (piece ?? character).length;
    }
    return ids;
  }

  decode(ids: readonly number[]): string {
    return Buffer.concat(ids.map((id) => this.bytes(id))).toString();
  }

  bytes(id: number): Uint8Array {
    if (id < 256) return Uint8Array.of(id);
    return Buffer.from(SPECIALS[id - 256] ?? PIECES[id - 256 - SPECIALS.length] ?? '');
  }

  isSpecial(id: number): boolean {
    return id >= 256 && id < 256 + SPECIALS.length;
  }

  idOf(token: string): number | undefined {
    const special = SPECIALS.indexOf(token);
    return special === -1 ? undefined : 256 + special;
  }
}

/** As a model might: byte by byte, so that encoding the text again gives other ids. */
export function bytesOf(text: string): number[] {
  return [...Buffer.from(text)];
}

/** What the policy samples for a prompt. */
export type Script = (request: SampleRequest, text: string) => string | number[] | Partial<Sampled> | Promise<string | number[] | Partial<Sampled>>;

export class ToldPolicy implements TokenPolicy {
  readonly kind = 'tokens';
  readonly label = 'told';
  readonly contextLength: number = 4096;
  version = 7;
  readonly tokenizer = new ByteTokenizer();
  readonly format: ChatFormat;
  readonly requests: SampleRequest[] = [];
  script: Script;

  constructor(format: ChatFormat, script: Script) {
    this.format = format;
    this.script = script;
  }

  async sample(request: SampleRequest): Promise<Sampled> {
    this.requests.push({ ...request, prompt: [...request.prompt] });
    const said = await this.script(request, this.tokenizer.decode(request.prompt));
    const told: Partial<Sampled> = typeof said === 'string' ? { ids: [...bytesOf(said), IM_END] } : Array.isArray(said) ? { ids: said } : said;
    const ids: number[] = [];
    const logprobs: number[] = [];
    let stopped = false;
    for (const [index, id] of (told.ids ?? []).entries()) {
      if (ids.length === request.sampling.maxTokens || stopped) break;
      const logprob = told.logprobs?.[index] ?? -(index + 1) / 8;
      ids.push(id);
      logprobs.push(logprob);
      stopped = (request.onToken?.(id, logprob) ?? false) || request.stopIds.has(id);
    }
    return { ids, logprobs, finish: told.finish ?? (stopped ? 'stop' : 'length'), version: this.version, cached: told.cached ?? 0, ...(told.top && { top: told.top }) };
  }

  async close(): Promise<void> {}
}

/** ChatML unless a template is given. */
export async function formatOf(template?: string): Promise<ChatFormat> {
  const directory = await mkdtemp(join(tmpdir(), 'gateway-format-'));
  if (template !== undefined) {
    await writeFile(join(directory, 'chat_template.jinja'), template);
    await writeFile(join(directory, 'generation_config.json'), JSON.stringify({ eos_token_id: [IM_END, END_OF_TEXT] }));
  }
  return loadChatFormat(directory, new ByteTokenizer());
}

export function place(more: Partial<RolloutPlace> = {}): RolloutPlace {
  return { run: 'r1', rollout: 's0t0n0', step: 0, split: 'training', taskIndex: 0, taskId: 'task', sample: 0, ...more };
}

export interface World extends AsyncDisposable {
  gateway: Gateway;
  policy: ToldPolicy;
  session: RolloutSession;
  /** In the order they reached the journal. */
  journal: CallRecord[];
  open(more?: Partial<SessionOptions>): RolloutSession;
  post(body: object, more?: Post): Promise<Answer>;
}

export interface Post {
  role?: string;
  session?: RolloutSession;
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

export interface Answer {
  status: number;
  headers: Headers;
  text: string;
  json: Json;
}

/** Answers are read loosely: the tests say what must be in them. */
// oxlint-disable-next-line typescript/no-explicit-any
export type Json = any;

export async function world(script: Script | string = 'hello', options: { gateway?: GatewayOptions; session?: Partial<SessionOptions>; template?: string } = {}): Promise<World> {
  const gateway = await startGateway(options.gateway);
  const policy = new ToldPolicy(await formatOf(options.template), typeof script === 'string' ? () => script : script);
  const journal: CallRecord[] = [];
  const open = (more: Partial<SessionOptions> = {}): RolloutSession => gateway.open({
    place: place(), attempt: 1, seed: 1, mode: 'train', sampling: { temperature: 1, topP: 1, topK: -1, maxTokens: 256 },
    route: () => ({ policy, target: true, label: policy.label }),
    onCall: (call) => void journal.push(call),
    ...options.session, ...more,
  });
  const session = open();
  return {
    gateway, policy, session, journal, open,
    async post(body, { role = 'main', session: to = session, headers = {}, signal } = {}) {
      const response = await fetch(`${to.url}/role/${encodeURIComponent(role)}/v1/chat/completions`, {
        method: 'POST', body: JSON.stringify(body), signal: signal ?? null,
        headers: { authorization: `Bearer ${to.apiKey}`, 'content-type': 'application/json', ...headers },
      });
      const text = await response.text();
      return { status: response.status, headers: response.headers, text, json: text.startsWith('{') || text.startsWith(' ') ? JSON.parse(text) : undefined };
    },
    [Symbol.asyncDispose]: () => gateway.stop(),
  };
}

export const system = (content: string): ChatMessage => ({ role: 'system', content });
export const user = (content: string): ChatMessage => ({ role: 'user', content });
export const assistant = (content: string, more: Partial<ChatMessage> = {}): ChatMessage => ({ role: 'assistant', content, ...more });
export const tool = (content: string, id: string): ChatMessage => ({ role: 'tool', content, tool_call_id: id });

export const ADD_TOOL = {
  type: 'function',
  function: { name: 'add', description: 'Adds.', parameters: { type: 'object', properties: { a: { type: 'number' }, b: { type: 'number' } }, required: ['a', 'b'] } },
} as const;

/** All ids a call was shown, from its record and those before it. */
export function promptOf(calls: readonly CallRecord[], index: number): number[] {
  const { from, tail } = calls[index]!.tokens!;
  return from === null ? [...tail] : [...promptOf(calls, from), ...calls[from]!.tokens!.sampled, ...tail];
}

/** All messages a call was shown, from its record and those before it. */
export function messagesOf(calls: readonly CallRecord[], index: number): ChatMessage[] {
  const { from, add } = calls[index]!.history;
  return from === null ? [...add] : [...messagesOf(calls, from), calls[from]!.reply, ...add];
}

/** Every prompt in the journal is, id by id, what the policy was given. Calls must have been sampled one after the other. */
export function assertAsSeen(w: World): void {
  assert.deepEqual(w.journal.map((_, index) => promptOf(w.journal, index)), w.policy.requests.map((request) => [...request.prompt]));
}
