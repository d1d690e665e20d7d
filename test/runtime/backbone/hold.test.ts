import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Hold, type Asked } from '../../../runtime/backbone/hold.ts';
import { StopPoints } from '../../../runtime/backbone/stops.ts';
import { RolloutClock } from '../../../runtime/gateway/clock.ts';
import type { CallDecision, PendingCall } from '../../../runtime/protocol/backbone.ts';
import type { StopPoint } from '../../../runtime/protocol/stops.ts';
import { callOf } from '../training/records.ts';

interface Held {
  hold: Hold;
  clock: RolloutClock;
  points: StopPoints;
  /** What was told, in order. */
  told: string[];
  aimed: string[];
}

function held(stops: StopPoint[], asked: Asked = 'nothing'): Held {
  const clock = new RolloutClock();
  const points = new StopPoints(stops);
  const told: string[] = [];
  const aimed: string[] = [];
  const hold = new Hold({
    about: { rollout: 'r', attempt: 1, task: 't', sample: 0 }, clock, points, asked,
    onHeld: ({ on, call }) => void told.push(call === undefined ? on : `${on} ${call.role}`),
    onReleased: () => void told.push('released'),
    stepInto: async ({ file }) => void aimed.push(file),
  });
  return { hold, clock, points, told, aimed };
}

const call = (role = 'a'): PendingCall => ({ rollout: 'r', role, index: 0, messages: [], sampling: { temperature: 1, topP: 1, topK: 0, maxTokens: 1 } });
const record = callOf(0, { from: null, tail: [1], sampled: [2] });
const stack = [{ file: '/w.ts', line: 1, column: 1, key: 'W.execute' }];

test('calls that wait at once are shown and let go one after the other', async () => {
  const { hold, clock, told } = held([{ id: 1, on: 'call' }]);
  const done: string[] = [];
  for (const role of ['a', 'b']) void hold.beforeCall(call(role), stack)!.then(({ do: what }) => done.push(`${role} ${what}`));
  assert.deepEqual(hold.stops.map(({ call }) => call!.role), ['a', 'b']);
  hold.release({ do: 'edit', sampling: { temperature: 0 } });
  await Promise.resolve();
  assert.deepEqual(told, ['call a', 'released', 'call b']);
  assert.equal(clock.held, true, 'the other still stands');
  hold.release();
  await new Promise(setImmediate);
  assert.deepEqual(told, ['call a', 'released', 'call b', 'released']);
  assert.deepEqual(done, ['a edit', 'b go']);
  assert.equal(clock.held, false);
});

test('what only waits because the rollout was held by hand goes on with the first, unless it is a step', async () => {
  for (const step of [false, true]) {
    const { hold, told } = held([], 'anything');
    void hold.beforeCall(call('a'), stack);
    void hold.beforeCall(call('b'), stack);
    hold.release({ do: 'go' }, step);
    assert.deepEqual(told, step ? ['hold a', 'released', 'hold b'] : ['hold a', 'released']);
    assert.equal(hold.stops.length, step ? 1 : 0);
    assert.equal(hold.beforeCall(call(), stack) !== undefined, step);
  }
});

test('a call whose stop point is gone meanwhile goes on with the one before it', () => {
  const { hold, points } = held([{ id: 1, on: 'call' }]);
  void hold.beforeCall(call('a'), stack);
  void hold.beforeCall(call('b'), stack);
  points.set([]);
  hold.release();
  assert.deepEqual(hold.stops, []);
});

test('a step stops at everything but the end of the group, which is no event of its own', () => {
  const { hold } = held([], 'anything');
  for (const moment of [
    { at: 'call', role: 'a' }, { at: 'answer', record }, { at: 'tool', name: 'x' }, { at: 'tool-result', name: 'x', failed: false }, { at: 'judge' },
    { at: 'error', of: 'workflow', error: { code: 'rollout-threw', message: 'x' } }, { at: 'graded', reward: 1 },
  ] as const) {
    assert.ok(hold.at(moment, {}) !== undefined, moment.at);
    hold.release({ do: 'go' }, true);
  }
  assert.equal(hold.at({ at: 'group-end', rewards: [1, 1] }, {}), undefined);
});

test('on entry it is held at the first model call alone', () => {
  const { hold } = held([], 'call');
  assert.equal(hold.at({ at: 'tool', name: 'x' }, {}), undefined);
  assert.ok(hold.beforeCall(call(), stack) !== undefined);
  hold.release();
  assert.equal(hold.beforeCall(call(), stack), undefined);
});

test('once it is over nothing waits, and nothing is held any more', async () => {
  const { hold, clock, told } = held([{ id: 1, on: 'call' }]);
  const waiting = hold.beforeCall(call(), stack)!;
  hold.drop();
  assert.deepEqual(await waiting, { do: 'go' });
  assert.deepEqual([told, clock.held, hold.beforeCall(call(), stack)], [['call a', 'released'], false, undefined]);
});

test('only a call that is not answered yet can be edited or answered; a refused decision lets nothing go', () => {
  const { hold } = held([{ id: 1, on: 'answer' }]);
  void hold.afterCall(call(), record, stack);
  for (const decision of [{ do: 'edit' }, { do: 'answer', reply: { role: 'assistant', content: 'x' } }] satisfies CallDecision[]) {
    assert.throws(() => hold.release(decision), { code: 'usage', message: /^Rollout r is not stopped before a model call, so there is nothing to (edit|answer)\.$/ });
  }
  assert.equal(hold.stops.length, 1);
});

test('stepping into code waits for the answer, and for the debugger to know where', async () => {
  const { hold, aimed } = held([{ id: 1, on: 'call' }, { id: 2, on: 'tool' }, { id: 3, on: 'reward', below: 1 }]);
  const pending = call();
  const before = hold.beforeCall(pending, stack)!;
  hold.release({ do: 'answer', reply: { role: 'assistant', content: 'x' }, into: true });
  await before;
  assert.deepEqual(aimed, []);
  await hold.afterCall(pending, record, stack);
  assert.deepEqual(aimed, ['/w.ts']);
  assert.equal(hold.afterCall(call(), record, stack), undefined);

  const tool = hold.tool({ at: 'tool', name: 'x' }, { name: 'x', arguments: '{}' }, 7, stack);
  hold.release({ do: 'go', into: true });
  await tool;
  assert.equal(aimed.length, 1);
  await hold.tool({ at: 'tool-result', name: 'x', failed: false }, { name: 'x', arguments: '{}', result: '' }, 7, stack);
  assert.equal(aimed.length, 2);

  void hold.at({ at: 'graded', reward: 0 }, {});
  assert.throws(() => hold.release({ do: 'go', into: true }), { code: 'usage', message: /nothing to step into/ });
  hold.release();
  void hold.beforeCall(call(), []);
  assert.throws(() => hold.release({ do: 'go', into: true }), { code: 'usage', message: /nothing to step into/ });
});
