import { canonicalOrder, nameOf, reasonOf, valueAt } from './call.ts';
import type { TrackedCall } from './call.ts';
import type { Nodes } from './radix.ts';
import type { TokenTree } from './tree.ts';

/**
 * Checks a tree against the calls it claims to hold, by the plainest means: every call's tokens written out and walked. Returns what is
 * wrong, one sentence each; empty when nothing is. For a tree from `weigh`, give the calls with that credit.
 */
export function verify(tree: TokenTree, calls: Iterable<TrackedCall>): string[] {
  const ordered = [...calls].sort(canonicalOrder);
  const problems = [...shapeOf(tree, ordered)];
  if (problems.length > 0) return problems;
  problems.push(...forestOf(tree.nodes));
  if (problems.length > 0) return problems;
  return [...placesOf(tree, ordered), ...targetsOf(tree, ordered)];
}

function* shapeOf({ nodes, calls, sampled, targets }: TokenTree, ordered: readonly TrackedCall[]): Generator<string> {
  const total = ordered.reduce((sum, call) => sum + call.sampled.length, 0);
  const { begin, tokens, ...columns } = targets;
  yield* lengths('nodes', nodes, nodes.id.length);
  yield* lengths('sampled tokens', sampled, total);
  yield* lengths('targets', columns, targets.node.length);
  if (begin.length !== targets.node.length + 1 || begin.at(-1) !== tokens.length) yield `targets: begin and tokens don't fit ${targets.node.length} targets`;
  if (calls.length !== ordered.length) yield `there are ${ordered.length} calls, the tree has ${calls.length}`;
}

function* lengths(table: string, columns: { [name: string]: ArrayLike<number> } | object, length: number): Generator<string> {
  for (const [name, column] of Object.entries(columns) as [string, ArrayLike<number>][]) {
    if (column.length !== length) yield `${table}: ${name} has ${column.length} rows, not ${length}`;
  }
}

/** A depth-first forest in which no two siblings share a token: then `j <= i && i < end[j]` is exactly "j is on the path to i". */
function* forestOf({ id, position, parent, end }: Nodes): Generator<string> {
  const path: number[] = [];
  const siblings = new Map<number, Set<number>>();
  for (let i = 0; i < id.length; i++) {
    while (path.length > 0 && end[path.at(-1)!]! <= i) path.pop();
    const above = path.at(-1) ?? -1;
    if (parent[i] !== above) yield `node ${i} has parent ${parent[i]}, but lies under ${above}`;
    if (position[i] !== path.length) yield `node ${i} has position ${position[i]}, but ${path.length} nodes above it`;
    if (!(end[i]! > i && end[i]! <= (above === -1 ? id.length : end[above]!))) yield `node ${i} ends at ${end[i]}, outside of what it lies in`;
    const ids = siblings.get(above) ?? new Set();
    if (ids.has(id[i]!)) yield `node ${i} repeats token ${id[i]} of a sibling`;
    siblings.set(above, ids.add(id[i]!));
    path.push(i);
  }
}

/** Each call's tokens are exactly its path, each node is some call's, and children stand in the order of the first call through them. */
function* placesOf({ nodes, calls, sampled }: TokenTree, ordered: readonly TrackedCall[]): Generator<string> {
  const texts = new Map<string, number[]>();
  const firstCall = new Int32Array(nodes.id.length).fill(-1);
  let token = 0;
  for (const [index, call] of ordered.entries()) {
    const placed = calls[index]!;
    const name = nameOf(call);
    if (nameOf(placed) !== name) yield `${name} stands in the tree as ${nameOf(placed)}`;
    const before = call.from === undefined ? [] : texts.get(nameOf({ ...call, call: call.from }));
    if (before === undefined) yield `${name} continues a call that is not there`;
    const text = [...before ?? [], ...Array.from(call.prompt), ...Array.from(call.sampled)];
    texts.set(name, text);

    const path = pathTo(nodes, placed.last);
    if (path.length !== text.length || path.some((node, i) => nodes.id[node] !== text[i])) yield `${name} is not the path to its last node`;
    for (const node of path) if (firstCall[node] === -1) firstCall[node] = index;

    if (placed.begin !== token || placed.end !== token + call.sampled.length) yield `${name} has rows ${placed.begin} to ${placed.end} of the sampled tokens, not ${token} to ${token + call.sampled.length}`;
    for (let i = 0; i < call.sampled.length; i++, token++) {
      if (sampled.call[token] !== index) yield `sampled[${i}] of ${name} is booked to another call`;
      if (sampled.node[token] !== path[text.length - call.sampled.length + i]) yield `sampled[${i}] of ${name} points at node ${sampled.node[token]}, which is not where it lies`;
    }
  }
  const lastChild = new Map<number, number>();
  for (let node = 0; node < firstCall.length; node++) {
    if (firstCall[node] === -1) yield `node ${node} is in no call`;
    const elder = lastChild.get(nodes.parent[node]!);
    if (elder !== undefined && firstCall[elder]! > firstCall[node]!) yield `node ${node} should stand before its sibling ${elder}`;
    lastChild.set(nodes.parent[node]!, node);
  }
}

function pathTo({ parent, position }: Nodes, last: number): number[] {
  if (!(last >= 0 && last < parent.length)) return [];
  const path: number[] = [];
  for (let node = last; node !== -1 && path.length <= position[last]!; node = parent[node]!) path.push(node);
  return path.reverse();
}

/** Each sampled token has one target or one reason; each target is what was sampled there and the sum of its tokens, and none is empty. */
function* targetsOf({ calls, sampled, targets }: TokenTree, ordered: readonly TrackedCall[]): Generator<string> {
  const count = targets.node.length;
  const sums = { weight: new Float64Array(count), up: new Float64Array(count), down: new Float64Array(count), tokens: new Int32Array(count) };
  let token = 0;
  for (const [index, call] of ordered.entries()) {
    const name = nameOf(call);
    const why = reasonOf(call);
    if (calls[index]!.why !== why) yield `${name} is ${calls[index]!.why ?? 'trained'}, not ${why ?? 'trained'}`;
    for (let i = 0; i < call.sampled.length; i++, token++) {
      const target = sampled.target[token]!;
      if (why !== undefined) {
        if (target !== -1) yield `sampled[${i}] of ${name} is a target although it is ${why}`;
        continue;
      }
      if (!(target >= 0 && target < count)) {
        yield `sampled[${i}] of ${name} has neither target nor reason`;
        continue;
      }
      const logprob = Math.fround(call.logprobs![i]!);
      if (targets.node[target] !== sampled.node[token]) yield `target ${target} of sampled[${i}] of ${name} is at another node`;
      if (targets.sampledLogprob[target] !== logprob || sampled.logprob[token] !== logprob) yield `target ${target} of sampled[${i}] of ${name} has another logprob`;
      const weight = valueAt(call.weight ?? 1, i);
      const advantage = valueAt(call.advantage ?? 0, i);
      sums.weight[target]! += weight;
      sums.up[target]! += weight * Math.max(advantage, 0);
      sums.down[target]! += weight * Math.min(advantage, 0);
      sums.tokens[target]!++;
    }
  }
  for (let target = 0; target < count; target++) {
    if (sums.tokens[target] === 0) yield `target ${target} is no sampled token`;
    for (const name of ['weight', 'up', 'down'] as const) {
      if (!close(targets[name][target]!, sums[name][target]!)) yield `${name} of target ${target} is ${targets[name][target]}, its tokens sum to ${sums[name][target]}`;
    }
    const { begin, tokens } = targets;
    const own = tokens.subarray(begin[target], begin[target + 1]);
    if (own.length !== sums.tokens[target] || own.some((row) => sampled.target[row] !== target)) yield `target ${target} names other tokens than those that point at it`;
    if (target === 0) continue;
    const before = targets.node[target - 1]!;
    const falls = before === targets.node[target] && targets.sampledLogprob[target - 1]! > targets.sampledLogprob[target]!;
    if (!(before < targets.node[target]! || falls)) yield `target ${target} repeats or precedes target ${target - 1}`;
  }
}

function close(a: number, b: number): boolean {
  return Math.abs(a - b) <= 1e-12 * Math.max(1, Math.abs(a), Math.abs(b));
}
