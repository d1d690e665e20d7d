/** `tuning-fork eval` on the embedded policy, as a person and as a script. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { PassComparison, PassFigures } from '../../../runtime/training/passes.ts';
import { Person, repository } from './person.ts';

const person = new Person();
after(() => person.leave());

const conf = join(repository, 'examples/countdown/countdown.yaml');
const project = `--project ${person.home}`;

interface Evaluation {
  type: 'evaluation';
  passes: { temperature: number; run: string; dir: string; model: string; figures: PassFigures; compared?: { run: string; model: string; comparison: PassComparison | null } }[];
}

async function evaluation(words: string): Promise<{ code: number | null; passes: Evaluation['passes']; events: { type: string; entry?: { reward: number | null } }[] }> {
  const { code, lines } = await person.json(`eval --conf ${conf} ${project} ${words}`);
  const last = lines.pop() as unknown as Evaluation;
  assert.equal(last.type, 'evaluation');
  return { code, passes: last.passes, events: lines };
}

test('unless told otherwise: four samples of each task at the training temperature, and one greedy', async () => {
  const { code, out, err } = await person.type(`eval --conf ${conf} ${project} --tasks 5 --seed 3`);
  assert.equal(code, 0, err);
  assert.match(err, /At temperature 1\.0, 4 rollouts of each task:[\s\S]*Greedy:/);
  assert.match(out, /\ntemperature 1\.0 · 5 tasks × 4 +embedded\nreward +\d\.\d{3} \[\d\.\d{3}, \d\.\d{3}\]\nsuccess +.*\npass@1 +\d\.\d{3}\npass@2 .*\npass@4 .*\ncut off +\d+ %\nmalformed +\d+ %\ntokens per answer +\d+\.\d\nspeed +[\d,]+ tokens\/s\n/);
  assert.match(out, /\ngreedy · 5 tasks +embedded\nreward /);
  assert.ok(!out.includes('difference'));
  const show = /npx tuning-fork (runs show .*--tokens)\n$/.exec(out)![1]!;
  assert.equal((await person.type(show)).code, 0);
});

test('its figures are those of the rollouts it made', async () => {
  const { passes: [pass], events } = await evaluation('--tasks 6 -n 2 --temperature 1 --seed 3');
  const rewards = events.flatMap(({ type, entry }) => (type === 'rollout-finished' ? [entry!.reward!] : []));
  assert.deepEqual([pass!.temperature, rewards.length, pass!.figures.tasks, pass!.figures.repeats], [1, 12, 6, 2]);
  assert.ok(Math.abs(pass!.figures.reward!.mean - rewards.reduce((sum, reward) => sum + reward, 0) / 12) < 1e-9);
  assert.deepEqual(Object.keys(pass!.figures.passAt), ['1', '2']);
});

test('compared with a stored run, and with another model', async () => {
  const stored = await evaluation('--tasks 4 --greedy');
  const again = await evaluation(`--tasks 4 --greedy --compare ${stored.passes[0]!.run}`);
  const [pass] = again.passes;
  assert.equal(pass!.compared!.run, stored.passes[0]!.run);
  assert.deepEqual([pass!.compared!.comparison!.reward, pass!.compared!.comparison!.gained], [{ mean: 0, low: 0, high: 0 }, []]);
  const { code, out } = await person.type(`eval --conf ${conf} ${project} --tasks 4 --greedy --compare embedded`);
  assert.equal(code, 0);
  assert.match(out, /greedy · 4 tasks +\S+ +\S+ +difference\nreward .* 0\.000 \[0\.000, 0\.000\]\n/);
});

test('what can\'t be compared is told before anything runs', async () => {
  const sampled = await evaluation('--tasks 2 -n 1 --temperature 0.5');
  const runs = async (): Promise<number> => (await person.json(`runs list ${project}`)).lines.length;
  const before = await runs();
  const wrong = await person.type(`eval --conf ${conf} ${project} --tasks 2 --greedy --compare ${sampled.passes[0]!.run}`);
  assert.equal(wrong.code, 2);
  assert.match(wrong.err, /was sampled at the temperature 0\.5, and this would be at 0\.0\.\n {2}→ Repeat the command with --temperature 0\.5\./);
  const none = await person.type(`eval --conf ${conf} ${project} --compare no-such-run`);
  assert.deepEqual([none.code, /There is no run "no-such-run"/.test(none.err)], [2, true]);
  assert.equal(await runs(), before);
});

test('Ctrl-C ends it with the figures of what is there', async () => {
  const running = person.start(['eval', '--conf', conf, '--project', person.home, '--tasks', '0', '-n', '16', '--json']);
  await running.says(/"type":"rollout-finished"/);
  running.ctrlC();
  const { code, out } = await running.ended;
  assert.equal(code, 130);
  const { passes } = JSON.parse(out.trimEnd().split('\n').at(-1)!) as Evaluation;
  assert.equal(passes.length, 1);
  assert.ok(passes[0]!.figures.rollouts > 0);
});
