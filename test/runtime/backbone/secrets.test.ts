import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { gunzipSync } from 'node:zlib';
import type { JsonObject } from '../../../runtime/protocol/json.ts';
import { secretsOf } from '../../../runtime/backbone/secrets.ts';
import { Project, type Followed } from './project.ts';
import { scriptedProvider } from './scripted-provider.ts';

const API_KEY = 'Zq7-key-of-somebody-"quoted"';
const TOKEN = 'hf_0123456789abcdefABCDEF';

it('has a telling name, or stands in an address', () => {
  const env = {
    OPENAI_API_KEY: 'k'.repeat(20), PGPASSWORD: 'correct horse', GH_PAT: 'ghp-12345678', NPM_AUTH: 'bm9ib2R5OnNlZQ', REDIS_PASS: 'battery-staple', DATABASE_URL: 'postgres://me:s3cret-word@db/x', HTTPS_PROXY: 'http://proxy:3128',
    SHORT_KEY: 'none', SSH_AUTH_SOCK: '/run/agent.1', PATH: '/usr/bin', KEY_FILE: '/etc/hosts', COMPASS_DIRECTION: 'north-north-west',
  };
  assert.deepEqual(secretsOf({ secrets: ['of the file'] }, env), ['of the file', env.OPENAI_API_KEY, env.PGPASSWORD, env.GH_PAT, env.NPM_AUTH, env.REDIS_PASS, 's3cret-word']);
});

describe('a secret', { timeout: 60_000 }, () => {
  let project: Project;
  const env = { MY_API_KEY: API_KEY, HF_TOKEN: TOKEN };

  before(async () => {
    project = await Project.make({ copy: ['roles.ts'] });
  });

  /** Every form it may have in a file, also inside compressed ones. */
  function nowhere(text: string, where: string): void {
    for (const secret of [API_KEY, TOKEN, JSON.stringify(API_KEY).slice(1, -1), encodeURIComponent(API_KEY), Buffer.from(API_KEY).toString('base64')]) {
      assert.ok(!text.includes(secret), `${where} holds ${secret}`);
    }
  }

  function nowhereIn(run: Followed): void {
    for (const name of readdirSync(run.dir, { recursive: true, encoding: 'utf8' })) {
      const path = join(run.dir, name);
      if (!statSync(path).isFile()) continue;
      const bytes = readFileSync(path);
      nowhere(name.endsWith('.gz') ? gunzipSync(bytes).toString() : bytes.toString(), path);
    }
    nowhere(JSON.stringify(run.events), 'an event');
    nowhere(readFileSync(project.location.log, 'utf8'), 'the log');
  }

  it('is in no file of a run, no event and no log, whatever user code does with it', async () => {
    const run = await project.start(await project.conf({ workflow: 'roles.ts->Leaks', tasks: ['fine', 'throw'] }), { env });
    assert.equal((await run.end()).state, 'finished');
    nowhereIn(run);
    const [fine, threw] = [await run.record('s0t0n0'), await run.record('s0t1n0')];
    assert.match(threw.error!.message, /with \[secret\] \[secret\] in it/);
    assert.match(run.of('log')[0]!.text, /printed \[secret\] \[secret\]/);
    assert.equal(fine.calls[0]!.tokens, undefined, 'its token ids would spell it');
    assert.equal(fine.calls[0]!.why, 'no-token-ids');
  });

  it('of a provider reaches the provider and nobody else, also where the provider repeats it', async () => {
    const provider = await scriptedProvider(({ authorization }) => ({ status: 401, error: `Incorrect API key provided: ${authorization!.slice(7)}` }));
    const model = { path: 'openai:gpt', base_url: provider.baseURL, api_key: '${MY_API_KEY}' };
    const run = await project.start(await project.conf({ workflow: 'roles.ts->Leaks', tasks: ['fine'], more: { model } }), { env });
    await run.end();
    assert.equal(provider.requests[0]!.authorization, `Bearer ${API_KEY}`);
    nowhereIn(run);
    assert.equal(((await run.reader()).info.config.model as { api_key: string }).api_key, '${MY_API_KEY}');
    const status = await (await project.client()).request('status', null);
    nowhere(JSON.stringify(status), 'the status');
  });

  it('is not quoted by the refusal of what it was put in the place of', async () => {
    const wrong: JsonObject[] = [{ model: { path: '${HF_TOKEN}' } }, { rollout: { user_workflow: '${MY_API_KEY}.ts->Leaks' } }];
    for (const more of wrong) {
      const conf = await project.conf({ workflow: 'roles.ts->Leaks', tasks: ['fine'], more });
      const told = await project.start(conf, { env }).then(async (run) => JSON.stringify([await run.end(), run.events]), (error: Error & { next?: string }) => `${error.message} ${error.next}`);
      nowhere(told, 'what is told');
      assert.match(told, /There is no model|there is no such file/);
    }
  });

  it('of one client is not in the environment of another\'s run', async () => {
    const before = process.env.LEFT_BEHIND_KEY;
    process.env.LEFT_BEHIND_KEY = 'left-by-whoever-started-it';
    const other = await Project.make({ copy: ['roles.ts'] });
    try {
      const run = await other.start(await other.conf({ workflow: 'roles.ts->Leaks', tasks: ['fine'] }), { env: { ...env, MINE: 'yes' } });
      await run.end();
      const seen = (await run.record('s0t0n0')).metadata.env as Record<string, string>;
      assert.deepEqual(Object.keys(seen).sort(), ['HF_TOKEN', 'MINE', 'MY_API_KEY']);
    } finally {
      if (before === undefined) delete process.env.LEFT_BEHIND_KEY;
    }
  });
});
