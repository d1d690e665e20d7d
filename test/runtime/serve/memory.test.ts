import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ChatMessage } from '../../../runtime/protocol/chat.ts';
import { ConversationMemory } from '../../../runtime/serve/memory.ts';
import { assistant, user } from '../gateway/world.ts';

function say(memory: ConversationMemory, messages: readonly ChatMessage[], reply: ChatMessage): ChatMessage[] {
  const { asked, from, add } = memory.read(messages);
  memory.record({ asked, from, add, reply, tools: undefined, tokens: undefined });
  return [...messages, reply];
}

/** How many of the answers in a history are known as given here. */
function known(memory: ConversationMemory, messages: readonly ChatMessage[]): number {
  return memory.read([...messages, user('and now?')]).turns.length;
}

test('a conversation is known again by its content, other ones beside it', () => {
  const memory = new ConversationMemory(1e6);
  let first: ChatMessage[] = [user('a')];
  let second: ChatMessage[] = [user('b')];
  for (let turn = 0; turn < 5; turn++) {
    first = [...say(memory, first, assistant(`first ${turn}`)), user('more')];
    second = [...say(memory, second, assistant(`second ${turn}`)), user('more')];
  }
  assert.equal(known(memory, structuredClone(first)), 5);
  assert.equal(known(memory, structuredClone(second)), 5);
  assert.equal(known(memory, [user('a'), assistant('never said')]), 0);
});

test('memory is bounded: what was not used for longest is forgotten, and a conversation loses its end first', () => {
  const memory = new ConversationMemory(20_000);
  const old = say(memory, [user('old')], assistant('old answer'));
  let kept: ChatMessage[] = [user('kept')];
  for (let turn = 0; turn < 5; turn++) kept = [...say(memory, kept, assistant(`kept ${turn}`)), user('more')];
  for (let index = 0; index < 500; index++) {
    say(memory, [user(`other ${index}`)], assistant(`answer ${index}`));
    assert.ok(memory.bytes <= 20_000);
    if (index % 5 === 0) assert.equal(known(memory, kept), 5);
  }
  assert.equal(known(memory, old), 0);
  // Nothing uses it any more: its turns go from the last to the first.
  const left: number[] = [];
  for (let index = 0; left.at(-1) !== 0; index++) {
    say(memory, [user(`later ${index}`)], assistant(`later answer ${index}`));
    left.push(stillKept(memory));
  }
  assert.deepEqual([...new Set(left)], [5, 4, 3, 2, 1, 0]);
});

/** Looks without using. */
function stillKept(memory: ConversationMemory): number {
  const messages = Array.from({ length: 5 }, (_, turn) => [assistant(`kept ${turn}`), user('more')]).flat();
  return memory.conversations.read([user('kept'), ...messages], '').turns.length;
}

test('what was forgotten while an answer to it was sampled is remembered with that answer', () => {
  const memory = new ConversationMemory(3_000);
  const history = say(memory, [user('first')], assistant('one'));
  const { asked, from, add } = memory.read([...history, user('second')]);
  for (let index = 0; index < 10; index++) say(memory, [user(`other ${index}`)], assistant(`answer ${index}`));
  assert.equal(known(memory, history), 0);
  memory.record({ asked, from, add, reply: assistant('two'), tools: undefined, tokens: undefined });
  assert.equal(known(memory, [...history, user('second'), assistant('two')]), 2);
});

test('an answer too long to be remembered is none', () => {
  const memory = new ConversationMemory(2_000);
  say(memory, [user('q')], assistant('x'.repeat(10_000)));
  assert.equal(memory.bytes, 0);
});
