import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { LendingError, type Asked, type LentModel } from '../../../extension/models/lender.ts';
import { lendModels, type LendingServer } from '../../../extension/models/server.ts';
import { openChatPolicy } from '../../../runtime/policy/openai.ts';
import { openPolicy } from '../../../runtime/policy/open.ts';

/** A fake: it repeats what it is asked, calls the first tool it is given, and knows nothing. */
const asked: Asked[] = [];
let left = 0;
const echo: LentModel = {
  id: 'copilot/echo-1', family: 'echo', vendor: 'copilot',
  async countTokens(text) {
    return text.split(' ').length;
  },
  async *ask(request, signal) {
    asked.push(request);
    signal.addEventListener('abort', () => void left++, { once: true });
    const last = request.messages.at(-1)!.content;
    if (last === 'refuse') throw new LendingError(403, 'copilot/echo-1: not allowed.');
    if (last === 'forever') await new Promise(() => {});
    const [tool] = request.tools;
    if (tool !== undefined) return yield { call: { id: 'c1', name: tool.function.name, input: { question: last } } };
    for (const word of last.split(/(?= )/)) yield { text: word };
  },
};

let server: LendingServer;
before(async () => void (server = await lendModels(async () => [echo], 'token')));
after(() => server.close());

const post = (body: object, key = 'token', signal?: AbortSignal): Promise<Response> =>
  fetch(`${server.baseURL}/chat/completions`, { method: 'POST', headers: { authorization: `Bearer ${key}` }, body: JSON.stringify(body), signal: signal ?? null });
const say = (content: string): { role: 'user'; content: string }[] => [{ role: 'user', content }];
const sampling = { temperature: 0.5, topP: 1, topK: 0, maxTokens: 20 };

test('a run asks a lent model as it asks any other server', async () => {
  const policy = openChatPolicy({ baseURL: server.baseURL, apiKey: 'token', model: 'echo' });
  const { content, finish, usage, tokens } = await policy.complete({ messages: [{ role: 'system', content: 'Be brief.' }, ...say('hello there')], sampling });
  assert.deepEqual({ content, finish, usage, tokens }, { content: 'hello there', finish: 'stop', usage: { prompt: 3, completion: 2 }, tokens: undefined });
  const last = asked.at(-1)!;
  assert.deepEqual(last.messages.map(({ role }) => role), ['system', 'user']);
  assert.deepEqual(last.options, { temperature: 0.5, top_p: 1, max_tokens: 20 });
  const tool = { type: 'function' as const, function: { name: 'look_up', parameters: { type: 'object' } } };
  const called = await policy.complete({ messages: say('weather'), tools: [tool], toolChoice: 'required', sampling });
  assert.deepEqual(called.toolCalls, [{ id: 'c1', type: 'function', function: { name: 'look_up', arguments: '{"question":"weather"}' } }]);
  assert.equal(called.finish, 'tool_calls');
  assert.equal(asked.at(-1)!.mustCall, true);
  await policy.close();
});

test('vscode:<family> of a configuration leads there', async () => {
  const policy = await openPolicy('vscode:echo', { dir: '/', env: { TUNING_FORK_VSCODE_URL: server.baseURL, TUNING_FORK_VSCODE_KEY: 'token' } });
  assert.equal(policy.kind, 'chat');
  assert.equal(policy.label, 'vscode:echo');
  assert.equal(policy.kind === 'chat' && (await policy.complete({ messages: say('hi'), sampling })).content, 'hi');
  await policy.close();
});

test('a stream tells the same piece by piece', async () => {
  const response = await post({ model: 'copilot', messages: say('one two three'), stream: true, stream_options: { include_usage: true } });
  assert.equal(response.headers.get('content-type'), 'text/event-stream');
  const lines = (await response.text()).split('\n\n').filter((line) => line !== '').map((line) => line.replace(/^data: /, ''));
  assert.equal(lines.pop(), '[DONE]');
  const chunks = lines.map((line) => JSON.parse(line) as { choices: { delta: { content?: string }; finish_reason: string | null }[]; usage?: object });
  assert.equal(chunks.map(({ choices }) => choices[0]?.delta.content ?? '').join(''), 'one two three');
  assert.deepEqual(chunks.flatMap(({ choices }) => choices.map(({ finish_reason: why }) => why)), [null, null, null, 'stop']);
  assert.deepEqual(chunks.at(-1)!.usage, { prompt_tokens: 3, completion_tokens: 3, total_tokens: 6 });
});

test('whoever has no token gets nothing, and what can’t be answered says why', async () => {
  assert.equal((await post({ model: 'echo', messages: say('hi') }, 'other')).status, 401);
  assert.equal((await fetch(`${server.baseURL}/models`)).status, 401);
  const reason = async (response: Response): Promise<[number, string]> => [response.status, ((await response.json()) as { error: { message: string } }).error.message];
  assert.deepEqual(await reason(await post({ model: 'gpt-9', messages: say('hi') })), [404, 'VS Code has no model "gpt-9". It has copilot/echo-1.']);
  assert.deepEqual(await reason(await post({ model: 'echo', messages: [] })), [400, '`messages` must be a list of at least one.']);
  assert.deepEqual(await reason(await post({ model: 'echo', messages: [{ role: 'user', content: [{ type: 'image_url' }] }] })), [400, 'Only text can be sent to a model of VS Code.']);
  assert.deepEqual(await reason(await post({ model: 'echo', messages: say('refuse'), stream: true })), [403, 'copilot/echo-1: not allowed.'], 'also of a stream, by its status');
  assert.equal((await fetch(server.baseURL.replace('/v1', '/v2'), { headers: { authorization: 'Bearer token' } })).status, 404);
});

test('a client that leaves takes its question back', async () => {
  const before = left;
  const leaving = new AbortController();
  const response = post({ model: 'echo', messages: say('forever') }, 'token', leaving.signal);
  while (asked.at(-1)?.messages[0]?.content !== 'forever') await new Promise((resolve) => setTimeout(resolve, 5));
  leaving.abort();
  await assert.rejects(response);
  while (left === before) await new Promise((resolve) => setTimeout(resolve, 5));
});

test('the door is opened where it was before, if that is free', async () => {
  const other = await lendModels(async () => [], 'token');
  await other.close();
  const again = await lendModels(async () => [], 'token', other.port);
  assert.equal(again.port, other.port);
  const third = await lendModels(async () => [], 'token', other.port);
  assert.notEqual(third.port, other.port);
  await Promise.all([again.close(), third.close()]);
});
