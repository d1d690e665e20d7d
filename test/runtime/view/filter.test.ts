import assert from 'node:assert/strict';
import { test } from 'node:test';
import { complete, parseFilter } from '../../../runtime/view/filter.ts';
import type { RolloutTable } from '../../../runtime/view/rollout-table.ts';
import { dice } from '../trace/samples.ts';
import { columns, tableOf } from './some-rows.ts';

function rowsOf(table: RolloutTable, expression: string): number[] {
  const filter = parseFilter(expression, table);
  assert.ok('test' in filter, `${expression}: ${'mistake' in filter ? JSON.stringify(filter.mistake) : ''}`);
  return Array.from({ length: table.count }, (_, row) => row).filter(filter.test);
}

test('a filter keeps the rows that it says', () => {
  const table = tableOf();
  const { numbers, codes, flags } = table;
  const expected: [string, (row: number) => boolean][] = [
    ['', () => true],
    ['reward < 0.5 and step > 2 and truncated', (row) => numbers.reward[row]! < 0.5 && numbers.step[row]! > 2 && (flags[row]! & 1) !== 0],
    ['reward<=.5', (row) => numbers.reward[row]! <= 0.5],
    ['reward = 0.25 or reward = none', (row) => numbers.reward[row] === 0.25 || Number.isNaN(numbers.reward[row]!)],
    ['not (reward >= 0.5) and reward != none', (row) => !(numbers.reward[row]! >= 0.5) && !Number.isNaN(numbers.reward[row]!)],
    ['0.2 < reward <= 0.75', (row) => numbers.reward[row]! > 0.2 && numbers.reward[row]! <= 0.75],
    ['advantage >= -1', (row) => numbers.advantage[row]! >= -1],
    ['task ~ "train"', (row) => row % 3 < 2],
    ['task = "other thing"', (row) => row % 3 === 2],
    ['task != train-2', (row) => row % 3 !== 0],
    ['id = S0T3N0', (row) => row === 3],
    ['role == "solver"', (row) => row % 3 < 2],
    ['role ~ crit and role = solver', (row) => row % 3 === 0],
    ['role != critic', (row) => row % 3 !== 0],
    ['failed', (row) => codes.status[row] === 1],
    ['status = failed or validation', (row) => codes.status[row] === 1 || codes.split[row] === 1],
    ['success', (row) => codes.success[row] === 1],
    ['success = no', (row) => codes.success[row] === 0],
    ['error', (row) => (flags[row]! & 2) !== 0],
    ['error:policy and not truncated', (row) => flags[row] === 2],
    ['flags ~ policy', (row) => (flags[row]! & 2) !== 0],
    ['duration > 2s', (row) => numbers.duration[row]! > 2_000],
    ['turns = 2 AND tokens > 120', (row) => numbers.calls[row] === 2 && 100 + numbers.sampled[row]! > 120],
    ['reward < 50%', (row) => numbers.reward[row]! < 0.5],
    ['truncated or failed and step = 1', (row) => (flags[row]! & 1) !== 0 || (codes.status[row] === 1 && numbers.step[row] === 1)],
  ];
  for (const [expression, keeps] of expected) {
    const rows = rowsOf(table, expression);
    assert.deepEqual(rows, Array.from({ length: table.count }, (_, row) => row).filter(keeps), expression);
    assert.ok(rows.length > 0, `${expression} would pass if nothing were kept`);
  }
});

test('a mistake is told at its place', () => {
  const table = tableOf();
  const mistakes: [string, string, number, string][] = [
    ['reward <', 'end', 8, ''], ['rewrd < 1', 'unknown', 0, 'rewrd'], ['reward < yes', 'value', 9, 'yes'], ['reward 1', 'operator', 7, '1'], ['(reward < 1', 'close', 11, ''],
    ['reward < 1 step > 2', 'unexpected', 11, 'step'], ['task = "open', 'quote', 7, '"open'], ['reward < 1 & step > 2', 'unexpected', 11, '& step > 2'], ['status > failed', 'operator', 9, 'failed'],
    ['nonsense', 'unknown', 0, 'nonsense'], ['and', 'unknown', 0, 'and'], ['status = open', 'value', 9, 'open'],
  ];
  for (const [expression, problem, at, text] of mistakes) {
    const filter = parseFilter(expression, table);
    assert.ok('mistake' in filter, `${expression} was taken`);
    assert.deepEqual([filter.mistake.problem, filter.mistake.at, filter.mistake.text], [problem, at, text], expression);
  }
});

test('random texts are answered with a filter or a mistake, never with an error', () => {
  const table = tableOf(5);
  const random = dice(5);
  const words = ['reward', '<', '<=', '~', 'and', 'or', 'not', '(', ')', '"', '0.5', '-1', 'truncated', 'status', 'failed', '=', 'none', '\\', '界', '10s', 'task', ' ', '\u202e'];
  for (let round = 0; round < 3_000; round++) {
    const expression = Array.from({ length: 1 + Math.floor(random() * 8) }, () => words[Math.floor(random() * words.length)]).join(random() < 0.7 ? ' ' : '');
    const filter = parseFilter(expression, table);
    if ('test' in filter) filter.test(0);
    else assert.ok(filter.mistake.at >= 0 && filter.mistake.at <= expression.length, expression);
  }
});

test('what may come next is offered', () => {
  const table = tableOf();
  const at = (text: string) => complete(text, text.length, table).options;
  assert.ok(at('').includes('reward') && at('').includes('truncated'));
  assert.deepEqual(at('rew'), ['reward']);
  assert.ok(at('reward ').includes('<='));
  assert.deepEqual(at('status = '), ['finished', 'failed', 'cancelled', 'running']);
  assert.deepEqual(at('status != fa'), ['failed']);
  assert.deepEqual(at('task ~ '), ['train-2', 'train-10', 'other thing']);
  assert.deepEqual(at('reward < 1 '), ['and', 'or']);
  assert.deepEqual(complete('rew < 1', 3, table), { from: 0, to: 3, options: ['reward'] });
});

test('rows in flight stand behind the sealed ones, once, and are replaced', () => {
  const table = tableOf(4);
  table.setInFlight(columns(3, { from: 3, status: 3, ids: (row) => `s0t${row}n0` }));
  assert.deepEqual(table.ids, ['s0t0n0', 's0t1n0', 's0t2n0', 's0t3n0', 's0t4n0', 's0t5n0'], 'what is sealed is not told again as in flight');
  table.append(columns(1, { from: 4 }));
  table.setInFlight(columns(1, { from: 5, status: 3, ids: () => 'new' }));
  assert.deepEqual(table.ids, ['s0t0n0', 's0t1n0', 's0t2n0', 's0t3n0', 's0t4n0', 'new']);
  assert.deepEqual([...table.codes.status.subarray(0, 6)], [0, 0, 0, 0, 0, 3]);
  assert.equal(table.place('s0t5n0'), -1);
  assert.equal(table.taskName(4), 'train-10');
});

test('flags keep their names over chunks that number them differently', () => {
  const table = tableOf(4);
  table.append({ ...columns(2, { from: 4 }), flagNames: ['fork', 'truncated'], flags: Uint32Array.of(1, 3) });
  assert.deepEqual([table.flagsOf(1), table.flagsOf(4), table.flagsOf(5)], [['truncated'], ['fork'], ['truncated', 'fork']]);
  assert.deepEqual(rowsOf(table, 'truncated'), [1, 3, 5]);
});
