import assert from 'node:assert/strict';
import { exec } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { promisify } from 'node:util';
import { Person, repository } from './person.ts';

const person = new Person();
after(() => person.leave());

const steps: { rollouts: string } = { rollouts: '' };

test('a project is made, and what to type next is what works', async () => {
  const { code, out } = await person.type('init my-agent');
  assert.equal(code, 0);
  assert.match(out, /Made my-agent:\n {2}\.gitignore\n/);
  assert.match(out, /Next:\n {2}cd my-agent\n {2}npx tuning-fork rollout --conf tuning-fork\.yaml\n$/);
  person.cwd = join(person.home, 'my-agent');
});

test('npx finds the command in a made project and in the repository, offline', async () => {
  for (const cwd of [person.cwd, repository, join(repository, 'examples/countdown')]) {
    const { stdout } = await promisify(exec)('npx --offline --no tuning-fork --version', { cwd, env: { ...person.env, npm_config_cache: join(person.home, 'empty-cache') } });
    assert.match(stdout, /^\d+\.\d+\.\d+\n$/, cwd);
  }
});

test('before anything has run, the commands say so', async () => {
  assert.deepEqual(await person.type('runs list'), { code: 0, out: `There are no runs in ${join(person.cwd, 'runs')}.\n  → npx tuning-fork rollout --conf <yaml>\n`, err: '' });
  assert.match((await person.type('status')).out, /^No backbone is running for /);
  assert.match((await person.type('stop')).out, /^No backbone is running for /);
  const { code, err } = await person.type('runs show');
  assert.equal(code, 2);
  assert.match(err, /There is no run in /);
});

test('rollouts: first what is being done, then how it went, then what to type next', async () => {
  const { code, out, err } = await person.type('rollout -c tuning-fork.yaml --tasks 2 -n 3 --seed 7');
  assert.equal(code, 0, err);
  assert.match(err, /^Starting the backbone…\nReading tuning-fork\.yaml…\nLoading the model and ToolAgent…\ntool_agent · embedded\n/);
  assert.match(out, /tool_agent · embedded · 6 rollouts of 2 tasks in /);
  assert.match(out, /\n {2}reward {3}\d\.\d{3}/);
  assert.match(out, /\n {2}training-0 +\d\.\d\d( +(1|\.10|0)){3}\n {2}training-1 /);
  assert.match(out, /\nStored in runs\/my-agent\/tuning-fork\/[\d_-]+\n/);
  steps.rollouts = /runs show (\S+)/.exec(out)![1]!;
  const next = /npx tuning-fork (runs show .*--tokens)/.exec(out)![1]!;
  const shown = await person.type(next);
  assert.equal(shown.code, 0, shown.err);
  assert.match(shown.out, / trained\n/);
});

test('the same seed gives the same rollouts', async () => {
  const rewards = async (): Promise<unknown[]> => {
    const { lines } = await person.json('rollout -c tuning-fork.yaml --tasks 2 -n 3 --seed 7');
    return lines.filter(({ type }) => type === 'rollout-finished').map(({ entry }) => entry as { id: string; reward: number; sampled: number }).map(({ id, reward, sampled }) => `${id} ${reward} ${sampled}`).sort();
  };
  assert.deepEqual(await rewards(), await rewards());
});

test('one rollout is shown as a conversation, and token by token with no stray minus', async () => {
  const { out } = await person.type('runs show latest --rollout s0t0n0 --tokens');
  assert.match(out, /^s0t0n0 · training-0 · reward \d/);
  assert.match(out, /\nsystem\n.*\nuser\n/);
  assert.match(out, /assistant +default · \d+→\d+ · .* workflow\.ts:\d+\n/);
  assert.match(out, /<\|im_end\|>/);
  assert.doesNotMatch(out, /-0\.0000/);
  const narrow = (await person.type('runs show latest --rollout s0t0n0 --tokens', { COLUMNS: '60' })).out;
  assert.match(narrow, /\.\d{4} +\d\.\d{3} +trained\n/, 'what is trained is told before bars are drawn');
  assert.ok(narrow.split('\n').every((line) => !line.endsWith('trained') || line.length <= 60));
});

test('a replay takes everything from the record; forks go on anew, in order', async () => {
  const again = await person.type('replay s0t0n1');
  assert.equal(again.code, 0, again.err);
  assert.match(again.out, /✓ s0t0n1 ran again as it was: 2 calls from the record, reward \d/);
  const tooFar = await person.type('replay s0t0n1 --until-call 2');
  assert.deepEqual([tooFar.code, tooFar.err], [2, 'Error: s0t0n1 has 2 calls, so nothing would be sampled anew.\n  → Give --until-call at most 1.\n']);
  const forked = await person.type('replay s0t0n1 --until-call 1 --fork 11');
  assert.equal(forked.code, 0, forked.err);
  const ids = [...forked.out.matchAll(/^ {2}(s0t0n1f\d+) /gm)].map(([, id]) => id);
  assert.deepEqual(ids, Array.from({ length: 11 }, (_, index) => `s0t0n1f${index + 1}`));
});

test('a replay whose prompt has changed says where, and fails', async () => {
  const workflow = readFileSync(join(person.cwd, 'workflow.ts'), 'utf8');
  person.write('workflow.ts', workflow.replace(/const systemPrompt = .*/, "const systemPrompt = 'Something else.';"));
  const { code, out, err } = await person.type('replay s0t0n1 --until-call 1 --fork 2');
  person.write('workflow.ts', workflow);
  assert.equal(code, 1);
  assert.match(err, /✗ s0t0n1f[12] \(training-0\) .*diverged from its record at call 0/s);
  assert.match(out, /\n {2}s0t0n1f1 +✗ {2}.*diverged.*\n {2}s0t0n1f2 +✗ {2}.*diverged.*\n$/);
});

test('"latest" means rollouts, not what was made from them; those are found by name', async () => {
  const { lines } = await person.json('runs list');
  const newest = lines[0]!;
  assert.equal(newest.kind, 'replay');
  const latest = lines.find(({ kind }) => kind === 'rollout')!;
  const shown = await person.json('runs show latest');
  assert.equal((shown.lines[0]!.info as { run: string }).run, latest.run);
  const named = await person.json(`runs show ${String(newest.run)}`);
  assert.equal((named.lines[0]!.info as { kind: string }).kind, 'replay');
  assert.equal((await person.type(`replay ${steps.rollouts}/s0t1n0`)).code, 0);
  assert.equal((await person.type(`replay s0t1n0 --run ${steps.rollouts}`)).code, 0);
});

test('a changed judge gives other rewards to the same rollouts', async () => {
  person.write('judge.ts', `import { Judge } from 'tuning-fork';
export class AnswerJudge extends Judge {
  judge() { return { reward: 0.5, isSuccess: true }; }
}
`);
  const { code, out, err } = await person.type('rejudge latest');
  assert.equal(code, 0, err);
  assert.match(out, /^6 rollouts judged again: mean reward \d\.\d{3} → 0\.500, 6 changed\.\n/m);
  assert.match(out, / s0t0n0 +training-0 +\d\.\d\d → +0\.50 [▲▼]\n/);
  assert.match(out, /Stored as (\S+)\n  npx tuning-fork runs show \1\n$/);
});

test('export writes every record, as JSON lines or CSV', async () => {
  const jsonl = await person.type('runs export latest');
  assert.equal(jsonl.code, 0, jsonl.err);
  assert.equal(jsonl.out.trimEnd().split('\n').map((line) => (JSON.parse(line) as { calls: unknown[] }).calls.length).length, 6);
  const csv = await person.type('runs export latest --format csv');
  assert.match(csv.out, /^run,rollout,step,/);
  assert.equal(csv.out.trimEnd().split('\r\n').length, 7);
});

test('what a filter keeps becomes a file, which is not replaced unasked', async () => {
  const file = join(person.cwd, 'some.csv');
  const some = await person.type('runs export latest --filter id=s0t0n1 --to some.csv');
  assert.equal(some.code, 0, some.err);
  assert.match(some.out, /^✓ 1 rollout written to some\.csv\n$/);
  assert.match(readFileSync(file, 'utf8').split('\r\n')[1]!, /^[^,]+,s0t0n1,/);
  const again = await person.type('runs export latest --to some.csv');
  assert.equal(again.code, 2);
  assert.match(again.err, /some\.csv is there already\.\n.*--force/);
  const { lines } = await person.json('runs export latest --to some.csv --force');
  assert.deepEqual([lines[0]!.type, lines[0]!.rollouts, lines[0]!.rows], ['exported', 6, 6]);
});

test('a damaged record is told of, and costs only itself', async () => {
  const { lines } = await person.json('runs show latest');
  const { file, offset } = lines.find(({ id }) => id === 's0t0n1') as unknown as { file: number; offset: number };
  const path = join(String(lines[0]!.dir), `traces/rollouts-${file}.jsonl.gz`);
  const sound = readFileSync(path);
  writeFileSync(path, Buffer.concat([sound.subarray(0, offset + 40), Buffer.alloc(16, 'x'), sound.subarray(offset + 56)]));
  const exported = await person.type('runs export latest');
  assert.equal(exported.code, 1);
  assert.equal(exported.out.trimEnd().split('\n').length, 5);
  assert.match(exported.err, /s0t0n1.*\n {2}→ .*\n5 rollouts exported; 1 could not be read\.\n$/s);
  assert.equal((await person.type('runs show latest --rollout s0t0n0')).code, 0);
  const shown = await person.type('runs show latest --rollout s0t0n1');
  assert.equal(shown.code, 1);
  assert.match(shown.err, /^Error: .*s0t0n1/s);
  writeFileSync(path, sound);
});

test('a run is deleted only when meant', async () => {
  const asked = await person.type(`runs delete ${steps.rollouts}`);
  assert.equal(asked.code, 2);
  assert.match(asked.err, /This would delete .*\n {2}→ Repeat the command with --yes\.\n$/);
  const { code, out } = await person.type(`runs delete ${steps.rollouts} --yes`);
  assert.equal(code, 0);
  assert.equal(out, `Deleted ${steps.rollouts}.\n`);
  assert.ok(!existsSync(join(person.cwd, 'runs/my-agent/tuning-fork', steps.rollouts)));
});

test('every command speaks JSON, one object a line, and nothing else', async () => {
  const types = async (line: string): Promise<string[]> => {
    const { code, lines } = await person.json(line);
    assert.equal(code, 0, line);
    for (const each of lines) assert.equal(typeof each.type, 'string', line);
    return [...new Set(lines.map(({ type }) => type))];
  };
  assert.deepEqual((await types('init other --template blank')), ['created']);
  assert.deepEqual((await types('rollout -c tuning-fork.yaml --tasks 1 -n 1')).toSorted(), ['call', 'finished', 'model-ready', 'progress', 'rollout-finished', 'rollout-started', 'started', 'summary', 'workflow-ready']);
  assert.deepEqual((await types('replay s0t0n0')).at(-1), 'summary');
  assert.deepEqual((await types('rejudge latest')).slice(-2), ['rejudged', 'summary']);
  assert.deepEqual(await types('check -c tuning-fork.yaml'), ['check']);
  assert.deepEqual(await types('runs list'), ['run']);
  assert.deepEqual(await types('runs show latest'), ['run', 'rollout']);
  assert.deepEqual(await types('runs show latest --rollout s0t0n0'), ['record']);
  assert.deepEqual(await types('runs attach latest'), ['run', 'rollout']);
  assert.deepEqual(await types('runs delete latest --yes'), ['deleted']);
  assert.deepEqual(await types('status'), ['status']);
  assert.deepEqual(await types('stop'), ['stopped']);
  const { code, lines } = await person.json('rollout -c nowhere.yaml');
  assert.equal(code, 2);
  assert.deepEqual(lines.map(({ type, error }) => [type, (error as { code: string }).code]), [['error', 'config']]);
});

test('check gives a verdict on everything, and one dry rollout', async () => {
  const { code, out } = await person.type('check -c tuning-fork.yaml');
  assert.equal(code, 0, out);
  for (const line of [/^✓ configuration {2}tuning-fork\.yaml$/m, /^✓ data {11}64 tasks for training in /m, /^✓ judge {10}AnswerJudge/m, /^✓ model {10}embedded/m, /^✓ workflow {7}tool_agent; trained roles: all$/m, /^✓ dry rollout {4}reward 0\.50 in .* 2 calls, /m]) assert.match(out, line);
});

test('AgentJet’s own call runs validation tasks; other backbones say that they are not there', async () => {
  const { code, out } = await person.type('--conf tuning-fork.yaml --backbone debug');
  assert.equal(code, 0);
  assert.match(out, /\n {2}validation-0 /);
  for (const backbone of ['trinity', 'verl']) {
    const refused = await person.type(`--conf tuning-fork.yaml --backbone ${backbone}`);
    assert.equal(refused.code, 2);
    assert.match(refused.err, new RegExp(`^Error: .*backbone "${backbone}".*\\n {2}→ Train the same file on this machine with --backbone embedded`));
  }
});

test('a training that is over is shown as it was at its end; without its report, task by task', async () => {
  const trained = await person.type('train -c tuning-fork.yaml --steps 1 --set data.train_batch_size=4 --set trainer_common.val_max_num_task_each_validation=2');
  assert.equal(trained.code, 0, trained.err);
  const shown = await person.type('runs show latest');
  assert.deepEqual([shown.code, shown.out], [0, trained.out]);
  assert.match(shown.out, /^\ntool_agent · embedded · 1 step in .*\n\n +before +after +gain\nreward, greedy +\d/);
  rmSync(join(person.cwd, /^report {2}(.*)html$/m.exec(shown.out)![1]! + 'json'));
  const { out } = await person.type('runs show latest');
  assert.match(out, /of 6 tasks in /);
  assert.equal(out.match(/^ {2}(training|validation)-\d+ /gm)?.length, 6);
});

test('a training is looked at as one, and goes on with the options it was begun with', async () => {
  const small = '--set data.train_batch_size=2 --set rollout.num_repeat=2 --set trainer_common.test_freq=-1';
  const training = person.start(`train --steps 400 ${small}`.split(' '));
  await training.says(/^step 1\/400 /m);
  const looking = person.start(['runs', 'attach']);
  await looking.says(/400 steps of 2 tasks × 2 rollouts/);
  training.ctrlC();
  const { code, out } = await training.ended;
  assert.equal(code, 130);
  assert.match((await looking.ended).out, /Go on with it:\n {2}npx tuning-fork train --resume --run /);
  const resume = /npx tuning-fork (train --resume --run \S+)/.exec(out)![1]!;
  const again = person.start(resume.split(' '));
  await again.says(/400 steps of 2 tasks × 2 rollouts.* \(going on after step \d+\)/);
  again.ctrlC();
  assert.equal((await again.ended).code, 130);
});
