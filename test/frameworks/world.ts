/** The gateway with a scripted policy that adds, for agents of every framework. */
import assert from 'node:assert/strict';
import { ModelTuner } from '../../runtime/sdk/index.ts';
import { track, verify, type TrackedCall } from '../../runtime/tracker/index.ts';
import { assertAsSeen, formatOf, promptOf, ToldPolicy, world, type Script, type World } from '../runtime/gateway/world.ts';

/** Descriptions of tools and schemas are long, and its tokens are bytes. */
class RoomyPolicy extends ToldPolicy {
  override readonly contextLength = 65_536;
}

export async function scriptedWorld(script: Script = adding()): Promise<World> {
  const policy = new RoomyPolicy(await formatOf(), script);
  const opened = await world(script, { session: { route: () => ({ policy, target: true, label: policy.label }), sampling: { temperature: 1, topP: 1, topK: -1, maxTokens: 1024 } } });
  return { ...opened, policy };
}

export function tunerOf({ session }: World, file = import.meta.filename): ModelTuner {
  return new ModelTuner({
    baseURL: (role) => `${session.url}/role/${encodeURIComponent(role)}/v1`,
    apiKey: session.apiKey, isTarget: () => true, register: () => {}, signal: new AbortController().signal, config: {}, file,
  });
}

/** As models write, and as no framework gives it back: blanks, key order, thinking. */
export function toolCall(name: string, args: string): string {
  return `<tool_call>\n{"name": "${name}", "arguments": ${args}}\n</tool_call>`;
}

/** Scripted: adds each `a + b` of a question with the tool, all at once, then tells the sums. */
export function adding(thinking = 'think!'): Script {
  return (_, text) => {
    const blocks = text.split('<|im_start|>').slice(0, -1);
    const results = blocks.slice(blocks.findLastIndex((block) => !block.includes('<tool_response>')) + 1).map((block) => /<tool_response>\n(.*?)\n<\/tool_response>/s.exec(block)![1]!);
    if (results.length > 0) return ` The sum\tis ${results.join(' and ')}. `;
    const sums = [...blocks.at(-1)!.matchAll(/(\d+) \+ (\d+)/g)];
    return `${thinking === '' ? '' : `<think>${thinking}</think>`} Let me add. \n${sums.map(([, a, b]) => toolCall('add', `{"b": ${b},  "a": ${a}}`)).join('\n')}`;
  };
}

/**
 * What must hold of every conversation: the policy saw what the record says; where a call goes on from an earlier one its prompt begins with
 * that one's exact ids; each sampled token is one target or has one reason. `goesOn`: which call each goes on from, null for a new conversation.
 */
export function assertKept(w: World, goesOn: (number | null)[]): void {
  assertAsSeen(w);
  const { journal } = w;
  assert.deepEqual(journal.map(({ tokens }) => tokens!.from), goesOn);
  for (const [index, call] of journal.entries()) {
    assert.equal(call.continuation, goesOn[index] === null ? 'start' : 'continued', `call ${index}`);
    if (goesOn[index] === null) continue;
    const before = [...promptOf(journal, goesOn[index]!), ...journal[goesOn[index]!]!.tokens!.sampled];
    assert.deepEqual(promptOf(journal, index).slice(0, before.length), before, `call ${index}`);
  }
  assertBookedOnce(w);
}

export function assertBookedOnce({ journal }: World): void {
  const calls = journal.map(({ index, tokens, why }): TrackedCall => ({
    rollout: 'r', call: index, ...(tokens!.from !== null && { from: tokens!.from }), prompt: tokens!.tail, sampled: tokens!.sampled, logprobs: tokens!.logprobs, ...(why && { why }),
  }));
  const tree = track(calls);
  assert.deepEqual(verify(tree, calls), []);
  const sampled = journal.flatMap(({ tokens }) => tokens!.sampled).length;
  assert.equal(tree.sampled.node.length, sampled);
  assert.equal(tree.targets.tokens.length, sampled, 'all were delivered, and all are trained');
}
