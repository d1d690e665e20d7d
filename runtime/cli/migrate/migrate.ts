/** A configuration of AgentJet, ASTuner or Trinity-RFT made into one of ours: what becomes of every key, and the file. */
import { Document, isAlias, isMap, isScalar, isSeq, parseDocument, visit, type Node, type YAMLMap } from 'yaml';
import type * as z from 'zod';
import { ConfigError } from '../../config/errors.ts';
import { complaintOf } from '../../config/explain.ts';
import { Places } from '../../config/places.ts';
import { takeRoot } from '../../config/root.ts';
import { schemaAt, unwrap } from '../../config/schema.ts';
import { readTrinity, trinityLeaves, type TrinityTree } from '../../config/trinity.ts';
import { readYaml, type YamlTree } from '../../config/yaml.ts';
import { resolveJudge } from '../../judges/resolve.ts';
import { hasNoEffectYet, KEPT_TREES, RENAMED } from '../../protocol/config.ts';
import { TuningForkError } from '../../protocol/errors.ts';
import type { Json, JsonObject } from '../../protocol/json.ts';
import { didYouMean } from '../../protocol/suggest.ts';
import { t } from '../l10n.ts';
import { moveFiles, type Move } from './move.ts';

/** `same`, `renamed`: it counts. `no-effect`: it is for another engine. `by-hand`: somebody has to decide. `unknown`: nobody knows it. */
export type Verdict = 'same' | 'renamed' | 'no-effect' | 'by-hand' | 'unknown';

export interface MigratedKey {
  key: string;
  line: number | undefined;
  verdict: Verdict;
  /** What it is called here, or what stands in its place. */
  to?: string;
  why?: string;
}

export interface Migration {
  from: 'AgentJet' | 'Trinity-RFT' | 'Tuning Fork';
  keys: MigratedKey[];
  /** A configuration that loads, once what is `by-hand` is there. */
  yaml: string;
}

export interface MigrateOptions {
  /** The TypeScript class or function that takes the place of the Python one. */
  workflow?: string | undefined;
  /** Where the file will lie: files are named from there. */
  move?: Move | undefined;
}

const WORKFLOW = 'workflow.ts->MyWorkflow';

export function migrate(text: string, file: string, { workflow = WORKFLOW, move }: MigrateOptions = {}): Migration {
  const tree = readYaml(text, file);
  if (tree.problems.length > 0) throw new ConfigError(tree.problems);
  const trinity = readTrinity(tree);
  const { doc, ...migration } = trinity === undefined ? fromAgentJet(tree, text, workflow) : fromTrinity(tree, trinity, workflow);
  const moved = move === undefined ? new Map<string, string>() : moveFiles(doc, move);
  const keys = migration.keys.map((key) => {
    const path = moved.get(key.verdict === 'renamed' && moved.has(key.to ?? '') ? key.to! : key.key);
    return path === undefined ? key : { ...key, to: key.verdict === 'same' ? path : `${key.to}: ${path}` };
  });
  return { ...migration, keys, yaml: doc.toString({ lineWidth: 0 }) };
}

type Migrated = Omit<Migration, 'yaml'> & { doc: Document };

function fromAgentJet(tree: YamlTree, text: string, workflow: string): Migrated {
  const { whole, root } = takeRoot(tree);
  const places = new Places(tree, root);
  const body = whole[root] as JsonObject;
  const doc = writtenOut(parseDocument(text));
  if (!isMap(doc.get(root))) doc.set(root, doc.createNode({}));
  const keys: MigratedKey[] = [];
  const leaves = leavesOf(body);
  for (const [path, value] of leaves) {
    const name = renamed(path);
    const twice = name !== undefined && leaves.some(([other]) => other === name);
    const migrated: Fate = twice ? { verdict: 'no-effect', to: name } : keyOf(path, value, workflow);
    keys.push({ ...migrated, key: path, line: places.of(path).line });
    change(doc, root, path, migrated);
  }
  for (const tree_ of KEPT_TREES) if (tree_ === 'hydra' || tree_ === 'defaults') doc.delete(tree_);
  // Beside the root stands what aliases were taken from, or a mistake.
  const beside = new Places(tree, '');
  for (const key of Object.keys(whole).filter((one) => one !== root && !(KEPT_TREES as readonly string[]).includes(one))) {
    keys.push({ key, line: beside.of(key).line, verdict: 'unknown' });
    doc.delete(key);
  }
  if (doc.getIn([root, 'rollout', 'user_workflow']) === undefined) doc.setIn([root, 'rollout', 'user_workflow'], workflow);
  prune(doc, [root]);
  if (root !== 'tuning_fork') rename(doc, [], root, 'tuning_fork');
  return { from: root === 'tuning_fork' ? 'Tuning Fork' : 'AgentJet', keys, doc };
}

function renamed(path: string): string | undefined {
  return Object.hasOwn(RENAMED, path) ? RENAMED[path] : undefined;
}

type Fate = Pick<MigratedKey, 'verdict' | 'to' | 'why'> & { value?: Json };

/** What is so special about a key that the schema alone can't say it. */
function keyOf(path: string, value: Json, workflow: string): Fate {
  const name = renamed(path) ?? path;
  const kept: Fate = name === path ? { verdict: 'same' } : { verdict: 'renamed', to: name };
  if (name === 'rollout.user_workflow') return isOurs(value) ? kept : { verdict: 'by-hand', to: workflow, value: workflow, why: t('It is Python: write the same workflow as a TypeScript class.') };
  if (name === 'task_judge.judge_protocol' && typeof value === 'string') return judgeOf(value);
  if (name === 'backbone' && (value === 'verl' || value === 'trinity')) return { verdict: 'by-hand', to: 'embedded', value: 'embedded', why: t('Trains on this machine; gpu trains on a GPU runtime process.') };
  if (name === 'model.path' && typeof value === 'string' && !isModel(value)) return { verdict: 'by-hand', to: 'embedded', value: 'embedded', why: t('{0} is of another machine: name a folder of weights here, or keep the embedded policy.', value) };
  if (name === 'task_reader.type' && value !== 'jsonl_dataset_file' && value !== 'random_dummy') return { verdict: 'by-hand', to: 'jsonl_dataset_file', value: 'jsonl_dataset_file', why: t('Write its tasks to a JSONL file, one a line.') };
  if (name === 'task_judge.judge_type' && value === 'rubrics_auto_grader') return { verdict: 'by-hand', to: 'customized_protocol', value: 'customized_protocol', why: t('In task_judge.judge_protocol name a built-in judge or a class of yours.') };
  const keys = name.split('.');
  const schema = known(keys);
  if (schema === undefined) return { verdict: 'unknown', ...hint(keys) };
  if (schema === 'no-effect') return { verdict: 'no-effect' };
  const parsed = schema.safeParse(value);
  if (parsed.success || (typeof value === 'string' && value.includes('${'))) return kept;
  return { verdict: 'by-hand', why: t('Here it {0}.', complaintOf(parsed.error.issues[0]!, value)) };
}

/** The schema of a key, and whether the key or a mapping around it is only kept for others. */
function known(keys: readonly string[]): z.ZodType | 'no-effect' | undefined {
  for (let length = 1; length <= keys.length; length++) {
    const schema = schemaAt(keys.slice(0, length));
    if (schema === undefined) return undefined;
    if (hasNoEffectYet(schema)) return 'no-effect';
    if (length === keys.length) return schema;
  }
  return undefined;
}

function hint(keys: readonly string[]): { why?: string } {
  const above = schemaAt(keys.slice(0, -1));
  const siblings = above === undefined ? [] : Object.keys((unwrap(above) as z.ZodObject).shape ?? {});
  const meant = didYouMean(keys.at(-1)!, siblings);
  return meant === undefined ? {} : { why: meant };
}

function judgeOf(spec: string): Fate {
  if (isOurs(spec)) return { verdict: 'same' };
  try {
    const judge = resolveJudge(spec);
    if (judge.kind === 'builtin') return { verdict: 'renamed', to: `builtin->${judge.judge.name}`, value: `builtin->${judge.judge.name}` };
  } catch (error) {
    if (!(error instanceof TuningForkError)) throw error;
  }
  return { verdict: 'by-hand', to: 'null', value: null, why: t('It is Python: write the same judge as a TypeScript class, or let the workflow give the reward.') };
}

function isOurs(target: Json): boolean {
  return typeof target === 'string' && /\.[cm]?[jt]sx?\s*->|^\s*builtin\s*->/.test(target);
}

/** What may be there: our own, a provider's, a path in the project. A hub's name or a place on a cluster isn't. */
function isModel(path: string): boolean {
  return path === 'embedded' || path.includes('${') || /^[\w-]+:/.test(path) || /^\.{1,2}[\\/]/.test(path);
}

function fromTrinity(tree: YamlTree, { tree: ours, keys: sources, warnings }: TrinityTree, workflow: string): Migrated {
  if (ours.problems.length > 0) throw new ConfigError(ours.problems);
  const body = (ours.data as JsonObject).tuning_fork as JsonObject;
  const names = new Map([...sources].map(([mine, theirs]) => [theirs, mine]));
  const places = new Places(tree, '');
  const keys = trinityLeaves(tree.data as JsonObject).map(([path, value]): MigratedKey => {
    const line = places.of(path).line;
    const to = names.get(path);
    // The list of what has no effect stands at the first of it.
    const why = warnings.find(({ where, message }) => where?.key === path && message.includes(`\`${path.replace(/\.\d+\./, '.0.')}\``))?.message;
    if (to === undefined) return { key: path, line, verdict: why === undefined ? 'no-effect' : 'by-hand', ...(why !== undefined && { why }) };
    if (to === 'model.path' && typeof value === 'string' && !isModel(value)) return { key: path, line, verdict: 'by-hand', to: `${to}: embedded`, why: t('{0} is of another machine: name a folder of weights here, or keep the embedded policy.', value) };
    return { key: path, line, verdict: why === undefined ? 'renamed' : 'by-hand', to, ...(why !== undefined && { why }) };
  });
  const doc = new Document({ tuning_fork: body });
  if (keys.some(({ verdict, to }) => verdict === 'by-hand' && to === 'model.path: embedded')) doc.setIn(['tuning_fork', 'model', 'path'], 'embedded');
  doc.setIn(['tuning_fork', 'rollout', 'user_workflow'], workflow);
  return { from: 'Trinity-RFT', keys, doc };
}

function leavesOf(value: JsonObject, path: readonly string[] = []): [path: string, value: Json][] {
  return Object.entries(value).flatMap(([key, each]): [string, Json][] => {
    const full = [...path, key];
    const inside = each !== null && typeof each === 'object' && !Array.isArray(each) && Object.keys(each).length > 0;
    // What is kept for another engine as a whole is one thing.
    return inside && known(full) !== 'no-effect' ? leavesOf(each, full) : [[full.join('.'), each]];
  });
}

/** Keys fare differently in each place that they stand in, so what is meant by an alias or merged in is written there. */
function writtenOut(doc: Document): Document {
  const meant = (node: unknown): unknown => (isAlias(node) ? meant(node.resolve(doc)) : node);
  const merged = (map: YAMLMap): YAMLMap['items'] => map.items.flatMap((pair) => {
    if (!isScalar(pair.key) || pair.key.value !== '<<') return [pair];
    const from = meant(pair.value);
    const sources = (isSeq(from) ? from.items.map(meant) : [from]).filter(isMap);
    return sources.flatMap((source) => merged(source.clone() as YAMLMap)).filter(({ key }, i, all) => !map.has(key) && all.findIndex((one) => String(one.key) === String(key)) === i);
  });
  visit(doc, {
    Alias: (_, alias) => (meant(alias) as Node).clone() as Node,
    Map: (_, map) => void (map.items = merged(map)),
  });
  visit(doc, { Node: (_, node) => { if (!isAlias(node)) delete node.anchor; } });
  return doc;
}

/** Comments stay where they are. */
function change(doc: Document, root: string, path: string, { verdict, to, value }: Fate): void {
  const keys = [root, ...path.split('.')];
  if (verdict === 'no-effect' || verdict === 'unknown') return void doc.deleteIn(keys);
  const name = renamed(path);
  if (name !== undefined) rename(doc, keys.slice(0, -1), keys.at(-1)!, name.split('.').at(-1)!);
  const now = name === undefined ? keys : [root, ...name.split('.')];
  if (value !== undefined) doc.setIn(now, value);
  else if (verdict === 'by-hand' && to === undefined) doc.deleteIn(now);
}

function rename(doc: Document, above: string[], from: string, to: string): void {
  const map = (above.length === 0 ? doc.contents : doc.getIn(above)) as { items?: { key: { value: unknown } }[] } | null;
  const pair = map?.items?.find(({ key }) => key.value === from);
  if (pair !== undefined) pair.key.value = to;
}

/** Mappings that nothing is left in. */
function prune(doc: Document, path: string[]): void {
  const map = doc.getIn(path) as { items?: { key: { value: unknown } }[] } | undefined;
  // What is pruned leaves the list.
  for (const key of map?.items?.map((pair) => String(pair.key.value)) ?? []) prune(doc, [...path, key]);
  if (path.length > 1 && map?.items?.length === 0) doc.deleteIn(path);
}

