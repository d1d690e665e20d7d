import { TuningForkError, type Place } from '../protocol/errors.ts';
import type { Verdict } from '../protocol/task.ts';

/**
 * What a judge or a workflow gave, as a verdict: a number, { reward, success, parts, reason }, or AgentJet's pair
 * [reward, success]. Whatever isn't a finite number is refused here, before it can reach an advantage.
 * `who` starts the sentence: "The judge MyJudge".
 */
export function checkVerdict(given: unknown, who: string, where?: Place): Verdict {
  if (typeof given === 'number' || given === null || typeof given !== 'object') return { reward: checkReward(given, who, where), success: null };
  if (Array.isArray(given)) {
    if (given.length === 2 && (typeof given[1] === 'boolean' || given[1] === null)) return { reward: checkReward(given[0], who, where), success: given[1] };
    throw new TuningForkError('reward', `${who} gave a list of rewards; one number for the whole rollout is wanted.`, { next: 'Add them up, or tell them as parts: { reward, parts: { … } }.', where });
  }
  const { reward, success = null, parts, reason } = given as Partial<Record<keyof Verdict, unknown>>;
  const verdict: Verdict = { reward: checkReward(reward, who, where), success: checkSuccess(success, who, where) };
  if (parts !== undefined && parts !== null) verdict.parts = checkParts(parts, who, where);
  if (reason !== undefined && reason !== null) verdict.reason = String(reason);
  return verdict;
}

/** A reward is a finite number and nothing else. */
export function checkReward(reward: unknown, who: string, where?: Place): number {
  if (typeof reward === 'number' && Number.isFinite(reward)) return reward;
  throw new TuningForkError('reward', `${who} gave the reward ${describe(reward)}; a finite number is wanted.`, { next: advice(reward), where });
}

function checkSuccess(success: unknown, who: string, where?: Place): boolean | null {
  if (typeof success === 'boolean' || success === null) return success;
  throw new TuningForkError('reward', `${who} gave the success ${describe(success)}; true, false or null is wanted.`, { where });
}

function checkParts(parts: unknown, who: string, where?: Place): Record<string, number> {
  const entries = typeof parts === 'object' && parts !== null && !Array.isArray(parts) ? Object.entries(parts) : undefined;
  const bad = entries?.find(([, value]) => !(typeof value === 'number' && Number.isFinite(value)));
  if (entries !== undefined && bad === undefined) return Object.fromEntries(entries) as Record<string, number>;
  const what = bad === undefined ? describe(parts) : `${bad[0]} = ${describe(bad[1])}`;
  throw new TuningForkError('reward', `${who} gave the reward’s parts as ${what}; a finite number for each name is wanted.`, { where });
}

function describe(value: unknown): string {
  if (typeof value === 'string') return `${JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value)} (text)`;
  if (Array.isArray(value)) return 'of a list';
  if (value instanceof Promise) return 'of a promise';
  return typeof value === 'object' && value !== null ? 'of an object' : String(value);
}

function advice(value: unknown): string | undefined {
  if (typeof value === 'string') return 'Turn it into a number first.';
  if (typeof value === 'boolean') return `Write ${value ? 1 : 0}.`;
  if (typeof value === 'number') return 'Look for a division by zero or a number that couldn’t be read.';
  if (value instanceof Promise) return 'Write await before it.';
  if (value === undefined || value === null) return 'Return { reward, success }.';
  return undefined;
}
