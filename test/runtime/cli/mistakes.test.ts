import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Person } from './person.ts';

const person = new Person();
after(() => person.leave());
await person.type('init agent --template blank');
person.cwd = join(person.home, 'agent');
const yaml = readFileSync(join(person.cwd, 'tuning-fork.yaml'), 'utf8');
person.write('broken.yaml', `${yaml}\n  rollout:\n`);
person.write('tab.yaml', 'tuning_fork:\n\tmodel: 1\n');
person.write('key.yaml', yaml.replace('num_repeat', 'num_repeats'));
person.write('nojudge.yaml', yaml.replace('builtin->countdown', 'judge.ts'));
person.write('nearjudge.yaml', yaml.replace('builtin->countdown', 'jugde.ts->Mine'));
person.write('judge.ts', "import { Judge } from 'tuning-fork';\nexport class Mine extends Judge {\n  judge(): { reward: number } {\n    return { reward: 1 };\n  }\n}\n");
person.write('keys.yaml', yaml.replace('num_repeat', 'num_repeats').replace('task_judge', 'task_jugde'));
person.write('workflow.yaml', yaml.replace('->MyWorkflow', '->YourWorkflow'));
person.write('nofile.yaml', yaml.replace('workflow.ts->', 'nothing.ts->'));
person.write('data.yaml', yaml.replace('data/training.jsonl', 'data/nothing.jsonl'));
person.write('judge.yaml', yaml.replace('builtin->countdown', 'builtin->cuontdown'));
person.write('syntax.yaml', yaml.replace('workflow.ts->', 'syntax.ts->'));
person.write('syntax.ts', 'export class MyWorkflow { execute( }\n');
person.write('rows.yaml', yaml.replace('data/training.jsonl', 'rows.jsonl'));
person.write('rows.jsonl', '{"task_id": "a", "query": \n');
await person.type('rollout -c tuning-fork.yaml --tasks 1 -n 1');

/** What is typed, what the answer must name, and what it must propose. */
const mistakes: [line: string, sentence: RegExp, next: RegExp | null][] = [
  ['replay', /Something is missing: tuning-fork replay <rollout>/, /replay --help/],
  ['replay s0t0n7', /There is no rollout s0t0n7 in /, /s0t0n0/],
  ['replay nowhere/s0t0n0', /There is no run "nowhere"/, /./],
  ['rejudge nowhere', /There is no run "nowhere"/, /./],
  ['runs lst', /There is no "runs lst"\./, /runs list/],
  ['runs show latest --rollout s9t9n9', /There is no rollout s9t9n9 in /, /s0t0n0/],
  ['runs delete', /Which run\?/, /runs list/],
  ['runs export latest --format csv --json', /contradict/, /--to/],
  ['runs export latest --format csv --what records', /no table/, /--what/],
  ['runs export latest --to rollouts.txt', /names no format/, /\.parquet/],
  ['runs export latest --to nowhere/rollouts.csv', /There is no folder nowhere\./, /Make it first/],
  ['runs export latest --filter rewrd', /"rewrd" is no column/, /--filter/],
  ['rolout', /There is no command "rolout"; did you mean "rollout"\?/, /--help/],
  ['show latest', /There is no command "show"; did you mean "runs show"\?/, /--help/],
  ['doctor', /did you mean "gpu doctor"\?/, /--help/],
  ['rollout', /--conf <yaml> is missing\./, /rollout --help/],
  ['rollout tuning-fork.yaml', /The configuration follows --conf\./, /--conf tuning-fork\.yaml/],
  ['rollout -c tuning-fork.yaml --workflow workflow.ts', /workflow\.ts: The class that is meant in this file is not named\./, /workflow\.ts->MyWorkflow/],
  ['rollout -c tuning-fork.yaml --concurency 3', /did you mean --concurrency\?/, /rollout --help/],
  ['rollout -c tuning-fork.yaml -n 0', /--repeats takes a whole number from 1 on, not "0"\./, /rollout --help/],
  ['rollout -c tuning-fork.yaml --temperature -1', /--temperature takes a number from 0 on, not "-1"\./, /rollout --help/],
  ['rollout -c tuning-fork.yaml --split test', /--split is one of training, validation/, /rollout --help/],
  ['rollout -c tuning-fork.yaml --project nowhere', /There is no folder nowhere\./, /--project/],
  ['rollout -c nowhere.yaml', /nowhere\.yaml/, /In that folder: /],
  ['rollout -c .', /folder/, /./],
  ['rollout -c broken.yaml', /broken\.yaml:\d+:\d+/, /./],
  ['rollout -c tab.yaml', /tab\.yaml:2:1[^]*tab/i, null],
  ['rollout -c key.yaml', /key\.yaml:\d+:\d+.*num_repeats/s, /num_repeat/],
  ['rollout -c keys.yaml', /has 2 mistakes:\n {2}keys\.yaml:\d+:\d+: .*\n[^]*\n {2}keys\.yaml:/, /./],
  ['rollout -c workflow.yaml', /YourWorkflow/, /MyWorkflow/],
  ['rollout -c nofile.yaml', /nofile\.yaml:\d+:\d+[^]*nothing\.ts/, /./],
  ['rollout -c syntax.yaml', /syntax\.ts:1/, /./],
  ['rollout -c nearjudge.yaml', /nearjudge\.yaml:\d+:\d+[^]*jugde\.ts/, /judge\.ts/],
  ['rollout -c data.yaml', /data\.yaml:\d+:\d+[^]*data\/nothing\.jsonl/, /./],
  ['rollout -c judge.yaml', /judge\.yaml:\d+:\d+[^]*cuontdown/, /countdown/],
  ['rollout -c rows.yaml', /rows\.jsonl:1/, /./],
  ['rollout -c tuning-fork.yaml --task training-999999', /There is no training task "training-999999"/, /training-/],
  ['rollout -c tuning-fork.yaml --model ./nowhere', /There is no model ".\/nowhere"/, /embedded/],
  ['rollout -c tuning-fork.yaml --model data', /data/, /./],
  ['rollout -c tuning-fork.yaml --model nobody:gpt', /There is no provider "nobody"/, /ollama/],
  ['rollout -c tuning-fork.yaml --model openai:gpt-4o', /OPENAI_API_KEY/, /OPENAI_API_KEY/],
  ['init agent', /init\b|agent\b/, /./],
  ['init other --template gaem', /--template is one of .*; did you mean "game"\?/, /init --help/],
];

test('each mistake gets one sentence with its place, the next step, and exit code 2', async (context) => {
  for (const [line, sentence, next] of mistakes) {
    await context.test(line, async () => {
      // There, no tuning-fork.yaml is taken unsaid.
      if (line === 'init agent' || line === 'rollout') person.cwd = person.home;
      const { code, out, err } = await person.type(line, { OPENAI_API_KEY: '' });
      person.cwd = join(person.home, 'agent');
      // With --json the error is the one line on stdout.
      const text = line.endsWith('--json') ? `Error: ${(JSON.parse(out) as { error: { message: string; next: string } }).error.message}\n  → ${(JSON.parse(out) as { error: { next: string } }).error.next}` : err;
      if (!line.endsWith('--json')) assert.equal(out, '');
      assert.equal(code, 2, text);
      assert.match(text, sentence);
      if (next !== null) assert.match(text.slice(text.lastIndexOf('→')), next);
      assert.equal(text.match(/Error:/g)?.length, 1 + (line.includes('syntax') ? text.match(/SyntaxError:/g)?.length ?? 0 : 0), text);
      assert.doesNotMatch(text, /\n {4}at .*runtime\/(cli|backbone|config|policy|tasks)|undefined|\[object/, text);
    });
  }
});

test('check reports every kind of mistake on its own line, with exit code 1', async (context) => {
  const checks: [conf: string, line: RegExp][] = [
    ['nowhere.yaml', /^✗ configuration {2}nowhere\.yaml: .*\n {17}→ In that folder: /],
    ['key.yaml', /^✗ configuration {2}key\.yaml:\d+:\d+/],
    ['workflow.yaml', /^✗ workflow {7}.*YourWorkflow/m],
    ['data.yaml', /^✗ data {11}[^]*nothing\.jsonl[^]*– dry rollout {4}Not tried/m],
    ['rows.yaml', /^✗ data {11}.*rows\.jsonl:1/m],
    ['judge.yaml', /^✗ (judge|configuration) [^]*cuontdown/m],
    ['nojudge.yaml', /^✗ judge {10}judge\.ts: The class [^]*judge\.ts->Mine/m],
    ['syntax.yaml', /^✗ workflow {7}.*syntax\.ts/m],
  ];
  for (const [conf, line] of checks) {
    await context.test(conf, async () => {
      const { code, out, err } = await person.type(`check -c ${conf}`);
      assert.equal(err, '');
      assert.match(out, line);
      assert.equal(code, 1);
    });
  }
  await context.test('a model that is not there', async () => {
    const { code, out } = await person.type('check -c tuning-fork.yaml --model ./nowhere');
    assert.match(out, /^✗ model {10}.*nowhere/m);
    assert.equal(code, 1);
  });
});

test('a workflow that throws: the line once, how often, where to look, exit code 1', async () => {
  person.write('throws.yaml', yaml.replace('workflow.ts->', 'throws.ts->'));
  person.write('throws.ts', readFileSync(join(person.cwd, 'workflow.ts'), 'utf8').replace('const reply', "if (task.mainQuery) throw new Error('out of \\u001b[2J luck');\n    const reply"));
  const { code, out, err } = await person.type('rollout -c throws.yaml --tasks 2 -n 4');
  assert.equal(code, 1);
  assert.equal(err.match(/throws\.ts:\d+:\d+: .*out of ⟨1b⟩\[2J luck/g)?.length, 1, err);
  assert.match(err, /✗ 8 rollouts: .*luck\n {2}s0t0n0 /);
  assert.match(out, /failed +✗ 8\n/);
  const next = /What happened in one that failed:\n {2}npx tuning-fork (.*)\n/.exec(out)![1]!;
  assert.match((await person.type(next)).out, /error +throws\.ts:\d+:\d+: .*out of ⟨1b⟩\[2J luck/);
});

test('a folder in which nothing can be made is told of at once', { skip: process.platform !== 'linux' && 'only Linux has one that nobody may write' }, async () => {
  for (const line of ['init /proc/nowhere', 'init /proc/nowhere/agent', 'rollout -c tuning-fork.yaml --tasks 1 -n 1 --set experiment_dir=/proc/nowhere']) {
    const { code, err } = await person.type(line);
    assert.match(err, /(?:The folder \/proc\/nowhere(?:\/agent)? can't be made|Cannot create \/proc\/nowhere.*): nothing can be made in \/proc\./, line);
    assert.ok(code !== 0 && code !== 3, `${line}: ${code}`);
  }
});

test('where tuning-fork.yaml lies it need not be named', async () => {
  const { code, out, err } = await person.type('rollout --tasks 1 -n 1');
  assert.equal(code, 0, err);
  assert.match(err, /^Reading tuning-fork\.yaml…\n/m);
  assert.match(out, /1 rollout of 1 task/);
});

test('what one rollout does to the others is told in one line', async () => {
  person.write('loops.yaml', yaml.replace('workflow.ts->', 'loops.ts->').replace('rollout:', 'rollout:\n    block_timeout: 1'));
  person.write('loops.ts', readFileSync(join(person.cwd, 'workflow.ts'), 'utf8').replace('const reply', "if (task.taskId === 'training-1') for (;;) {}\n    const reply"));
  const { err } = await person.type('rollout -c loops.yaml --tasks 3 -n 2');
  const lines = err.split('\n').filter((line) => line.includes('again:'));
  assert.ok(lines.length >= 1 && lines.length <= 2, err);
  assert.match(lines[0]!, /^! s0t\dn\d and \d more run again: Rollout s0t1n\d blocked the process they shared\.$/);
});

test('a file that can’t be written is named once, and is no fault of ours', { skip: process.platform !== 'linux' && 'only Linux has a folder that nobody may write' }, async () => {
  for (const line of ['runs export latest --to /proc/rollouts.csv', 'migrate tuning-fork.yaml --to /proc/x.yaml']) {
    const { code, err } = await person.type(line);
    assert.equal(err.match(/\/proc\//g)?.length, 1, err);
    assert.doesNotMatch(err, /\n {4}at /);
    assert.notEqual(code, 3);
  }
});
