import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WorkflowOutput, type TuningForkError } from '../../../runtime/sdk/index.ts';
import { outputData, verdictData } from '../../../runtime/sdk/workflow.ts';

const where = { file: '/p/workflow.ts' };

test('what a workflow returns becomes plain data', () => {
  const when = new Date(0);
  const output = new WorkflowOutput({ metadata: { finalAnswer: '4', steps: [{ n: 1, left: undefined }], when }, logMetrics: { turns: 2 } });
  assert.deepEqual(outputData(output), {
    reward: null, isSuccess: null, metadata: { finalAnswer: '4', steps: [{ n: 1 }], when: '1970-01-01T00:00:00.000Z' }, logMetrics: { turns: 2 },
  });
  assert.deepEqual(outputData({ reward: 0.5, isSuccess: false }), { reward: 0.5, isSuccess: false, metadata: {}, logMetrics: {} });
});

test('a reward that is no finite number is refused on its line', () => {
  for (const reward of [Number.NaN, Infinity, '1' as unknown as number]) {
    assert.throws(() => new WorkflowOutput({ reward }), (error: TuningForkError) => {
      assert.equal(error.code, 'reward');
      assert.match(error.message, /not a finite number/);
      assert.equal(error.where?.file, import.meta.filename);
      return true;
    });
    assert.throws(() => outputData({ reward }, where), (error: TuningForkError) => error.code === 'reward' && error.where === where);
  }
});

test('what cannot be kept is named by its key', () => {
  const cycle: { self?: unknown } = {};
  cycle.self = cycle;
  const cases: [unknown, RegExp][] = [
    [undefined, /returned undefined instead of a WorkflowOutput/],
    ['done', /returned the string "done"/],
    [{ metadata: { a: [1, { b: Number.NaN }] } }, /metadata\.a\[1\]\.b of the WorkflowOutput is NaN/],
    [{ metadata: { a: () => 1 } }, /metadata\.a of the WorkflowOutput is a function/],
    [{ metadata: { a: 3n } }, /metadata\.a of the WorkflowOutput is 3n/],
    [{ metadata: cycle }, /metadata\.self of the WorkflowOutput contains itself/],
    [{ metadata: [1] }, /metadata of the WorkflowOutput is not an object/],
    [{ logMetrics: { a: Symbol.iterator } }, /logMetrics\.a/],
  ];
  for (const [output, message] of cases) {
    assert.throws(() => outputData(output, where), (error: TuningForkError) => {
      assert.match(error.message, message);
      assert.equal(error.where, where);
      assert.ok(error.next);
      return true;
    });
  }
});

test('a verdict is checked too', () => {
  assert.deepEqual(verdictData({ reward: 1, success: true, reason: 'equal', parts: { form: 1 } }, 'Mine'), { reward: 1, success: true, reason: 'equal', parts: { form: 1 } });
  assert.deepEqual(verdictData({ reward: 0 }, 'Mine'), { reward: 0, success: null });
  assert.throws(() => verdictData(undefined, 'Mine', where), /Mine returned undefined/);
  assert.throws(() => verdictData({ reward: Number.NaN }, 'Mine', where), /Mine gave the reward NaN/);
  assert.throws(() => verdictData({ reward: '1' }, 'Mine', where), /Mine gave the reward the string "1"/);
});
