import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describe as sentence, StopPoints, type Moment } from '../../../runtime/backbone/stops.ts';
import type { StopPoint } from '../../../runtime/protocol/stops.ts';
import type { CallRecord } from '../../../runtime/protocol/trace.ts';
import { callOf } from '../training/records.ts';

const answered = (more: Partial<CallRecord> = {}): Moment => ({ at: 'answer', record: { ...callOf(0, { from: null, tail: [1], sampled: [2, 3, 4] }), role: 'solver', finish: 'stop', continuation: 'start', ...more } });
const tokens = (...probabilities: number[]): CallRecord['tokens'] => ({ from: null, tail: [1], sampled: probabilities.map((_, i) => i), logprobs: probabilities.map(Math.log) });

function met(point: Omit<StopPoint, 'id'> | object, moment: Moment): boolean {
  return new StopPoints([{ id: 1, ...point } as StopPoint]).meet(moment) !== undefined;
}

test('each kind of point fits its moments and no other', () => {
  const moments: Record<string, Moment> = {
    call: { at: 'call', role: 'solver' }, answer: answered(), tool: { at: 'tool', name: 'add' }, failed: { at: 'tool-result', name: 'add', failed: true }, ran: { at: 'tool-result', name: 'add', failed: false }, local: { at: 'tool', name: 'model:solver' },
    judge: { at: 'judge' }, threw: { at: 'error', of: 'workflow', error: { code: 'rollout-threw', message: 'Threw.' } }, unjudged: { at: 'error', of: 'judge', error: { code: 'judge', message: 'Failed.' } },
    graded: { at: 'graded', reward: 0.25 }, same: { at: 'group-end', rewards: [1, 1] }, spread: { at: 'group-end', rewards: [1, 0] }, one: { at: 'group-end', rewards: [1] },
    malformed: answered({ malformed: 'no brace' }), truncated: answered({ finish: 'length' }), unlikely: answered({ tokens: tokens(0.9, 0.04) }), rewritten: answered({ continuation: 'rewritten' }), template: answered({ continuation: 'template' }),
    other: answered({ role: 'critic' }),
  };
  const answers = ['answer', 'malformed', 'truncated', 'unlikely', 'rewritten', 'template'];
  const fits: [object, string[]][] = [
    [{ on: 'call' }, ['call', 'local']], [{ on: 'call', role: 'solver' }, ['call', 'local']], [{ on: 'call', role: 'critic' }, []],
    [{ on: 'answer' }, [...answers, 'other']], [{ on: 'answer', role: 'solver' }, answers],
    [{ on: 'tool' }, ['local', 'tool']], [{ on: 'tool', name: 'add' }, ['tool']], [{ on: 'tool', name: 'sub' }, []],
    [{ on: 'judge' }, ['judge']],
    [{ on: 'error', of: 'workflow' }, ['threw']], [{ on: 'error', of: 'tool' }, ['failed']], [{ on: 'error', of: 'judge' }, ['unjudged']],
    [{ on: 'malformed' }, ['malformed']], [{ on: 'truncated' }, ['truncated']], [{ on: 'drift' }, ['rewritten', 'template']],
    [{ on: 'token', below: 0.05 }, ['unlikely']], [{ on: 'token', below: 0.04 * 0.99 }, []],
    [{ on: 'reward', below: 0.3 }, ['graded']], [{ on: 'reward', below: 0.25 }, []],
    [{ on: 'no-spread' }, ['same']],
  ];
  for (const [point, names] of fits) {
    assert.deepEqual(Object.keys(moments).filter((name) => met(point, moments[name]!)).sort(), [...names].sort(), JSON.stringify(point));
  }
  for (const moment of Object.values(moments)) assert.match(sentence(moment, undefined), /^\S.*\.$/);
});

test('a token without a probability is not unlikely', () => {
  assert.equal(met({ on: 'token', below: 1 }, answered({ tokens: { from: null, tail: [], sampled: [1] } })), false);
  assert.equal(met({ on: 'token', below: 1 }, answered({ tokens: undefined })), false);
});

test('where several fit, all are named, and the one that says most gives the reason', () => {
  const points = new StopPoints([{ id: 1, on: 'answer' }, { id: 2, on: 'token', below: 0.5 }, { id: 3, on: 'truncated' }, { id: 4, on: 'judge' }]);
  const moment = answered({ finish: 'length', tokens: tokens(0.9, 0.25, 0.1) });
  const hit = points.meet(moment)!;
  assert.deepEqual([hit.on, hit.points, hit.token!.index], ['truncated', [1, 2, 3], 1]);
  assert.ok(Math.abs(hit.token!.probability - 0.25) < 1e-12);
  assert.equal(sentence(moment, hit), 'The answer of call 0 (role "solver") was cut off at its longest.');
});

test('a point with a count stops from its n-th hit on, and keeps counting when the others change', () => {
  const third: StopPoint = { id: 1, on: 'call', hit: 3 };
  const points = new StopPoints([third]);
  const stops = (): boolean => points.meet({ at: 'call', role: 'x' }) !== undefined;
  assert.deepEqual([stops(), stops()], [false, false]);
  points.set([{ id: 2, on: 'judge' }, third]);
  assert.deepEqual([stops(), stops()], [true, true]);
  points.set([{ ...third, role: 'x' }]);
  assert.equal(stops(), false, 'another condition is another point');
  assert.deepEqual([points.has(1), points.has(2)], [true, false]);
});
