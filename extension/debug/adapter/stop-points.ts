/** Breakpoints that name something other than a line, and exception filters: what a person writes there and the stop points they mean. */
import type { DebugProtocol } from '@vscode/debugprotocol';
import { nearest } from '../../../runtime/protocol/suggest.ts';
import type { StopOn, StopPoint } from '../../../runtime/protocol/stops.ts';
import { l10n } from './l10n.ts';

export interface StopPoints {
  points: StopPoint[];
  /** One for each that was asked for, in its order. */
  breakpoints: DebugProtocol.Breakpoint[];
}

const KINDS: Record<string, (rest: string | undefined) => StopOn | undefined> = {
  model: (role) => ({ on: 'call', role }),
  answer: (role) => ({ on: 'answer', role }),
  tool: (name) => ({ on: 'tool', name }),
  judge: (rest) => (rest === undefined ? { on: 'judge' } : undefined),
};

interface Filter {
  label: () => string;
  description: () => string;
  byDefault?: boolean;
  stopOn: (below: number) => StopOn;
  /** What `below` is where no condition says it. */
  below?: number;
  /** The largest bound that makes sense. */
  most?: number;
}

const FILTERS: Record<string, Filter> = {
  workflow: { label: () => l10n.t('Workflow Errors'), description: () => l10n.t('Stops when a workflow throws.'), byDefault: true, stopOn: () => ({ on: 'error', of: 'workflow' }) },
  judge: { label: () => l10n.t('Judge Errors'), description: () => l10n.t('Stops when a judge throws, or gives no reward.'), byDefault: true, stopOn: () => ({ on: 'error', of: 'judge' }) },
  tool: { label: () => l10n.t('Tool Errors'), description: () => l10n.t('Stops when a tool of a Toolkit throws. The agent is told of it and goes on.'), stopOn: () => ({ on: 'error', of: 'tool' }) },
  malformed: { label: () => l10n.t('Malformed Tool Calls'), description: () => l10n.t('Stops when the model writes a tool call that cannot be read.'), stopOn: () => ({ on: 'malformed' }) },
  truncated: { label: () => l10n.t('Truncated Answers'), description: () => l10n.t('Stops when an answer reaches its limit of tokens.'), stopOn: () => ({ on: 'truncated' }) },
  reward: { label: () => l10n.t('Low Rewards'), description: () => l10n.t('Stops when a rollout is graded below a bound: 1, unless the condition is another number.'), stopOn: (below) => ({ on: 'reward', below }), below: 1 },
  token: { label: () => l10n.t('Unlikely Tokens'), description: () => l10n.t('Stops when a sampled token has a probability below a bound: 0.01, unless the condition is another number.'), stopOn: (below) => ({ on: 'token', below }), below: 0.01, most: 1 },
  drift: { label: () => l10n.t('Retokenization Drift'), description: () => l10n.t('Stops when a prompt does not go on token for token from what was sampled before, because its history was rewritten.'), stopOn: () => ({ on: 'drift' }) },
  'no-spread': { label: () => l10n.t('Groups With One Reward'), description: () => l10n.t('Stops when all rollouts of a task have the same reward, so that nothing can be learned from them.'), stopOn: () => ({ on: 'no-spread' }) },
};

export function exceptionFilters(): DebugProtocol.ExceptionBreakpointsFilter[] {
  return Object.entries(FILTERS).map(([filter, { label, description, byDefault = false, below }]) => ({
    filter, label: label(), description: description(), default: byDefault, supportsCondition: below !== undefined,
    ...(below !== undefined && { conditionDescription: l10n.t('A number, {0} for example: stops below it', below) }),
  }));
}

/** Stop points and breakpoints share their ids: those of filters begin here. */
const FIRST_FILTER = 1_000_000;

export function isFilter(id: number): boolean {
  return id >= FIRST_FILTER;
}

export function functionStops(asked: readonly DebugProtocol.FunctionBreakpoint[]): StopPoints {
  return collect(asked.map((one) => functionStop(one)), 1);
}

export function askedFilters({ filters, filterOptions = [] }: DebugProtocol.SetExceptionBreakpointsArguments): { filterId: string; condition?: string | undefined }[] {
  return [...filters.map((filterId) => ({ filterId })), ...filterOptions];
}

export function filterLabel(filterId: string): string {
  return FILTERS[filterId]?.label() ?? filterId;
}

export function filterStops(asked: DebugProtocol.SetExceptionBreakpointsArguments): StopPoints {
  return collect(askedFilters(asked).map(({ filterId, condition }) => filterStop(filterId, condition)), FIRST_FILTER);
}

type Read = { stop: StopOn & { hit?: number } } | { problem: string };

function functionStop({ name, hitCondition }: DebugProtocol.FunctionBreakpoint): Read {
  const [word, rest] = split(name.trim());
  const kind = Object.hasOwn(KINDS, word) ? KINDS[word] : undefined;
  if (kind === undefined) {
    const near = nearest(word, Object.keys(KINDS));
    return { problem: [near === undefined ? '' : l10n.t('Did you mean "{0}"?', near + (rest === undefined ? '' : `:${rest}`)), l10n.t('Stops can be set at model:<role>, answer:<role>, tool:<name> and judge.')].filter(Boolean).join(' ') };
  }
  const stop = kind(rest);
  if (stop === undefined) return { problem: l10n.t('"{0}" takes no name.', word) };
  const hit = readHit(hitCondition);
  if (hit === null) return { problem: l10n.t('"{0}" is no hit count. Write a number, or ">= 3".', hitCondition!) };
  return { stop: { ...stop, ...(hit !== undefined && { hit }) } };
}

function filterStop(filterId: string, condition: string | undefined): Read {
  const filter = FILTERS[filterId];
  if (filter === undefined) return { problem: l10n.t('There is no such filter.') };
  const { below: usual = 0, most = Infinity, stopOn } = filter;
  const below = condition === undefined || condition.trim() === '' ? usual : Number(condition.trim().replace(/^</, ''));
  if (!Number.isFinite(below)) return { problem: l10n.t('"{0}" is no condition. Write a number: it stops below it.', condition!) };
  if (filterId === 'token' && (below <= 0 || below > most)) return { problem: l10n.t('A probability lies between 0 and 1.') };
  return { stop: stopOn(below) };
}

function collect(read: readonly Read[], firstId: number): StopPoints {
  const points: StopPoint[] = [];
  const breakpoints = read.map((one, at): DebugProtocol.Breakpoint => {
    const id = firstId + at;
    if ('problem' in one) return { id, verified: false, message: one.problem };
    points.push({ ...one.stop, id });
    return { id, verified: true };
  });
  return { points, breakpoints };
}

function split(name: string): [word: string, rest: string | undefined] {
  const at = name.indexOf(':');
  if (at < 0) return [name, undefined];
  const rest = name.slice(at + 1).trim();
  return [name.slice(0, at).trim(), rest === '' ? undefined : rest];
}

/** Undefined: none; null: not to be read. */
function readHit(condition: string | undefined): number | undefined | null {
  if (condition === undefined || condition.trim() === '') return undefined;
  const match = /^(>=|>)?\s*(\d+)$/.exec(condition.trim());
  if (match === null) return null;
  const hit = Number(match[2]) + (match[1] === '>' ? 1 : 0);
  return hit >= 1 && hit <= 1_000_000 ? hit : null;
}
