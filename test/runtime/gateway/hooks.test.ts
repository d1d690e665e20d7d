import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { RolloutClock } from '../../../runtime/gateway/clock.ts';
import { Gate } from './gate.ts';
import { ADD_TOOL, assistant, bytesOf, IM_END, messagesOf, place, promptOf, system, tool, user, world } from './world.ts';

const ask = { messages: [system('s'), user('q')] };

/** A gate whose next held call can be awaited. */
function held(): { gate: Gate; next: () => Promise<void> } {
  let arrived = Promise.withResolvers<void>();
  const gate = new Gate(() => arrived.resolve());
  gate.hold();
  return {
    gate,
    next: async () => {
      await arrived.promise;
      arrived = Promise.withResolvers();
    },
  };
}

test('a held call waits at the door with its exact prompt, kept alive, while the clock stands', async () => {
  const { gate, next } = held();
  const clock = new RolloutClock();
  await using w = await world('hello', { gateway: { heartbeat: 10 }, session: { hooks: gate, clock } });
  const call = w.post({ ...ask, stream: true });
  await next();
  const started = clock.now();
  await sleep(1_000);
  assert.equal(clock.now(), started);
  assert.equal(w.policy.requests.length, 0);
  const [pending] = gate.waiting;
  assert.deepEqual([pending!.rollout, pending!.role, pending!.index, pending!.messages], ['s0t0n0', 'main', 0, ask.messages]);
  assert.equal(pending!.prompt!.text, '<|im_start|>system\ns<|im_end|>\n<|im_start|>user\nq<|im_end|>\n<|im_start|>assistant\n');
  gate.release();
  assert.match((await call).text, /^(: ping\n\n)+data: .*hello/s);
  assert.deepEqual(w.policy.requests[0]!.prompt, pending!.prompt!.ids);
  assert.ok(w.journal[0]!.duration < 1_000 && clock.held === false, 'the time on hold is not counted');
  assert.equal(w.journal[0]!.why, undefined);
});

test('a step: let one call go and stop at the next; others of the rollout wait too', async () => {
  const { gate, next } = held();
  await using w = await world('x', { session: { hooks: gate } });
  const first = w.post(ask);
  await next();
  gate.release();
  gate.hold();
  assert.equal((await first).status, 200);
  const second = w.post(ask);
  await next();
  assert.equal(w.policy.requests.length, 1);
  gate.release();
  assert.equal((await second).status, 200);
});

test('an edit for one call: it is sampled from the edited prompt, and later prompts are as the framework sends them', async () => {
  const { gate, next } = held();
  await using w = await world((_, text) => (text.includes('edited') ? 'after edit' : 'plain'), { session: { hooks: gate } });
  const first = w.post(ask);
  await next();
  gate.release({ do: 'edit', messages: [system('s'), user('edited')], sampling: { temperature: 0 } });
  const { message } = (await first).json.choices[0];
  assert.equal(message.content, 'after edit');
  await w.post({ messages: [...ask.messages, message, user('next')] });
  const [edited, later] = w.journal;
  assert.deepEqual([edited!.why, edited!.sampling.temperature, edited!.edited!.kept], ['intervened', 0, false]);
  assert.deepEqual(messagesOf(w.journal, 0), [system('s'), user('edited')]);
  assert.deepEqual(messagesOf(w.journal, 1), [...ask.messages, assistant('after edit'), user('next')]);
  assert.deepEqual([later!.continuation, later!.why, later!.sampling.temperature], ['rewritten', undefined, 1]);
  assert.ok(promptOf(w.journal, 1).join().includes(edited!.tokens!.sampled.join()));
});

test('a kept edit: later prompts go on from the edited one', async () => {
  const { gate, next } = held();
  await using w = await world('x', { session: { hooks: gate } });
  const first = w.post(ask);
  await next();
  gate.release({ do: 'edit', messages: [system('s'), user('edited')], keep: true });
  const { message } = (await first).json.choices[0];
  await w.post({ messages: [...ask.messages, message, user('next')] });
  assert.deepEqual(messagesOf(w.journal, 1), [system('s'), user('edited'), assistant('x'), user('next')]);
  assert.deepEqual([w.journal[1]!.continuation, w.journal[1]!.tokens!.from], ['continued', 0]);
});

test('kept sampling: later calls of the role are sampled so, and are not trained; other roles are not touched', async () => {
  const { gate, next } = held();
  await using w = await world('x', { session: { hooks: gate } });
  const first = w.post(ask);
  await next();
  gate.release({ do: 'edit', sampling: { temperature: 0.5 }, keep: true });
  const { message } = (await first).json.choices[0];
  await w.post({ messages: [...ask.messages, message, user('next')] });
  await w.post(ask, { role: 'critic' });
  assert.deepEqual(w.journal.map(({ sampling, why }) => [sampling.temperature, why]), [[0.5, 'intervened'], [0.5, 'intervened'], [1, undefined]]);
  assert.equal(w.journal[1]!.continuation, 'continued');
});

test('a forced answer is context from then on, and never trained', async () => {
  const { gate, next } = held();
  await using w = await world('x', { session: { hooks: gate } });
  const first = w.post({ ...ask, tools: [ADD_TOOL] });
  await next();
  gate.release({ do: 'answer', reply: assistant('I add.', { tool_calls: [{ id: 'theirs', type: 'function', function: { name: 'add', arguments: '{"a":1,"b":2}' } }] }) });
  const { message, finish_reason: finish } = (await first).json.choices[0];
  assert.equal(finish, 'tool_calls');
  assert.notEqual(message.tool_calls[0].id, 'theirs');
  await w.post({ messages: [...ask.messages, { ...message, content: null }, tool('3', message.tool_calls[0].id)], tools: [ADD_TOOL] });
  const [forced, later] = w.journal;
  assert.deepEqual([forced!.why, forced!.version, forced!.tokens!.logprobs, later!.why], ['intervened', null, undefined, undefined]);
  assert.equal(w.policy.tokenizer.decode(forced!.tokens!.sampled), 'I add.\n<tool_call>\n{"name": "add", "arguments": {"a": 1, "b": 2}}\n</tool_call><|im_end|>');
  assert.deepEqual([later!.continuation, later!.tokens!.from], ['continued', 0]);
  assert.deepEqual(promptOf(w.journal, 1), w.policy.requests[0]!.prompt);
  assert.equal(w.policy.requests.length, 1);
});

test('a rollout that ends while it is held lets go of its calls', async () => {
  const { gate, next } = held();
  await using w = await world('x', { session: { hooks: gate } });
  const call = w.post(ask);
  await next();
  assert.deepEqual(w.gateway.close(place(), 1), []);
  assert.equal((await call).status, 410);
  assert.equal(w.session.clock.held, false);
});

test('after a call it can be held with its record, before the agent has the answer', async () => {
  const seen: unknown[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  await using w = await world(() => [...bytesOf('x'), IM_END], { session: { hooks: { afterCall: (call, record) => {
    seen.push([call.role, record.reply.content]);
    return promise;
  } } } });
  let answered = false;
  const call = w.post(ask).finally(() => void (answered = true));
  while (seen.length === 0) await sleep(1);
  await sleep(20);
  assert.deepEqual([seen, answered, w.session.clock.held], [[['main', 'x']], false, true]);
  resolve();
  await call;
});

test('a stream whose answer is held is kept alive, and told once the answer may go', async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  await using w = await world('hello', { gateway: { heartbeat: 10 }, session: { hooks: { afterCall: () => promise } } });
  const call = w.post({ ...ask, stream: true });
  while (w.journal.length === 0) await sleep(1);
  await sleep(80);
  resolve();
  assert.match((await call).text, /^(: ping\n\n){3,}data: .*hello.*data: \[DONE\]/s);
});

test('alarms of a clock wait as long as it stands', async () => {
  const clock = new RolloutClock();
  const rung: string[] = [];
  clock.after(30, () => rung.push('first'));
  const callOff = clock.after(10, () => rung.push('never'));
  callOff();
  const goOn = clock.hold();
  const goOnToo = clock.hold();
  clock.after(5, () => rung.push('set while held'));
  await sleep(60);
  goOn();
  goOn();
  assert.deepEqual([rung, clock.held], [[], true]);
  goOnToo();
  await sleep(60);
  assert.deepEqual(rung, ['set while held', 'first']);
  clock.after(2 ** 40, () => rung.push('at once'))();
  assert.equal(rung.length, 2);
});
