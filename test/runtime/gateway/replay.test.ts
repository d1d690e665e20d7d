import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ErrorInfo } from '../../../runtime/protocol/errors.ts';
import type { CallRecord, RolloutRecord, ToolRecord } from '../../../runtime/protocol/trace.ts';
import type { ChatPolicy } from '../../../runtime/policy/policy.ts';
import { ReplaySource, type ReplayOptions } from '../../../runtime/gateway/replay.ts';
import type { RolloutSession, SessionOptions } from '../../../runtime/gateway/session.ts';
import { Gate } from './gate.ts';
import { ADD_TOOL, assertAsSeen, assistant, messagesOf, place, promptOf, system, tool, user, world, type Json, type World } from './world.ts';

/** A rollout as it is stored: through JSON. */
function stored(calls: readonly CallRecord[], tools: Partial<ToolRecord>[] = []): RolloutRecord {
  return JSON.parse(JSON.stringify({ v: 1, ...place(), attempt: 1, calls, tools }));
}

function replayed(w: World, record: RolloutRecord, options: ReplayOptions = {}, more: Partial<SessionOptions> = {}): RolloutSession {
  return w.open({ place: place({ rollout: `replay${w.gateway.session(place({ rollout: 'replay1' }), 1) ? 2 : 1}` }), replay: new ReplaySource(record, options), ...more });
}

/** An agent of three turns with a tool call in the first; what it says depends on what it hears. */
async function agent(w: World, session: RolloutSession, question = '1 + 2?', last = 'thanks'): Promise<string[]> {
  const history: Json[] = [system('You add.'), user(question)];
  const said: string[] = [];
  const turn = async (): Promise<Json> => {
    const answer = await w.post({ messages: history, tools: [ADD_TOOL], temperature: 0.1 }, { session });
    assert.equal(answer.status, 200, answer.text);
    const { message } = answer.json.choices[0];
    history.push({ ...message, content: message.tool_calls ? '' : message.content });
    said.push(message.content);
    return message;
  };
  const first = await turn();
  history.push(tool('3', first.tool_calls[0].id));
  await turn();
  history.push(user(last));
  await turn();
  return said;
}

let counter = 0;
const script = (_: unknown, text: string): string => {
  counter++;
  if (text.includes('tool_response')) return `take ${counter}`;
  return `Let me ${counter}. <tool_call>\n{"name": "add", "arguments": {"a": 1, "b": 2}}\n</tool_call>`;
};

test('a whole replay asks no model and keeps ids, logprobs and reasons', async () => {
  await using w = await world(script);
  const said = await agent(w, w.session);
  const record = stored(w.gateway.close(place(), 1));
  const asked = w.policy.requests.length;
  const session = replayed(w, record);
  assert.deepEqual(await agent(w, session), said);
  assert.equal(w.policy.requests.length, asked);
  const timeless = (calls: readonly CallRecord[]): unknown => calls.map((call) => JSON.parse(JSON.stringify({ ...call, start: 0 })));
  assert.deepEqual(timeless(session.calls), timeless(record.calls));
});

test('from the call on where the record ends it is sampled, and not trained', async () => {
  await using w = await world(script);
  const said = await agent(w, w.session);
  const record = stored(w.gateway.close(place(), 1));
  const session = replayed(w, record, { untilCall: 2 });
  const again = await agent(w, session);
  assert.deepEqual(again.slice(0, 2), said.slice(0, 2));
  assert.notEqual(again[2], said[2]);
  assert.deepEqual(session.calls.map((call) => call.why), [undefined, undefined, 'intervened']);
  assert.deepEqual([session.calls[2]!.continuation, session.calls[2]!.tokens!.from], ['continued', 1]);
  assert.deepEqual(promptOf(session.calls, 2), promptOf(record.calls, 2));
  // The same randomness as then: it is the policy that changed.
  assert.equal(session.calls[2]!.id, record.calls[2]!.id);
});

test('forks draw from randomness of their own', async () => {
  await using w = await world(script);
  await agent(w, w.session);
  const record = stored(w.gateway.close(place(), 1));
  const keys = new Set([w.policy.requests[2]!.key]);
  for (const fork of [1, 2]) {
    await agent(w, replayed(w, record, { untilCall: 2, fork }));
    keys.add(w.policy.requests.at(-1)!.key);
  }
  assert.equal(keys.size, 3);
});

test('a fork within an answer keeps its first tokens as they were, and asks for the rest behind them', async () => {
  await using w = await world(script);
  await agent(w, w.session);
  const record = stored(w.gateway.close(place(), 1));
  const { sampled, logprobs } = record.calls[1]!.tokens!;
  for (const untilToken of [1, 2, 99]) {
    const kept = Math.min(untilToken, sampled.length - 1);
    const before = w.policy.requests.length;
    const session = replayed(w, record, { untilCall: 1, untilToken, fork: untilToken });
    await agent(w, session);
    const [, forked, after] = session.calls;
    assert.deepEqual([...w.policy.requests[before]!.prompt], [...promptOf(record.calls, 1), ...sampled.slice(0, kept)]);
    assert.deepEqual(forked!.tokens!.sampled.slice(0, kept), sampled.slice(0, kept));
    assert.deepEqual(forked!.tokens!.logprobs!.slice(0, kept), logprobs!.slice(0, kept));
    assert.equal(forked!.tokens!.sampled.length, forked!.tokens!.logprobs!.length);
    assert.deepEqual(promptOf(session.calls, 1), promptOf(record.calls, 1));
    assert.equal(forked!.why, 'intervened');
    assert.equal(after!.tokens!.from, 1);
    assert.deepEqual([...w.policy.requests[before + 1]!.prompt], promptOf(session.calls, 2));
  }
});

test('another prompt before the record ends is a divergence that names call, token and text', async () => {
  await using w = await world(script);
  await agent(w, w.session);
  const record = stored(w.gateway.close(place(), 1));
  const failures: ErrorInfo[] = [];
  const session = replayed(w, record, {}, { onFailure: (_, error) => void failures.push(error) });
  await assert.rejects(agent(w, session, '1 + 2?', 'thank you'));
  const told = await w.post({ messages: [user('anything')] }, { session });
  assert.deepEqual([told.status, told.json.error.code, told.headers.get('x-should-retry')], [409, 'diverged', 'false']);
  const { message, next } = failures[0]!;
  assert.match(message, /^The rollout diverged from its record at call 2 \(role "main"\): token \d+ of its prompt is different\. Recorded: ".*thanks<\|.*" \(\d+ tokens\); now: ".*thank you.*" \(\d+ tokens\)\.$/);
  assert.match(next!, /--until-call 2/);
  const at = Number(/token (\d+)/.exec(message)![1]);
  const recorded = promptOf(record.calls, 2);
  assert.equal(w.policy.tokenizer.decode(recorded.slice(0, at - 1)).endsWith('thank'), true);
});

test('a role that was not there is a divergence too', async () => {
  await using w = await world(script);
  await agent(w, w.session);
  const session = replayed(w, stored(w.gateway.close(place(), 1)));
  const answer = await w.post({ messages: [user('q')] }, { session, role: 'critic' });
  assert.match(answer.json.error.message, /at call 0 \(role "main"\): now role "critic" makes a call that is not in the record/);
});

test('parallel calls are served in any order, also beyond the call where the record ends', async () => {
  let count = 0;
  await using w = await world(() => `answer ${count++}`);
  const ask = (name: string, session: RolloutSession): Promise<Json> => w.post({ messages: [user(name)] }, { session }).then((answer) => answer.json.choices?.[0].message.content ?? answer.json.error.message);
  for (const name of ['a', 'b', 'a', 'c']) await ask(name, w.session);
  const record = stored(w.gateway.close(place(), 1));
  const session = replayed(w, record);
  const said: string[] = [];
  for (const name of ['c', 'a', 'b', 'a']) said.push(await ask(name, session));
  assert.deepEqual(said, ['answer 3', 'answer 0', 'answer 1', 'answer 2']);
  // Call 3 comes before call 2 here: it is known, and sampled.
  const partly = replayed(w, record, { untilCall: 3 });
  assert.deepEqual([await ask('a', partly), await ask('c', partly), await ask('b', partly), await ask('a', partly)], ['answer 0', 'answer 4', 'answer 1', 'answer 2']);
});

test('edits and forced answers of the record are replayed with it', async () => {
  const gate = new Gate();
  await using w = await world((_, text) => (text.includes('edited') ? 'after edit' : 'plain'), { session: { hooks: gate } });
  const run = async (session: RolloutSession): Promise<string[]> => {
    const history: Json[] = [user('q')];
    for (const text of ['two', 'three', 'end']) {
      const answer = await w.post({ messages: history }, { session });
      assert.equal(answer.status, 200, answer.text);
      history.push(answer.json.choices[0].message, user(text));
    }
    return history.filter((message) => message.role === 'assistant').map((message) => message.content);
  };
  for (const keep of [false, true]) {
    gate.hold();
    const session = w.open({ place: place({ rollout: `kept-${keep}` }) });
    const first = run(session);
    while (gate.waiting.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    gate.release({ do: 'edit', messages: [user('edited')], keep });
    gate.hold();
    while (gate.waiting.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    gate.release({ do: 'answer', reply: assistant('forced') });
    const said = await first;
    assert.deepEqual(said, ['after edit', 'forced', keep ? 'after edit' : 'plain']);
    const record = stored(session.calls);
    const asked = w.policy.requests.length;
    const again = replayed(w, record);
    assert.deepEqual(await run(again), said);
    assert.equal(w.policy.requests.length, asked);
    assert.deepEqual(again.calls.map((call, index) => [call.why, promptOf(again.calls, index), messagesOf(again.calls, index)]),
      record.calls.map((call, index) => [call.why, promptOf(record.calls, index), messagesOf(record.calls, index)]));
  }
});

test("a provider's calls are matched by their messages", async () => {
  let count = 0;
  const gpt: ChatPolicy = { kind: 'chat', label: 'gpt', close: async () => {}, complete: async () => ({ content: `said ${count++}`, toolCalls: [], finish: 'stop', usage: { prompt: 1, completion: 1 } }) };
  await using w = await world('x', { session: { route: () => ({ policy: gpt, target: false, label: 'gpt' }) } });
  const run = async (session: RolloutSession, text: string): Promise<Json> => {
    const first = await w.post({ messages: [user('q')] }, { session });
    return (await w.post({ messages: [user('q'), first.json.choices[0].message, user(text)] }, { session })).json;
  };
  await run(w.session, 'more');
  const record = stored(w.gateway.close(place(), 1));
  assert.equal((await run(replayed(w, record), 'more')).choices[0].message.content, 'said 1');
  const diverged = await run(replayed(w, record), 'other');
  assert.match(diverged.error.message, /at call 1 .*: message 3 is different\. Recorded: "user: more"; now: "user: other"/);
  assert.equal(count, 2);
});

test('tool results come from the record as often as they were made, up to the call that is sampled', () => {
  const record = stored([{}, {}, {}].map((_, index) => ({ index, role: 'main', history: { from: null, add: [user(String(index))] } }) as unknown as CallRecord), [
    { name: 'add', arguments: '{"a":1,"b":2}', result: 'three', afterCalls: 1 },
    { name: 'add', arguments: '{"b": 2, "a": 1}', result: 'three again', afterCalls: 2 },
    { name: 'add', arguments: 'not json', result: 'unreadable', error: true, afterCalls: 2 },
    { name: 'add', arguments: '{"a":1,"b":2}', result: 'late', afterCalls: 3 },
  ]);
  const source = new ReplaySource(record, { untilCall: 2 });
  assert.deepEqual(source.tool('add', '{ "b": 2, "a": 1 }'), { result: 'three' });
  assert.deepEqual(source.tool('add', '{"a":1,"b":2}'), { result: 'three again' });
  assert.equal(source.tool('add', '{"a":1,"b":2}'), undefined);
  assert.deepEqual(source.tool('add', ' not json'), { result: 'unreadable', error: true });
  assert.equal(source.tool('sub', '{"a":1,"b":2}'), undefined);
  const whole = new ReplaySource(record);
  assert.deepEqual([1, 2, 3].map(() => whole.tool('add', '{"a":1,"b":2}')?.result), ['three', 'three again', 'late']);
});

test('a replayed prompt is what was recorded, whatever the order of calls', async () => {
  await using w = await world(script);
  await agent(w, w.session);
  await agent(w, w.session, '3 + 4?');
  assertAsSeen(w);
  const record = stored(w.gateway.close(place(), 1));
  const session = replayed(w, record);
  await agent(w, session, '3 + 4?');
  await agent(w, session);
  const prompts = (calls: readonly CallRecord[]): string[] => calls.map((_, index) => promptOf(calls, index).join()).sort();
  assert.deepEqual(prompts(session.calls), prompts(record.calls));
});
