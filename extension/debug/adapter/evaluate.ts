/** Expressions of watches and hovers: paths into what a rollout shows where it stands, such as `messages[0].content` or `tokens.length`. */
import { TuningForkError } from '../../../runtime/protocol/errors.ts';
import { l10n } from './l10n.ts';
import { callView, rewardOf, type Moment } from './moment.ts';
import { jsonNode, type Node } from './nodes.ts';

type Roots = Record<(typeof ROOTS)[number], () => unknown>;

/** What an expression can begin with. */
export const ROOTS = ['reward', 'judge', 'task', 'sample', 'rollout', 'role', 'call', 'messages', 'reply', 'sampling', 'prompt', 'text', 'tokens', 'tool', 'error', 'calls', 'tools'] as const;

export function evaluate(expression: string, moment: Moment, call = moment.call): Node {
  const steps = readPath(expression.trim());
  if (steps === undefined) throw new TuningForkError('usage', l10n.t('"{0}" can\'t be evaluated here: write a path such as messages[0].content, or help.', expression));
  const [root, ...rest] = steps;
  const roots = rootsOf(moment, call);
  if (!Object.hasOwn(roots, root!)) throw new TuningForkError('usage', l10n.t('There is no "{0}" here. There are: {1}.', String(root), ROOTS.join(', ')));
  let value: unknown = roots[root as keyof Roots]();
  for (const step of rest) value = memberOf(value, step);
  if (value === undefined) throw new TuningForkError('usage', l10n.t('"{0}" has no value here.', expression));
  return jsonNode(expression, value, expression);
}

function rootsOf(moment: Moment, call: number | undefined): Roots {
  const { stop, calls, tools } = moment;
  const { reward, judge } = rewardOf(moment);
  const here = <K extends keyof CallRoots>(key: K) => () => (call === undefined ? undefined : callRoots(moment, call)[key]);
  return {
    reward: () => reward, judge: () => judge, task: () => moment.task ?? { taskId: stop.task }, sample: () => stop.sample, rollout: () => stop.rollout, tool: () => stop.tool, error: () => stop.error,
    role: here('role'), call: () => call, messages: here('messages'), reply: here('reply'), sampling: here('sampling'), prompt: here('prompt'), text: here('text'), tokens: here('tokens'),
    calls: () => calls.map(({ index }) => callRoots(moment, index)), tools: () => tools,
  };
}

type CallRoots = ReturnType<typeof callRoots>;

function callRoots(moment: Moment, index: number) {
  const { role, messages, sampling, prompt, record } = callView(moment, index);
  const { sampled, logprobs } = record?.tokens ?? {};
  return {
    index, role, messages, sampling, reply: record?.reply, finish: record?.finish, prompt: prompt?.ids, text: prompt?.text,
    tokens: sampled?.map((id, at) => ({ id, logprob: logprobs?.[at], probability: logprobs?.[at] === undefined ? undefined : Math.exp(logprobs[at]) })),
  };
}

function memberOf(value: unknown, step: string | number): unknown {
  if (step === 'length' && (Array.isArray(value) || typeof value === 'string')) return value.length;
  if (typeof step === 'number') return Array.isArray(value) ? value[step] : undefined;
  return typeof value === 'object' && value !== null && Object.hasOwn(value, step) ? (value as Record<string, unknown>)[step] : undefined;
}

/** `a.b[0]["c"]`; undefined for anything else. */
function readPath(text: string): (string | number)[] | undefined {
  const first = /^[A-Za-z_$][\w$]*/.exec(text)?.[0];
  if (first === undefined) return undefined;
  const steps: (string | number)[] = [first];
  for (let at = first.length; at < text.length;) {
    const match = /^(?:\.([A-Za-z_$][\w$]*)|\[(\d+)\]|\["((?:[^"\\]|\\.)*)"\])/.exec(text.slice(at));
    if (match === null) return undefined;
    const [all, name, index, key] = match;
    steps.push(name ?? (index === undefined ? JSON.parse(`"${key!}"`) as string : Number(index)));
    at += all.length;
  }
  return steps;
}

export type ReplCommand = { do: 'fork'; forks: number; call: number | undefined; token: number | undefined } | { do: 'help' };

/** What can be typed into the debug console beside expressions. */
export function replCommand(text: string): ReplCommand | undefined {
  if (/^(help|\?)$/.test(text.trim())) return { do: 'help' };
  const match = /^fork\s*\(\s*(?:(\d+)\s*(?:,\s*(\d+)\s*(?:,\s*(\d+)\s*)?)?)?\)$/.exec(text.trim());
  return match === null ? undefined : { do: 'fork', forks: Number(match[1] ?? 4), call: given(match[2]), token: given(match[3]) };
}

function given(digits: string | undefined): number | undefined {
  return digits === undefined ? undefined : Number(digits);
}

export function help(): string {
  return [
    l10n.t('fork(n) executes the rollout again up to the call of the chosen frame and goes on n times from there; fork(n, call) names the call, fork(n, call, token) keeps so many tokens of its answer.'),
    l10n.t('Expressions: {0}; for example messages[0].content, tokens.length, sampling.temperature.', ROOTS.join(', ')),
  ].join('\n');
}
