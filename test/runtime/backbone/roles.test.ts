import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { Project } from './project.ts';
import { scriptedProvider, type ScriptedProvider } from './scripted-provider.ts';

describe('roles', { timeout: 60_000, concurrency: 3 }, () => {
  let project: Project;
  let provider: ScriptedProvider;

  before(async () => {
    project = await Project.make({ copy: ['roles.ts'] });
    await project.client();
    provider = await scriptedProvider(() => 'Looks right.');
  });

  it('that are not trained are answered by their default model, and its tokens are no targets', async () => {
    const critic = { baseURL: provider.baseURL, apiKey: 'key-of-the-critic', model: 'critic-1' };
    const run = await project.run({ workflow: 'roles.ts->Two', tasks: [{ task_id: 'a', main_query: '', metadata: { critic } }] });
    const { calls, metadata, error } = await run.record('s0t0n0');
    assert.equal(error, undefined, error?.message);
    assert.deepEqual(calls.map(({ role, target, policy, why }) => [role, target, policy, why]), [['solver', true, 'embedded', undefined], ['critic', false, 'critic-1', 'role-not-a-target']]);
    assert.deepEqual(metadata, { word: 'Looks right.' });
    assert.equal(calls[1]!.tokens, undefined);
    assert.deepEqual(provider.requests.filter(({ body }) => body.model === 'critic-1').map(({ authorization }) => authorization), ['Bearer key-of-the-critic']);
    const entry = (await run.reader()).entry(0);
    assert.equal(entry.trained, calls[0]!.tokens!.sampled.length);
    assert.deepEqual(run.of('workflow-ready')[0]!.roles, ['solver']);
  });

  it('are switched from outside: the source says solver, the client says critic', async () => {
    const solver = { baseURL: provider.baseURL, apiKey: 'k', model: 'solver-1' };
    const conf = await project.conf({ workflow: 'roles.ts->Two', tasks: [{ task_id: 'a', main_query: '', metadata: { critic: solver } }] });
    const both = await project.start(conf, { train: ['solver', 'critic'] });
    await both.end();
    assert.deepEqual((await both.record('s0t0n0')).calls.map(({ role, target, policy }) => [role, target, policy]), [['solver', true, 'embedded'], ['critic', true, 'embedded']]);
    const other = await project.start(conf, { train: ['critic'] });
    await other.end();
    const { error } = await other.record('s0t0n0');
    assert.equal(error?.code, 'workflow');
    assert.equal(error!.message, 'The role "solver" is not trained and has no default model.');
    assert.match(error!.where!.file, /roles\.ts$/);
    assert.match(error!.next!, /registerModel\('solver'/);
    assert.deepEqual(other.of('workflow-ready')[0]!.roles, ['critic']);
  });

  it('without a default model, or with one that cannot be, are told with the line that names them', async () => {
    const models = [undefined, 'nonsense', 'nobody:model', 'openai:gpt-4o', 'policy@nowhere'];
    const run = await project.run({ workflow: 'roles.ts->Two', tasks: models.map((critic, index) => ({ task_id: `${index}`, main_query: '', metadata: { ...(critic && { critic }) } })) });
    const records = await run.records();
    const expected = [/"critic" is not trained and has no default model/, /"nonsense" of role "critic" does not name a model/, /no provider "nobody"/, /OPENAI_API_KEY is not set/, /nowhere/];
    for (const [task, words] of expected.entries()) {
      const { status, error } = records.get(`s0t${task}n0`)!;
      assert.equal(status, 'failed');
      assert.match(error!.message, words);
      assert.match(error!.where!.file, /roles\.ts$/, error!.message);
    }
  });

  it('that nobody registered are refused at the gateway', async () => {
    const run = await project.run({ workflow: 'roles.ts->PastTheTuner', tasks: ['x'] });
    const { error, metadata } = await run.record('s0t0n0');
    assert.ok(Number(metadata.status) >= 400);
    assert.match(String(metadata.said), /The role "stranger" is not trained and has no default model/);
    assert.equal(error?.code, 'no-model-call');
  });

  it('have the key of the client that runs them, not of one that came before', async () => {
    const conf = await project.conf({ workflow: 'roles.ts->Two', tasks: [{ task_id: 'a', main_query: '', metadata: { critic: 'openai:gpt' } }] });
    const keys = ['key-of-one-client', 'key-of-another'];
    for (const key of keys) {
      const run = await project.start(conf, { env: { OPENAI_API_KEY: key, OPENAI_BASE_URL: provider.baseURL } });
      await run.end();
      assert.equal((await run.record('s0t0n0')).status, 'finished');
    }
    assert.deepEqual(provider.requests.filter(({ body }) => body.model === 'gpt').map(({ authorization }) => authorization), keys.map((key) => `Bearer ${key}`));
    const { policies } = await (await project.client()).request('status', null);
    assert.equal(policies.filter((label) => label === 'openai:gpt').length, 2, 'and the status names the model only');
  });
});
