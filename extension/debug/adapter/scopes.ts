/** What can be looked at in a frame: messages, sampling, tokens, reward, task. */
import type { ChatMessage, Sampling } from '../../../runtime/protocol/chat.ts';
import { TuningForkError } from '../../../runtime/protocol/errors.ts';
import type { Frame } from './frames.ts';
import { l10n } from './l10n.ts';
import { callView, rewardOf, type CallView, type Moment } from './moment.ts';
import { jsonNode, type Node } from './nodes.ts';
import type { TokenWords } from './token-words.ts';
import { excerpt, number, replyText } from './words.ts';

export interface ScopeNode {
  node: Node;
  expensive?: boolean;
}

export function scopesOf(frame: Frame, moment: Moment): ScopeNode[] {
  const view = frame.call === undefined ? undefined : callView(moment, frame.call);
  const scopes: ScopeNode[] = [];
  if (frame.kind === 'here') {
    const { tool, error } = moment.stop;
    if (error !== undefined) scopes.push({ node: scope(l10n.t('Error'), () => jsonNode('error', error, 'error').children!()) });
    if (tool !== undefined) scopes.push({ node: scope(l10n.t('Tool'), () => toolNodes(tool)) });
  }
  if (view !== undefined && frame.kind !== 'episode') {
    scopes.push({ node: scope(l10n.t('Messages'), () => messageNodes(view, moment)) });
    scopes.push({ node: scope(l10n.t('Sampling'), () => samplingNodes(view, moment)) });
    if (view.prompt !== undefined) scopes.push({ node: scope(l10n.t('Tokens'), () => tokenNodes(view, moment)), expensive: true });
  }
  if (frame.kind !== 'turn') {
    const { reward } = rewardOf(moment);
    if (reward !== undefined) scopes.push({ node: scope(l10n.t('Reward Parts'), () => rewardNodes(moment)) });
    scopes.push({ node: scope(l10n.t('Task'), () => taskNodes(moment)) });
  }
  return scopes;
}

function scope(name: string, children: () => Node[]): Node {
  return { name, value: '', children };
}

function expressionOf(view: CallView, moment: Moment, member: 'messages' | 'sampling' | 'tokens'): string {
  return view.index === moment.call ? member : `calls[${view.index}].${member}`;
}

export function messageNodes(view: CallView, moment: Moment): Node[] {
  const open = moment.stop.call?.index === view.index;
  const at = expressionOf(view, moment, 'messages');
  return view.messages.map((message, index) => messageNode(message, index, `${at}[${index}]`, open ? (changed) => edit(moment, view, index, changed) : undefined));
}

function edit(moment: Moment, view: CallView, index: number, changed: ChatMessage): void {
  moment.edits.messages = view.messages.with(index, changed);
}

function messageNode(message: ChatMessage, index: number, expression: string, change?: (changed: ChatMessage) => void): Node {
  const { content, reasoning, tool_calls: calls, ...rest } = message;
  const text = (key: 'content' | 'reasoning', value: string): Node => ({
    ...jsonNode(key, value, `${expression}.${key}`),
    ...(change && { set: (text: string) => {
      const said = unquoted(text);
      change({ ...message, [key]: said });
      return jsonNode(key, said, `${expression}.${key}`);
    } }),
  });
  return {
    name: `[${index}] ${message.role}`, value: excerpt(replyText(message), 120), type: message.role, expression, menu: change === undefined ? 'tuningForkMessage' : 'tuningForkOpenMessage',
    children: () => [
      ...(reasoning === undefined ? [] : [text('reasoning', reasoning)]),
      text('content', content),
      ...(calls ?? []).map(({ id, function: { name, arguments: args } }): Node => ({ name: l10n.t('tool call {0}', name), value: args, type: id })),
      ...Object.entries(rest).filter(([key, value]) => key !== 'role' && value !== undefined).map(([key, value]) => jsonNode(key, value, `${expression}.${key}`)),
    ],
  };
}

const NUMBERS: Record<'temperature' | 'topP' | 'topK' | 'maxTokens' | 'seed', (value: number) => boolean> = {
  temperature: (value) => value >= 0 && value <= 100,
  topP: (value) => value > 0 && value <= 1,
  topK: (value) => Number.isInteger(value) && value >= 0,
  maxTokens: (value) => Number.isInteger(value) && value >= 1,
  seed: (value) => Number.isInteger(value) && value >= 0,
};

/** Throws for what no model could be asked for. */
export function samplingValue(name: string, text: string): Partial<Sampling> {
  const fits = Object.hasOwn(NUMBERS, name) ? NUMBERS[name as keyof typeof NUMBERS] : undefined;
  const value = Number(text);
  if (fits === undefined) throw new TuningForkError('usage', l10n.t('{0} can\'t be changed here.', name));
  if (text.trim() === '' || !Number.isFinite(value) || !fits(value)) throw new TuningForkError('usage', l10n.t('{0} can\'t be {1}.', name, text));
  return { [name]: value };
}

export function samplingNodes(view: CallView, moment: Moment): Node[] {
  const at = expressionOf(view, moment, 'sampling');
  const open = moment.stop.call?.index === view.index;
  return Object.entries(view.sampling).filter(([, value]) => value !== undefined).map(([key, value]): Node => ({
    ...jsonNode(key, value, `${at}.${key}`),
    ...(open && Object.hasOwn(NUMBERS, key) && { set: (text: string) => {
      const changed = samplingValue(key, text);
      moment.edits.sampling = { ...moment.edits.sampling, ...changed };
      return jsonNode(key, Object.values(changed)[0], `${at}.${key}`);
    } }),
  }));
}

function tokenNodes({ prompt, record, index }: CallView, { words }: Moment): Node[] {
  const ids = prompt!.ids;
  const nodes: Node[] = [{
    name: l10n.t('prompt'), value: l10n.t('{0} tokens', ids.length), menu: 'tuningForkCall', expression: `calls[${index}].prompt`,
    paged: { count: ids.length, page: (start, count) => ids.slice(start, start + count).map((id, i) => ({ name: `[${start + i}]`, value: idText(id, words) })) },
  }];
  const tokens = record?.tokens;
  if (tokens === undefined) return nodes;
  const { sampled, logprobs } = tokens;
  nodes.push({
    name: l10n.t('answer'), value: l10n.t('{0} tokens', sampled.length), menu: 'tuningForkCall', expression: `calls[${index}].tokens`,
    paged: { count: sampled.length, page: (start, count) => sampled.slice(start, start + count).map((id, i) => tokenNode(index, start + i, idText(id, words), logprobs?.[start + i])) },
  });
  return nodes;
}

function idText(id: number, words: TokenWords): string {
  const word = words(id);
  return word === undefined ? String(id) : `${JSON.stringify(word)} · ${id}`;
}

function tokenNode(call: number, at: number, text: string, logprob: number | undefined): Node {
  return { name: `[${at}]`, value: logprob === undefined ? text : `${text} · p=${number(Math.exp(logprob))}`, menu: 'tuningForkToken', expression: `calls[${call}].tokens[${at}]` };
}

function toolNodes({ name, arguments: args, result }: { name: string; arguments: string; result?: string }): Node[] {
  return [jsonNode('name', name, 'tool.name'), jsonNode('arguments', parsed(args), 'tool.arguments'), ...(result === undefined ? [] : [jsonNode('result', result, 'tool.result')])];
}

function rewardNodes(moment: Moment): Node[] {
  const { reward, judge } = rewardOf(moment);
  return [
    jsonNode('reward', reward, 'reward'),
    ...Object.entries(judge?.parts ?? {}).map(([name, part]) => jsonNode(name, part)),
    ...(judge === undefined ? [] : [jsonNode('judge', judge.name), jsonNode('success', judge.success), ...(judge.reason === undefined ? [] : [jsonNode('reason', judge.reason)])]),
  ];
}

function taskNodes({ stop, task, dir }: Moment): Node[] {
  const known = { id: stop.task, sample: stop.sample, rollout: stop.rollout, attempt: stop.attempt };
  return [...jsonNode('task', known).children!(), ...(task === undefined ? [] : [jsonNode('task', task, 'task')]), jsonNode('run', dir)];
}

/** Models write JSON; where they didn't, what they wrote is shown. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** A person may type the quotes that are shown around a text, or leave them out. */
function unquoted(text: string): string {
  const value = text.startsWith('"') ? parsed(text) : text;
  return typeof value === 'string' ? value : text;
}
