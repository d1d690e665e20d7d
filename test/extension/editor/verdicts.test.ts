import assert from 'node:assert/strict';
import { test } from 'node:test';
import { classLine, verdictLine } from '../../../extension/editor/verdicts.ts';

const text = `import { Judge } from 'tuning-fork';
export class Strict extends Judge {
  judge(task: Task, output: OutputData): Verdict {
    const lines = output.split('\\n').map((line) => {
      const x = line;
    });
    return {
      reward: 1,
    };
  }
  helper() { return 2; }
}
export class Loose extends Strict {
  override async judge(task: Task): Promise<Verdict> {
    if (task.label) return { reward: 1 };
    return { reward: 0 };
  }
}
export default class extends Judge {
  judge = (task: Task) => ({ reward: 1 });
}
`;

test('the verdict of a judge is at its only return, else at judge() itself', () => {
  assert.equal(verdictLine(text, 'Strict'), 6);
  assert.equal(verdictLine(text, 'Loose'), 13);
  assert.equal(verdictLine(text, 'default'), 19);
  assert.equal(verdictLine(text, 'Missing'), undefined);
  assert.equal(verdictLine('class A {}', 'A'), undefined);
  assert.deepEqual([classLine(text, 'Loose'), classLine(text, 'default'), classLine(text, 'Str')], [12, 18, undefined]);
});
