import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BadRequestError, OpenAI } from 'openai';
import { decodeStack } from '../../../runtime/protocol/site.ts';
import { ReActAgent, tool, Toolkit, TuningForkError, type ChatModel } from '../../../runtime/sdk/index.ts';
import { answer, scriptedServer, tunerFor } from './scripted-server.ts';

const server = await scriptedServer();
const { tuner } = tunerFor(server.url);
const hello = [{ role: 'user' as const, content: 'hi' }];

/** The line that runs now, so that a test need not count lines. */
function thisLine(): number {
  return Number(/:(\d+):\d+\)?$/.exec(new Error('line').stack!.split('\n')[2]!)![1]);
}

function siteSeen(): { file: string; line?: number } {
  const [site] = decodeStack(server.requests.at(-1)!.headers['x-tuning-fork-site'] as string);
  assert.ok(site, 'a site was sent');
  return { file: site.file, line: site.line };
}

test('what is asked for is sent under its OpenAI name, and what is not asked for is not sent', async () => {
  server.say('a');
  await tuner.call(hello, { temperature: 0.5, topP: 0.9, maxTokens: 10, stop: ['\n'], seed: 3, tools: [], toolChoice: 'auto' });
  assert.deepEqual(server.requests.at(-1)!.body, {
    model: 'tuning-fork', messages: hello, temperature: 0.5, top_p: 0.9, max_tokens: 10, stop: ['\n'], seed: 3,
  });
});

test('a call names the line of user code that made it', async () => {
  server.say('a');
  await tuner.call(hello); const line = thisLine();
  assert.deepEqual(siteSeen(), { file: import.meta.filename, line });
});

test('through an agent the site is the line that asked the agent, also after its tools ran', async () => {
  const ping = tool({ name: 'ping', description: '', run: async () => new Promise((resolve) => setTimeout(resolve, 5, 'pong')) });
  const agent = new ReActAgent({ name: 'a', sysPrompt: 's', model: tuner, toolkit: new Toolkit([ping]) });
  server.say({ calls: [{ name: 'ping', args: {} }] }, 'done');
  const expected = { file: import.meta.filename, line: thisLine() + 1 };
  await agent.reply('go');
  assert.deepEqual(siteSeen(), expected);
});

test('the site is found through deep frameworks of packages', async () => {
  const model: ChatModel = tuner;
  const deep = (depth: number): Promise<unknown> => depth === 0 ? model.call(hello) : frame(() => deep(depth - 1));
  // Frames whose file lies in node_modules, as a framework's would.
  const frame = new Function('next', 'return next();\n//# sourceURL=/p/node_modules/framework/index.js') as <T>(next: () => T) => T;
  server.say('a');
  await deep(30);
  assert.equal(siteSeen().file, import.meta.filename);
});

test('the OpenAI client works as it is, retries and streams included, and names its line too', async () => {
  const client = tuner.asOpenAI();
  assert.equal(client, tuner.asOpenAI());
  assert.ok(client instanceof OpenAI, 'the class that an import of openai gives');
  server.say('a');
  const completion = await client.chat.completions.create({ model: 'gpt-4o', messages: hello }); const line = thisLine();
  assert.equal(completion.choices[0]!.message.content, 'a');
  assert.deepEqual(siteSeen(), { file: import.meta.filename, line });
  assert.equal(server.requests.at(-1)!.headers.authorization, 'Bearer secret');

  server.say(
    (response) => answer(response, 500, { error: { message: 'once' } }, { 'retry-after-ms': '1' }),
    (response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      for (const content of ['st', 'ream']) {
        response.write(`data: ${JSON.stringify({ object: 'chat.completion.chunk', choices: [{ index: 0, delta: { content } }] })}\n\n`);
      }
      response.end('data: [DONE]\n\n');
    },
  );
  let text = '';
  for await (const chunk of await client.chat.completions.create({ model: 'm', messages: hello, stream: true })) {
    text += chunk.choices[0]!.delta.content;
  }
  assert.equal(text, 'stream');
  const [failed, repeated] = server.requests.slice(-2).map(({ headers }) => headers);
  assert.ok(failed!['idempotency-key']);
  assert.equal(repeated!['idempotency-key'], failed!['idempotency-key'], 'a retry is known as one');
  assert.equal(repeated!['x-tuning-fork-site'], failed!['x-tuning-fork-site']);
});

test('an OpenAI error keeps its class, status and words', async () => {
  server.say((response) => answer(response, 400, { error: { message: 'too long', type: 'invalid_request_error', code: 'context_length_exceeded' } }));
  await assert.rejects(async () => tuner.asOpenAI().chat.completions.create({ model: 'm', messages: hello }), (error) => {
    assert.ok(error instanceof BadRequestError);
    assert.equal(error.code, 'context_length_exceeded');
    return true;
  });
});

test('errors of a call have the code of the gateway, its sentence, and a stack that starts in user code', async () => {
  const cases = [
    [400, { error: { message: 'too long', code: 'context_length_exceeded' } }, 'context-length', /^too long$/],
    [400, { error: { message: 'messages[0]: bad', code: null } }, 'model-request', /^messages\[0\]: bad$/],
    [502, { error: { message: 'no key', code: 'invalid_api_key' } }, 'provider', /^no key$/],
    [409, { error: { message: 'diverged at call 3', code: 'diverged' } }, 'diverged', /call 3/],
    [418, { tea: true }, 'model-request', /"default" answered with status 418: \{"tea":true\}/],
  ] as const;
  for (const [status, body, code, message] of cases) {
    server.say((response) => answer(response, status, body));
    await assert.rejects(async () => tuner.call(hello), (error) => {
      assert.ok(error instanceof TuningForkError);
      assert.equal(error.code, code);
      assert.match(error.message, message);
      assert.equal(error.where?.file, import.meta.filename);
      assert.match(error.stack!.split('\n')[1]!, /model\.test\.ts/);
      return true;
    });
  }
});

test('waits where it is told to', async () => {
  server.say((response) => answer(response, 429, { error: { message: 'swapping weights' } }, { 'retry-after': '1' }), 'now');
  const started = performance.now();
  assert.equal((await tuner.call(hello)).text, 'now');
  assert.ok(performance.now() - started > 950);
  const [first, second] = server.requests.slice(-2).map(({ headers }) => headers['idempotency-key']);
  assert.equal(first, second);
});

test('a connection that the server closed while it was idle is opened again', async () => {
  server.say((response) => {
    response.on('finish', () => setTimeout(() => response.socket?.destroy(), 1));
    answer(response, 200, { choices: [{ message: { content: 'one' }, finish_reason: 'stop' }] });
  });
  assert.equal((await tuner.call(hello)).text, 'one');
  server.say('two');
  assert.equal((await tuner.call(hello)).text, 'two');
});

test('a gateway that is gone is one clear sentence', async () => {
  const { tuner: gone } = tunerFor('http://127.0.0.1:1/run/r1');
  await assert.rejects(async () => gone.call(hello), (error: TuningForkError) => {
    assert.equal(error.code, 'backbone');
    assert.match(error.message, /does not answer: .*ECONNREFUSED/);
    assert.ok(error.next);
    return true;
  });
});

test('the end of the rollout ends its calls, with its own reason; so does the caller', async () => {
  const rollout = new AbortController();
  const { tuner: cancelled } = tunerFor(server.url, { signal: rollout.signal });
  const reason = new TuningForkError('rollout-timeout', 'out of time');
  server.say(() => rollout.abort(reason));
  await assert.rejects(async () => cancelled.call(hello), reason);
  await assert.rejects(async () => cancelled.call(hello), reason, 'and no further call begins');

  const own = new AbortController();
  server.say(() => own.abort());
  await assert.rejects(async () => tuner.call(hello, { signal: own.signal }), { name: 'AbortError' });

  const openai = new AbortController();
  const { tuner: held } = tunerFor(server.url, { signal: openai.signal });
  server.say(() => openai.abort(reason));
  await assert.rejects(async () => held.asOpenAI().chat.completions.create({ model: 'm', messages: hello }, { maxRetries: 0 }));
});

test('hundreds of calls at once, without a warning', async () => {
  const warnings: Error[] = [];
  const warn = (warning: Error): void => void warnings.push(warning);
  process.on('warning', warn);
  server.say(...Array.from({ length: 300 }, (_, index) => `${index}`));
  const texts = await Promise.all(Array.from({ length: 300 }, async () => (await tuner.call(hello)).text));
  assert.equal(new Set(texts).size, 300);
  await new Promise((resolve) => setImmediate(resolve));
  process.off('warning', warn);
  assert.deepEqual(warnings, []);
});
