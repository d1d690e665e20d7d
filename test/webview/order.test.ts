import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RolloutTable } from '../../runtime/view/rollout-table.ts';
import { inRange, rewardBars, sortedRows } from '../../webview/viewer/rollouts/order.ts';
import { columns, tableOf } from '../runtime/view/some-rows.ts';

test('sorting is stable, missing values are last either way, names sort as people count', () => {
  const table = tableOf();
  const { reward } = table.numbers;
  for (const descending of [false, true]) {
    const rows = [...sortedRows(table, { by: 'reward', descending })];
    const missing = rows.findIndex((row) => Number.isNaN(reward[row]!));
    assert.ok(missing > 0 && rows.slice(missing).every((row) => Number.isNaN(reward[row]!)));
    for (let i = 1; i < missing; i++) {
      const [before, after] = [reward[rows[i - 1]!]!, reward[rows[i]!]!];
      assert.ok(before === after ? rows[i - 1]! < rows[i]! : before < after !== descending);
    }
  }
  assert.deepEqual([...new Set([...sortedRows(table, { by: 'task', descending: false })].map((row) => table.taskName(row)))], ['other thing', 'train-2', 'train-10']);
  for (const descending of [false, true]) {
    const roles = [...new Set([...sortedRows(table, { by: 'role', descending })].map((row) => table.rolesOf(row).join(' ')))];
    assert.deepEqual(roles, [...(descending ? ['solver critic', 'solver'] : ['solver', 'solver critic']), '']);
  }
});

test('bars of rewards hold each rewarded row once, and a range of bars keeps their rows', () => {
  for (const rewardOf of [undefined, (row: number) => Math.sin(row) * 3, (row: number) => row / 1000 - 7]) {
    const table = new RolloutTable();
    table.append(columns(400, rewardOf === undefined ? {} : { rewardOf }));
    const rows = Uint32Array.from({ length: 400 }, (_, row) => row);
    const bars = rewardBars(table, rows);
    assert.equal(bars.reduce((sum, bar) => sum + bar.count, 0), [...table.numbers.reward.subarray(0, 400)].filter((reward) => !Number.isNaN(reward)).length);
    for (const bar of bars) assert.equal([...rows].filter(inRange(table, bar)).length, bar.count, JSON.stringify(bar));
  }
});
