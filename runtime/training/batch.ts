/** The rollouts of a step become what a trainer is sent: packs, and which of them each update takes with which denominator. */
import type { StepRequest } from '../protocol/trainer.ts';
import type { StepRow } from '../protocol/training.ts';
import type { RolloutRecord, UntrainedReason } from '../protocol/trace.ts';
import { callsOf, layOut, track, type EngineCost, type Pack, type PlacedCall, type TokenTree } from '../tracker/index.ts';
import { advantagesOf, type Advantages, type Estimator } from './advantage.ts';
import { packsOf, type PackLimits } from './packs.ts';
import { groupOf, isOverLong, scoreRollouts, type ScoredRollout } from './score.ts';
import { mean, deviation } from './statistics.ts';
import { weighTree, type Aggregation, type WeighedTree } from './weigh.ts';

export interface BatchOptions {
  estimator: Estimator;
  aggregation: Aggregation;
  /** For `rollout-constant`. */
  constantLength: number;
  /** Updates one pass over the batch is split into, by groups; and passes. */
  minibatches: number;
  epochs: number;
  /** Weights that will learn from the rollouts; calls sampled with others are `stale`. */
  version: number;
  /** Unless they are only so many versions behind. */
  maxStaleness?: number;
  /** Bounds of a rollout in tokens; what goes beyond is over-long. */
  maxPrompt?: number;
  maxResponse?: number;
  engine: EngineCost;
  /** Tokens of the longest conversation the model holds, and of the longest tree the trainer takes. */
  maxTokens: number;
  maxTree: number;
  trees: boolean;
  limits: PackLimits;
}

export interface TrainingBatch {
  packs: Pack[];
  /** Empty: nothing to learn from. */
  updates: StepRequest['updates'];
  counts: BatchCounts;
  /** Of each rollout that counted; null: its group has no spread. */
  advantages: { rollouts: string[]; advantages: (number | null)[] };
}

export type BatchCounts = Pick<StepRow,
  | 'tasks' | 'rollouts' | 'lost' | 'failed' | 'rewardMean' | 'rewardStd' | 'rewardMin' | 'rewardMax' | 'success'
  | 'callsPerRollout' | 'sampledPerRollout' | 'truncated' | 'malformed'
  | 'groups' | 'groupsWithSpread' | 'groupsWithoutSpread' | 'groupsOfOne'
  | 'staleness' | 'sampledTokens' | 'trainedTokens' | 'untrained' | 'targets' | 'naiveTokens' | 'sharedTokens' | 'computedTokens' | 'saved' | 'packs' | 'updates'>;

/** Groups keep the order in which `records` has them; inside a group the order of records doesn't matter. */
export function makeBatch(records: readonly RolloutRecord[], options: BatchOptions): TrainingBatch {
  const { scored, lost } = scoreRollouts(records);
  const advantages = advantagesOf(scored.map((rollout) => ({
    rollout: rollout.record.rollout, group: groupOf(rollout.record), reward: rollout.reward, tokens: targetTokens(rollout.record),
  })), options.estimator);

  const counting = new Map(scored.map(({ record }) => [record.rollout, record]));
  const groups = [...Map.groupBy(records, groupOf).values()];
  const trees = groups.map((group) => {
    const members = group.map((record) => counting.get(record.rollout) ?? record);
    return weighTree(track(callsOf(members)), creditOf(members, advantages, options), { aggregation: options.aggregation, length: options.constantLength });
  });

  const taught = trees.filter(({ units }) => units > 0);
  const packs: Pack[] = [];
  const pass: StepRequest['updates'] = [];
  let sharedTokens = 0;
  for (const part of split(taught, options.minibatches)) {
    const pieces = part.flatMap(({ tree }) => layOut(tree, { engine: options.engine, maxTokens: options.maxTree, trees: options.trees }).pieces);
    sharedTokens += pieces.reduce((sum, { nodes }) => sum + nodes.id.length, 0);
    const made = packsOf(pieces, options.engine, options.limits);
    pass.push({ packs: made.map((_, i) => packs.length + i), denominator: Math.max(1, part.reduce((sum, { units }) => sum + units, 0)) });
    packs.push(...made);
  }
  const updates = Array.from({ length: options.epochs }, () => pass).flat();
  const rollouts = scored.map(({ record }) => record.rollout).sort();
  return {
    packs, updates,
    counts: { ...count({ records, scored, lost, advantages, trees, packs, updates, sharedTokens }), ...(options.maxStaleness && { staleness: stalenessOf(records, trees, options.version) }) },
    advantages: { rollouts, advantages: rollouts.map((rollout) => advantages.of(rollout) ?? null) },
  };
}

/** What only the whole step can tell of a call: the advantage of its rollout, or why it teaches nothing. */
function creditOf(members: readonly RolloutRecord[], advantages: Advantages, options: BatchOptions): (call: PlacedCall) => number | UntrainedReason {
  const known = new Map(members.map((record) => {
    const lengths = callLengths(record);
    const calls = new Map(record.calls.map((call) => [call.index, call]));
    return [record.rollout, { record, lengths, calls, tooLong: exceeds(record, lengths, options) }];
  }));
  return ({ rollout, call: index }) => {
    const { record, lengths, calls, tooLong } = known.get(rollout)!;
    const call = calls.get(index)!;
    const behind = call.version === null ? NaN : options.version - call.version;
    if (!(behind >= 0 && behind <= (options.maxStaleness ?? 0))) return 'stale';
    if (tooLong || isOverLong(record, call) || lengths.get(index)!.whole > options.maxTokens) return 'over-long';
    return advantages.of(rollout) ?? 'no-spread';
  };
}

/** Tokens of each call's prompt, and of prompt and answer together. */
function callLengths(record: RolloutRecord): Map<number, { prompt: number; whole: number }> {
  const lengths = new Map<number, { prompt: number; whole: number }>();
  for (const { index, tokens } of record.calls) {
    if (tokens === undefined) continue;
    const prompt = (tokens.from === null ? 0 : lengths.get(tokens.from)!.whole) + tokens.tail.length;
    lengths.set(index, { prompt, whole: prompt + tokens.sampled.length });
  }
  return lengths;
}

function exceeds(record: RolloutRecord, lengths: ReturnType<typeof callLengths>, { maxPrompt = Infinity, maxResponse = Infinity }: BatchOptions): boolean {
  const trained = record.calls.filter((call) => call.target && call.tokens !== undefined).map(({ index }) => lengths.get(index)!);
  if (trained.length === 0) return false;
  const { prompt } = trained[0]!;
  return prompt > maxPrompt || Math.max(...trained.map(({ whole }) => whole)) - prompt > maxResponse;
}

function targetTokens(record: RolloutRecord): number {
  return record.calls.reduce((sum, call) => sum + (call.target ? call.tokens?.sampled.length ?? 0 : 0), 0);
}

/** Whole groups in their order, as evenly as they go; fewer parts when there are fewer groups. */
function split(trees: readonly WeighedTree[], parts: number): WeighedTree[][] {
  const count = Math.min(parts, trees.length);
  return Array.from({ length: count }, (_, part) => trees.slice(Math.floor((part * trees.length) / count), Math.floor(((part + 1) * trees.length) / count)));
}

interface Made {
  records: readonly RolloutRecord[];
  scored: ScoredRollout[];
  lost: RolloutRecord[];
  advantages: Advantages;
  trees: WeighedTree[];
  packs: Pack[];
  updates: StepRequest['updates'];
  sharedTokens: number;
}

function count({ records, scored, lost, advantages, trees, packs, updates, sharedTokens }: Made): BatchCounts {
  const rewards = scored.map(({ reward }) => reward);
  const told = scored.filter(({ success }) => success !== null);
  const calls = records.flatMap((record) => record.calls).filter((call) => call.target);
  const untrained: Partial<Record<UntrainedReason, number>> = {};
  let trainedTokens = 0;
  let naiveTokens = 0;
  let targets = 0;
  for (const { tree } of trees) {
    trainedTokens += tree.targets.tokens.length;
    targets += tree.targets.node.length;
    for (const call of tree.calls) {
      const sampled = call.end - call.begin;
      if (call.why === undefined) naiveTokens += lengthOf(tree, call);
      else if (call.why !== 'role-not-a-target' && sampled > 0) untrained[call.why] = (untrained[call.why] ?? 0) + sampled;
    }
  }
  const sampledTokens = calls.reduce((sum, call) => sum + (call.tokens?.sampled.length ?? 0), 0);
  const share = (hits: number): number => (calls.length === 0 ? 0 : hits / calls.length);
  return {
    tasks: new Set(records.map(groupOf)).size, rollouts: records.length, lost: lost.length, failed: scored.filter(({ failed }) => failed).length,
    rewardMean: rewards.length === 0 ? null : mean(rewards), rewardStd: rewards.length < 2 ? null : deviation(rewards),
    rewardMin: rewards.length === 0 ? null : Math.min(...rewards), rewardMax: rewards.length === 0 ? null : Math.max(...rewards),
    success: told.length === 0 ? null : told.filter(({ success }) => success).length / told.length,
    callsPerRollout: records.length === 0 ? 0 : calls.length / records.length, sampledPerRollout: records.length === 0 ? 0 : sampledTokens / records.length,
    truncated: share(calls.filter(({ finish }) => finish === 'length').length), malformed: share(calls.filter(({ malformed }) => malformed !== undefined).length),
    groups: advantages.groups, groupsWithSpread: advantages.withSpread, groupsWithoutSpread: advantages.withoutSpread, groupsOfOne: advantages.ofOne,
    sampledTokens, trainedTokens, untrained, targets, naiveTokens, sharedTokens,
    computedTokens: packs.reduce((sum, { rows, length }) => sum + rows * length, 0),
    saved: naiveTokens === 0 ? null : 1 - sharedTokens / naiveTokens,
    packs: packs.length, updates: updates.length,
  };
}

/** Mean over the tokens of trained calls: by how many versions what sampled them is behind what learns from them. */
function stalenessOf(records: readonly RolloutRecord[], trees: readonly WeighedTree[], version: number): number {
  const sampledBy = new Map(records.flatMap(({ rollout, calls }) => calls.map((call) => [`${rollout}/${call.index}`, call.version ?? version])));
  const trained = trees.flatMap(({ tree }) => tree.calls).filter(({ why }) => why === undefined);
  const tokens = trained.reduce((sum, { begin, end }) => sum + end - begin, 0);
  const behind = trained.reduce((sum, { rollout, call, begin, end }) => sum + (end - begin) * (version - sampledBy.get(`${rollout}/${call}`)!), 0);
  return tokens === 0 ? 0 : behind / tokens;
}

function lengthOf({ nodes }: TokenTree, { last }: PlacedCall): number {
  return last === -1 ? 0 : nodes.position[last]! + 1;
}
