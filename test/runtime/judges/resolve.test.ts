import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { judgeOf, resolveJudge } from '../../../runtime/judges/resolve.ts';
import { configSchema } from '../../../runtime/protocol/config.ts';
import { answered, task } from './help.ts';

const builtin = (spec: string): string => {
  const found = resolveJudge(spec);
  return found.kind === 'builtin' ? found.judge.name : found.kind;
};

test('built-in judges', () => {
  for (const name of ['math_answer', 'countdown', 'exact_match', 'number_match', 'environment', 'env_service']) assert.equal(builtin(`builtin->${name}`), name);
  assert.throws(() => resolveJudge('builtin->math_anser'), { code: 'config', next: 'Did you mean `math_answer`?' });
  assert.throws(() => resolveJudge('builtin->constructor'), { code: 'config', message: /no built-in judge `constructor`/ });
});

test('AgentJet’s spellings', () => {
  assert.equal(builtin('tutorial.example_math_agent.math_answer_as_judge->MathAnswerAsJudge'), 'math_answer');
  assert.equal(builtin('tutorial/example_countdown/countdown_answer_as_judge.py->CountdownAnswerAsJudge'), 'countdown');
  assert.equal(builtin('ajet.task_judge.env_service_as_judge->EnvServiceJudge'), 'env_service');
  assert.throws(() => resolveJudge('tutorial.example_math_agent.math_answer_as_judge->MathAnswerAndLlmAsJudge'), { code: 'not-here-yet' });
});

test('a class of the user’s own, or none', () => {
  assert.deepEqual(resolveJudge('judges/mine.ts->Mine'), { kind: 'user', file: 'judges/mine.ts', className: 'Mine' });
  assert.deepEqual(resolveJudge('./math_answer_as_judge.ts->MathAnswerAsJudge'), { kind: 'user', file: './math_answer_as_judge.ts', className: 'MathAnswerAsJudge' });
  assert.deepEqual(resolveJudge(null), { kind: 'none' });
  assert.throws(() => resolveJudge('my.module->Judge'), { code: 'config', message: /Python/ });
});

test('the judge of a configuration, with its tolerance and its place', () => {
  const place = (key: string) => ({ file: 'x.yaml', line: 9, key });
  const config = (task_judge: object) => ({ config: configSchema.parse({ rollout: { user_workflow: 'a.ts->A' }, task_judge }), place, dir: '/', cwd: '/' });
  const found = judgeOf(config({ judge_protocol: 'builtin->number_match', tolerance: 0.5 }));
  assert.ok(found.kind === 'builtin');
  assert.equal(found.judge.judge(task({}, 5), answered('5.4')).reward, 1);
  assert.deepEqual(judgeOf(config({})), { kind: 'none' });
  assert.throws(() => judgeOf(config({ judge_type: 'rubrics_auto_grader' })), { code: 'not-here-yet', where: place('task_judge.judge_type') });
  assert.throws(() => judgeOf(config({ judge_protocol: 'builtin->x' })), { where: place('task_judge.judge_protocol') });
});

test('a grader beside its workflow is its judge, also where the workflow is named; not that of another contract', async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'tuning-fork-graded-'));
  t.after(() => rm(dir, { recursive: true }));
  await writeFile(join(dir, 'a.ts'), 'export class A extends AgentWorkflow<Config> {}\nexport class G extends Grader {}\nexport class B extends Workflow {}');
  const found = (target: string) => judgeOf({ config: configSchema.parse({ rollout: { user_workflow: target } }), place: (key: string) => ({ file: 'x.yaml', key }), dir, cwd: '/' });
  assert.deepEqual(['a.ts', 'a.ts->A'].map(found), [{ kind: 'user', file: 'a.ts', className: '*' }, { kind: 'user', file: 'a.ts', className: 'A' }]);
  assert.deepEqual(['a.ts->B', 'a.ts->C', 'b.ts->A'].map(found), [{ kind: 'none' }, { kind: 'none' }, { kind: 'none' }]);
});
