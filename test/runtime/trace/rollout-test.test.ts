import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { RolloutRecord } from '../../../runtime/protocol/trace.ts';
import { difference, readRolloutTest, rolloutTest, testNames, writeRolloutTest } from '../../../runtime/trace/index.ts';
import { folder, rollout } from './samples.ts';

const conf = '/project/math.yaml';
const file = '/project/tests/rollouts/sum.rollout.json';

test('a test holds what a replay needs, and nothing of the machine or the model it was made with', async (context) => {
  const dir = await folder(context);
  const path = join(dir, 'tests', 'sum.rollout.json');
  await mkdir(join(dir, 'tests'));
  const record = { ...rollout(0, 3, 8), log: ['hello\n'] };
  await writeRolloutTest(path, rolloutTest(record, { conf: join(dir, 'math.yaml') }, path));
  const text = await readFile(path, 'utf8');
  assert.doesNotMatch(text, /logprobs|"site"|hello|"tail"/);
  assert.equal((JSON.parse(text) as { conf: string }).conf, '../math.yaml');
  const read = await readRolloutTest(path);
  assert.equal(read.conf, join(dir, 'math.yaml'));
  assert.deepEqual(read.record.calls.map(({ reply }) => reply), record.calls.map(({ reply }) => reply));
  assert.deepEqual(read.expect, { reward: record.reward });
});

test('a file that is none is told of by what is wrong with it', async (context) => {
  const dir = await folder(context);
  const path = join(dir, 'a.rollout.json');
  const refused = async (content: unknown, message: RegExp): Promise<void> => {
    await writeFile(path, typeof content === 'string' ? content : JSON.stringify(content));
    await assert.rejects(readRolloutTest(path), (error: Error & { code: string; where: { file: string } }) => error.code === 'data' && error.where.file === path && message.test(error.message));
  };
  const good = rolloutTest(rollout(0, 1, 2), { conf }, file);
  await refused('{', /is not JSON/);
  await refused({ ...good, v: 9 }, /v is 9/);
  await refused({ ...good, expect: { reward: 'much' } }, /expect\.reward is the text "much"/);
  await refused({ ...good, record: { ...good.record, calls: [{}] } }, /record\.calls\[0\]/);
  await assert.rejects(readRolloutTest(join(dir, 'none.rollout.json')), /it is not there/);
});

test('what has no end of its own is no test', () => {
  assert.throws(() => rolloutTest({ ...rollout(0, 1, 2), status: 'cancelled' }, { conf }, file), /was cancelled/);
  const [call] = rollout(0, 1, 2).calls;
  assert.throws(() => rolloutTest({ ...rollout(0, 1, 2), calls: [{ ...call!, edited: { asked: 'x', kept: false } }] }, { conf }, file), /changed by hand/);
});

test('the difference is told; the same end has none', () => {
  const record = rollout(0, 2, 4);
  const made = rolloutTest(record, { conf }, file);
  const again = made.record;
  assert.equal(difference(made, again), undefined);
  assert.match(difference(made, { ...again, reward: 0.125 })!.message, /reward 0\.125, expected/);
  assert.equal(difference({ ...made, expect: {} }, { ...again, reward: 0.125 }), undefined, 'any reward will do');
  assert.match(difference(made, { ...again, calls: again.calls.slice(0, 1) })!.message, /after 1 model call; in the record it makes 2/);
  assert.match(difference(made, { ...again, calls: again.calls.map((call) => (call.index === 0 ? { ...call, tools: [] } : call)) })!.message, /^Call 0 offers the model other tools/);
  const error = { code: 'rollout-threw', message: 'no' } as const;
  assert.equal(difference(made, { ...again, status: 'failed', error })!.message, 'no');
});

test('one that failed passes once it fails no more, or comes beyond its record', () => {
  const failed: RolloutRecord = { ...rollout(0, 2, 4), status: 'failed', reward: null, success: null, error: { code: 'rollout-threw', message: 'no' } };
  const made = rolloutTest(failed, { conf }, file);
  assert.deepEqual(made.expect, {});
  assert.equal(difference(made, made.record)?.message, 'no');
  const beyond = { ...made.record, error: { code: 'diverged', message: 'no record' } } as const;
  assert.equal(difference(made, beyond), undefined);
  assert.equal(difference(made, { ...beyond, calls: beyond.calls.slice(0, 1) })?.code, 'diverged');
  assert.equal(difference(made, { ...rollout(0, 3, 4), reward: 1 }), undefined);
});

test('two of one name are told apart', () => {
  const made = rolloutTest(rollout(0, 1, 2), { conf }, file);
  const { rollout: name } = made.record;
  assert.deepEqual(testNames([made, made, made]), [name, `${name}x2`, `${name}x3`]);
});
