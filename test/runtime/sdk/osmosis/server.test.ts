import assert from 'node:assert/strict';
import { createServer, get, type IncomingHttpHeaders, type Server } from 'node:http';
import { after, before, beforeEach, test } from 'node:test';
import { AgentWorkflow, AgentWorkflowConfig, ConcurrencyConfig, Grader, RolloutContext, type AgentWorkflowContext, type GraderContext } from '../../../../runtime/sdk/osmosis/index.ts';
import { createRolloutServer, LocalBackend, type RolloutServer } from '../../../../runtime/sdk/osmosis/server/index.ts';

interface Seen { path: string; headers: IncomingHttpHeaders; body: Record<string, unknown> }

/** A scripted controller: answers model calls, takes callbacks. */
let controller: Server;
let origin: string;
let seen: Seen[];
let refuse = 0;
let answerModel = (): Promise<void> => Promise.resolve();
let heard: () => void;

before(async () => {
  controller = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const path = request.url!;
    if (path.includes('/chat/completions')) await answerModel();
    seen.push({ path, headers: request.headers, body: JSON.parse(Buffer.concat(chunks).toString()) });
    heard?.();
    if (path.startsWith('/done') && refuse-- > 0) return void response.writeHead(503).end();
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(path.includes('/chat/') ? { id: 'c', object: 'chat.completion', created: 0, model: 'm', choices: [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', content: '2' } }], usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 } } : {}));
  });
  await new Promise<void>((resolve) => void controller.listen(0, '127.0.0.1', resolve));
  origin = `http://127.0.0.1:${(controller.address() as { port: number }).port}`;
});
after(() => { controller.closeAllConnections(); controller.close(); });
beforeEach(() => { seen = []; refuse = 0; answerModel = () => Promise.resolve(); });

class Config extends AgentWorkflowConfig {
  name = 'adder';
  override concurrency = new ConcurrencyConfig({ maxConcurrent: 1 });
}
class Adder extends AgentWorkflow<Config> {
  async run(ctx: AgentWorkflowContext<Config>): Promise<unknown> {
    const said = ctx.prompt[0]!.content;
    if (said === 'throw null') throw null;
    if (said === 'no JSON') return { info: { big: 1n } };
    if (said === 'never') return new Promise(() => {});
    const { message } = await RolloutContext.current().model('solver').call(ctx.prompt);
    RolloutContext.current().registerSampleSource('solver', [...ctx.prompt, message]);
    return undefined;
  }
}
class Exact extends Grader {
  async grade(ctx: GraderContext): Promise<void> {
    if (ctx.label === 'never') await new Promise(() => {});
    ctx.setReward(ctx.sample.messages.at(-1)!.content === ctx.label ? 1 : 0);
  }
}

async function withServer(work: (server: RolloutServer, post: (path: string, body: unknown, headers?: Record<string, string>) => Promise<{ status: number; body: Record<string, unknown>; headers: Headers }>) => Promise<void>, options: { apiKey?: string } = {}): Promise<void> {
  const server = await createRolloutServer({ backend: new LocalBackend({ workflow: Adder, workflowConfig: new Config(), grader: Exact }), port: 0, firstWait: 5, ...options });
  try {
    await work(server, async (path, body, headers = {}) => {
      const response = await fetch(`${server.url}${path}`, { method: 'POST', body: typeof body === 'string' ? body : JSON.stringify(body), headers: { 'content-type': 'application/json', ...headers } });
      return { status: response.status, body: await response.json() as Record<string, unknown>, headers: response.headers };
    });
  } finally {
    await server.close();
  }
}

const request = (id: string, more: object = {}): object => ({
  initial_messages: [{ role: 'user', content: '1+1?' }], label: '2', rollout_id: id, chat_completions_url: `${origin}/v1/rollouts/${id}/chat/completions`,
  controller_api_key: 'controller-key', completion_callback_url: `${origin}/done/${id}`, grader_callback_url: `${origin}/graded/${id}`, ...more,
});

async function callback(path: string): Promise<Seen> {
  for (;;) {
    const found = seen.find((one) => one.path === path);
    if (found !== undefined) return found;
    await new Promise<void>((resolve) => void (heard = resolve));
  }
}

test('a rollout is taken, run on the controller’s model, told of, graded and told of again', async () => {
  await withServer(async (server, post) => {
    refuse = 2;
    assert.deepEqual(await post('/rollout', request('r1')).then(({ status, body }) => [status, body]), [202, {}]);
    const graded = await callback('/graded/r1');
    const model = seen.find(({ path }) => path.includes('/chat/'))!;
    assert.deepEqual([model.path, model.headers.authorization, model.headers['x-rollout-id'], model.headers['x-sample-id']], ['/v1/rollouts/r1/chat/completions', 'Bearer controller-key', 'r1', 'solver']);
    assert.deepEqual(Object.keys(model.headers).filter((name) => name.includes('tuning-fork')), [], 'nothing of the code is told');
    const done = seen.filter(({ path }) => path === '/done/r1');
    assert.equal(done.length, 3, 'a busy controller is asked again');
    assert.deepEqual(done.at(-1)!.body, { status: 'success', rollout_id: 'r1', extra_fields: {}, err_message: null, err_category: null });
    const sample = graded.body.sample as { reward: number; label: string; messages: { content: string }[] };
    assert.deepEqual([graded.body.status, sample.reward, sample.label, sample.messages.map(({ content }) => content)], ['success', 1, '2', ['1+1?', '2']]);
    assert.ok(seen.indexOf(done.at(-1)!) < seen.indexOf(graded));
    assert.deepEqual(await (await fetch(`${server.url}/rollout/r1/status`)).json(), { rollout_id: 'r1', status: 'success', reward: 1, err_message: null });
    assert.equal((await (await fetch(`${server.url}/rollout/nobody/status`)).json() as { status: string }).status, 'unknown');
  });
});

test('without a place it says when to come again; what waits and what runs is cancelled, and told once', async () => {
  await withServer(async (server, post) => {
    let release = (): void => {};
    answerModel = () => new Promise((resolve) => void (release = resolve));
    assert.equal((await post('/rollout', request('a'))).status, 202);
    assert.equal((await post('/rollout', request('b'))).status, 202);
    const full = await post('/rollout', request('c'));
    assert.deepEqual([full.status, full.headers.get('retry-after')], [429, '5']);
    assert.equal((await post('/rollout', request('a'))).status, 409);
    assert.deepEqual(((await (await fetch(`${server.url}/health`)).json()) as { concurrency: object }).concurrency, { running: 1, queued: 1, max: 1 });
    assert.deepEqual((await post('/rollout/cancel', { ids: ['a', 'b', 'z'] })).body, { dispositions: { a: 'cancelled_running', b: 'cancelled_queued', z: 'not_found' } });
    const [one, other] = [await callback('/done/a'), await callback('/done/b')];
    assert.deepEqual([one.body.status, other.body.status, one.body.err_category], ['cancelled', 'cancelled', null]);
    release();
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.equal(seen.filter(({ path }) => path === '/done/a' || path === '/graded/a').length, 1);
  });
});

test('too long, and code that throws, are failures of their kind', async () => {
  await withServer(async (_, post) => {
    answerModel = () => new Promise((resolve) => void setTimeout(resolve, 300));
    await post('/rollout', request('slow', { agent_timeout_sec: 0.05 }));
    const { body } = await callback('/done/slow');
    assert.deepEqual([body.status, body.err_category, body.err_message], ['failure', 'timeout', 'It took longer than 0.05 s.']);
    await post('/rollout', request('bad', { initial_messages: [{ role: 'user' }], chat_completions_url: 'http://127.0.0.1:9/v1/chat/completions' }));
    assert.equal((await callback('/done/bad')).body.status, 'failure');
  });
});

const says = (content: string): object => ({ initial_messages: [{ role: 'user', content }] });

test('whatever is thrown, and whatever can’t be told as JSON, ends a rollout and is told', async () => {
  await withServer(async (_, post) => {
    await post('/rollout', request('null', says('throw null')));
    assert.equal((await callback('/done/null')).body.err_message, 'It threw null');
    await post('/rollout', request('big', says('no JSON')));
    const { body } = await callback('/done/big');
    assert.deepEqual([body.status, body.err_category], ['failure', 'agent_error']);
  });
});

test('an id of any letters goes into the headers, and is asked for in a path', async () => {
  await withServer(async (server, post) => {
    await post('/rollout', { ...request('t'), rollout_id: '任务/1' });
    await callback('/graded/t');
    assert.equal(seen.find(({ path }) => path.includes('/chat/'))!.headers['x-rollout-id'], encodeURIComponent('任务').concat('/1'));
    assert.equal((await (await fetch(`${server.url}/rollout/${encodeURIComponent('任务/1')}/status`)).json() as { status: string }).status, 'success');
    assert.equal((await fetch(`${server.url}/rollout/%/status`)).status, 400);
  });
});

test('code that never comes back keeps no place', async () => {
  await withServer(async (server, post) => {
    await post('/rollout', request('hangs', { ...says('never'), agent_timeout_sec: 0.05 }));
    assert.equal((await callback('/done/hangs')).body.err_category, 'timeout');
    await post('/rollout', request('stuck', says('never')));
    await post('/rollout', request('waits'));
    assert.equal((await post('/rollout', request('none'))).status, 429);
    await post('/rollout/cancel', { all: true });
    for (const id of ['stuck', 'waits']) assert.equal((await callback(`/done/${id}`)).body.status, 'cancelled');
    assert.deepEqual((await (await fetch(`${server.url}/health`)).json() as { concurrency: object }).concurrency, { running: 0, queued: 0, max: 1 });
    await post('/rollout', request('next'));
    assert.equal((await callback('/done/next')).body.status, 'success');
  });
});

test('what is cancelled before its grader begins is not graded', async () => {
  await withServer(async (_, post) => {
    refuse = 1;
    let told = (): void => {};
    const first = new Promise<void>((resolve) => void (told = resolve));
    heard = () => void (seen.some(({ path }) => path === '/done/g') && told());
    await post('/rollout', request('g', { label: 'never' }));
    await first;
    await post('/rollout/cancel', { ids: ['g'] });
    const { body } = await callback('/graded/g');
    assert.deepEqual([body.status, body.err_message, (body.sample as { reward: unknown }).reward], ['failure', 'cancelled', null]);
  });
});

test('without a key a page whose name was re-bound to this machine is not answered', async () => {
  await withServer(async (server) => {
    const statusOf = (host: string): Promise<number> => new Promise((resolve, reject) => {
      get(`${server.url}/health`, { headers: { host } }, (response) => resolve(response.resume().statusCode!)).on('error', reject);
    });
    const { port } = new URL(server.url);
    assert.deepEqual(await Promise.all([`127.0.0.1:${port}`, `localhost:${port}`, `rebound.example:${port}`, '127.0.0.1.example'].map(statusOf)), [200, 200, 403, 403]);
  });
});

test('what is wrong with a request is said, and nobody else is answered', async () => {
  await withServer(async (server, post) => {
    assert.match(String((await post('/rollout', { ...request('x'), llm_api_key: '' }, { authorization: 'Bearer k' })).body.detail), /`llm_api_key`/);
    assert.equal((await post('/rollout', '{"a":', { authorization: 'Bearer k' })).status, 400);
    assert.equal((await post('/rollout/cancel', { all: true, prefix: 'a' }, { authorization: 'Bearer k' })).status, 422);
    assert.equal((await post('/rollout', request('x'))).status, 401);
    assert.equal((await post('/rollout', request('x'), { authorization: 'Bearer k', origin: 'https://elsewhere' })).status, 403);
    assert.equal((await fetch(`${server.url}/nothing`, { headers: { authorization: 'Bearer k' } })).status, 404);
  }, { apiKey: 'k' });
  await assert.rejects(createRolloutServer({ backend: new LocalBackend({ workflow: Adder }), host: '0.0.0.0', port: 0 }), /needs an apiKey/);
  await assert.rejects(createRolloutServer({ backend: new LocalBackend({ workflow: Adder }), port: Number('x') }), /NaN is no port/);
  await assert.rejects(createRolloutServer({ backend: new LocalBackend({ workflow: Adder }), port: Number(new URL(origin).port) }), /Port \d+ on 127\.0\.0\.1 is taken/);
});
