/** One rollout as text: its conversation, its reward, and on request every token with what became of it. */
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import type { ChatMessage } from '../protocol/chat.ts';
import type { CallRecord, RolloutRecord, RunInfo } from '../protocol/trace.ts';
import { loadTokenizer } from '../policy/tokenizer.ts';
import type { Tokenizer } from '../policy/policy.ts';
import { tokenizerFolder } from '../backbone/tokenizers.ts';
import { whyUntrained } from '../tracker/index.ts';
import { describeError, paint, print } from './io.ts';
import { t } from './l10n.ts';
import { count, decimal, duration } from './statistics.ts';
import { padEnd, padStart, visible } from './terminal.ts';

export async function showRollout(record: RolloutRecord, info: RunInfo, runsRoot: string, withTokens: boolean): Promise<void> {
  printHead(record);
  let shown = 0;
  for (const call of record.calls) {
    if (call.history.from === null && call.index > 0) print(paint.yellow(`  ── ${t('a conversation of its own')} (${call.continuation}) ──`));
    for (const message of call.history.add) printMessage(message);
    printMessage(call.reply, call);
    if (withTokens) await printTokens(call, record, await tokenizerOf(info, runsRoot));
    shown++;
  }
  if (shown === 0) print(paint.dim(`  ${t('no model call')}`));
  printEnd(record);
}

function printHead(record: RolloutRecord): void {
  const reward = record.reward === null ? paint.red(record.status) : paint.bold(decimal(record.reward, 3));
  print(`${paint.bold(record.rollout)} ${paint.dim('·')} ${visible(record.taskId)} ${paint.dim('·')} ${t('reward')} ${reward} ${paint.dim('·')} ${duration(record.duration)}${record.attempt > 1 ? ` ${paint.dim('·')} ${t('attempt {0}', record.attempt)}` : ''}`);
  if (record.parent !== undefined) print(paint.dim(t('forked from {0} after its call {1}', record.parent.rollout, record.parent.call)));
  print();
}

const colors = { system: paint.dim, user: paint.blue, assistant: paint.green, tool: paint.magenta } as const;

function printMessage(message: ChatMessage, call?: CallRecord): void {
  const site = call?.site === undefined ? '' : paint.dim(`  ${call.site.file.split(/[\\/]/).at(-1)}:${call.site.line}`);
  const facts = call === undefined ? '' : paint.dim(`  ${call.role} · ${count(call.usage.prompt)}→${count(call.usage.completion)} · ${duration(call.duration)}${call.finish === 'length' ? ` · ${t('truncated')}` : ''}`);
  print(`${colors[message.role](padEnd(message.role, 10))}${facts}${site}`);
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
  for (const line of record.log ?? []) print(`${paint.dim(t('log'))}    ${visible(line.replace(/\n$/, ''))}`);
}

async function tokenizerOf(info: RunInfo, runsRoot: string): Promise<Tokenizer | undefined> {
  if (info.tokenizer === undefined) return undefined;
  const folder = tokenizerFolder(runsRoot, info.tokenizer.sha256);
  return access(join(folder, 'tokenizer.json')).then(() => loadTokenizer(folder), () => undefined);
}

/** Every sampled token: id, text, log-probability, and whether it is trained or the one reason why not. */
async function printTokens(call: CallRecord, record: RolloutRecord, tokenizer: Tokenizer | undefined): Promise<void> {
  if (call.tokens === undefined) return print(paint.dim(`  ${t('This model does not tell its token ids.')}`));
  const why = whyUntrained(record, call);
  const { tail, sampled, logprobs } = call.tokens;
  print(paint.dim(`  ${t('{0} prompt tokens, {1} of them new', count(call.usage.prompt), count(tail.length))}${call.tokens.from === null ? '' : ` ${t('(continues call {0} token for token)', call.tokens.from)}`}`));
  print(paint.dim(`  ${padStart('#', 4)} ${padStart('id', 6)}  ${padEnd(t('token'), 18)} ${padStart('logprob', 9)} ${padStart('p', 6)}`));
  for (const [index, id] of sampled.entries()) {
    const logprob = logprobs?.[index];
    const p = logprob === undefined ? undefined : Math.exp(logprob);
    const bar = p === undefined ? '' : '█'.repeat(Math.round(p * 10)).padEnd(10, '░');
    const state = why === undefined ? paint.cyan(t('trained')) : paint.dim(why);
    print(`  ${paint.dim(padStart(String(index), 4))} ${padStart(String(id), 6)}  ${padEnd(tokenText(id, tokenizer), 18)} ${padStart(logprob === undefined ? '–' : logprob.toFixed(4), 9)} ${padStart(p === undefined ? '–' : p.toFixed(3), 6)}  ${paint.dim(bar)} ${state}`);
  }
}

/** A token as it is: spaces and newlines visible, bytes of half a character as hex, specials in brackets. */
function tokenText(id: number, tokenizer: Tokenizer | undefined): string {
  if (tokenizer === undefined) return '';
  const bytes = tokenizer.bytes(id);
  if (tokenizer.isSpecial(id)) return `[${visible(Buffer.from(bytes).toString())}]`;
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return visible(text.replaceAll(' ', '·').replaceAll('\n', '⏎').replaceAll('\t', '⇥'));
  } catch {
    return `⟨${[...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(' ')}⟩`;
  }
}

