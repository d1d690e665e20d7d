/** One rollout as text: its conversation, its reward, and on request every token with what became of it. */
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import type { ChatMessage } from '../protocol/chat.ts';
import { formatPlace } from '../protocol/errors.ts';
import type { CallRecord, RolloutRecord, RunInfo } from '../protocol/trace.ts';
import { loadTokenizer } from '../policy/tokenizer.ts';
import type { Tokenizer } from '../policy/policy.ts';
import { tokenizerFolder } from '../backbone/tokenizers.ts';
import { whyUntrained } from '../tracker/index.ts';
import { count, decimal, duration } from './format.ts';
import { out, paint, print } from './io.ts';
import { plural, t } from './l10n.ts';
import { describeError, nearby } from './report.ts';
import { clip, padEnd, padStart, visible, widthOf } from './terminal.ts';
import { stateWord } from './words.ts';

export async function showRollout(record: RolloutRecord, info: RunInfo, runsRoot: string, withTokens: boolean): Promise<void> {
  const tokenizer = withTokens ? await tokenizerOf(info, runsRoot) : undefined;
  printHead(record);
  for (const call of record.calls) {
    if (call.history.from === null && call.index > 0) print(paint.yellow(`  ── ${t('a conversation of its own')} (${call.continuation}) ──`));
    for (const message of call.history.add) printMessage(message);
    printMessage(call.reply, call);
    if (withTokens) printTokens(call, record, tokenizer);
  }
  if (record.calls.length === 0) print(paint.dim(`  ${t('no model call')}`));
  printEnd(record);
}

function printHead(record: RolloutRecord): void {
  const outcome = record.status === 'finished' ? `${t('reward')} ${paint.bold(decimal(record.reward ?? NaN, 3))}` : paint.red(stateWord(record.status));
  const attempt = record.attempt > 1 ? [t('attempt {0}', record.attempt)] : [];
  print([paint.bold(record.rollout), visible(record.taskId), outcome, duration(record.duration), ...attempt].join(paint.dim(' · ')));
  if (record.parent !== undefined) print(paint.dim(t('forked from {0} after its first {1}', record.parent.rollout, plural(record.parent.call, '{0} call', '{0} calls'))));
  print();
}

const colors = { system: paint.dim, user: paint.blue, assistant: paint.green, tool: paint.magenta } as const;

function printMessage(message: ChatMessage, call?: CallRecord): void {
  const site = call?.site === undefined ? '' : paint.dim(`  ${visible(formatPlace({ ...nearby(call.site), column: undefined, key: undefined }))}`);
  const facts = call === undefined ? '' : paint.dim(`  ${call.role} · ${count(call.usage.prompt)}→${count(call.usage.completion)} · ${duration(call.duration)}${call.finish === 'length' ? ` · ${t('truncated')}` : ''}`);
  print(`${colors[message.role](facts === '' && site === '' ? message.role : padEnd(message.role, 10))}${facts}${site}`);
  if (message.reasoning !== undefined) print(paint.dim(indent(visible(message.reasoning))));
  if (message.content !== '') print(indent(visible(message.content)));
  for (const { function: { name, arguments: args } } of message.tool_calls ?? []) print(`  ${paint.magenta('→')} ${visible(name)}(${visible(args)})`);
  if (call?.malformed !== undefined) print(`  ${paint.red('!')} ${visible(call.malformed)}`);
}

function indent(text: string): string {
  return text.split('\n').map((line) => `  ${line}`).join('\n');
}

function printEnd(record: RolloutRecord): void {
  print();
  if (record.judge !== undefined) {
    const parts = Object.entries(record.judge.parts ?? {}).map(([name, value]) => `${name} ${decimal(value)}`).join(', ');
    print(`${paint.dim(t('judge'))}  ${record.judge.name}: ${decimal(record.judge.reward, 3)}${parts === '' ? '' : ` (${parts})`}${record.judge.reason === undefined ? '' : ` – ${visible(record.judge.reason)}`}`);
  }
  if (record.error !== undefined) print(`${paint.red(t('error'))}  ${describeError(record.error, paint)}`);
  for (const line of visible(record.log?.join('') ?? '').split('\n').filter(Boolean)) print(`${paint.dim(`${t('log')} │`)} ${line}`);
}

async function tokenizerOf(info: RunInfo, runsRoot: string): Promise<Tokenizer | undefined> {
  if (info.tokenizer === undefined) return undefined;
  const folder = tokenizerFolder(runsRoot, info.tokenizer.sha256);
  return access(join(folder, 'tokenizer.json')).then(() => loadTokenizer(folder), () => undefined);
}

const BAR = 10;

/** Every sampled token: id, text, log-probability, and whether it is trained or the one reason why not. */
function printTokens(call: CallRecord, record: RolloutRecord, tokenizer: Tokenizer | undefined): void {
  if (call.tokens === undefined) return print(paint.dim(`  ${t('This model does not tell its token ids.')}`));
  const why = whyUntrained(record, call);
  const { from, tail, sampled, logprobs } = call.tokens;
  const prompt = t('{0}, {1} of them new', plural(call.usage.prompt, '{0} prompt token', '{0} prompt tokens'), count(tail.length));
  print(paint.dim(`  ${prompt}${from === null ? '' : ` ${t('(continues call {0} token for token)', from)}`}`));
  const texts = sampled.map((id) => (tokenizer === undefined ? '' : tokenText(id, tokenizer)));
  const [ids, words] = [sampled.map(String), texts].map((cells) => Math.min(24, Math.max(5, ...cells.map(widthOf)))) as [number, number];
  const trained = why === undefined ? paint.cyan(t('trained')) : paint.dim(`✗ ${why}`);
  // The last column says more than the bars before it.
  const bars = 2 + 4 + 2 + ids + 2 + words + 2 + 9 + 2 + 5 + 2 + BAR + 2 + widthOf(trained) <= out.width;
  const line = (cells: string[]): void => print(clip(`  ${cells.join('  ').trimEnd()}`, out.width));
  line([paint.dim(padStart('#', 4)), paint.dim(padStart('id', ids)), paint.dim(padEnd(t('token'), words)), paint.dim(padStart('logprob', 9)), paint.dim(padStart('p', 5))]);
  for (const [index, id] of sampled.entries()) {
    const logprob = logprobs?.[index];
    const p = logprob === undefined ? NaN : Math.exp(logprob);
    const bar = paint.dim(padEnd('━'.repeat(Number.isNaN(p) ? 0 : Math.round(p * BAR)), BAR));
    line([
      paint.dim(padStart(String(index), 4)), padStart(String(id), ids), padEnd(texts[index]!, words), padStart(decimal(logprob ?? NaN, 4), 9), padStart(decimal(p, 3), 5), ...(bars ? [bar] : []), trained,
    ]);
  }
}

/** A token as it is: spaces and newlines visible, bytes of half a character as hex, specials in brackets. */
function tokenText(id: number, tokenizer: Tokenizer): string {
  const bytes = tokenizer.bytes(id);
  if (tokenizer.isSpecial(id)) return `[${visible(Buffer.from(bytes).toString())}]`;
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return visible(text.replaceAll(' ', '·').replaceAll('\n', '⏎').replaceAll('\t', '⇥'));
  } catch {
    return `⟨${[...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(' ')}⟩`;
  }
}

