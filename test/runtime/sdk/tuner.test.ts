import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runInRollout, TuningForkError, type ChatMessage } from '../../../runtime/sdk/index.ts';
import { scriptedServer, tunerFor } from './scripted-server.ts';

const server = await scriptedServer();

function refused(message: RegExp, next?: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof TuningForkError);
    assert.equal(error.code, 'workflow');
    assert.match(error.message, message);
    if (next !== undefined) assert.match(error.next ?? '', next);
    return true;
  };
}

test('simple mode: the tuner is a model, in the role "default"', async () => {
  const { tuner } = tunerFor(server.url);
  server.say('hello');
  const reply = await tuner.call([{ role: 'user', content: 'hi' }]);
  assert.equal(reply.text, 'hello');
  assert.deepEqual(reply.usage, { prompt: 7, completion: 3 });
  const { path, headers } = server.requests.at(-1)!;
  assert.equal(path, '/run/r1/role/default/v1/chat/completions');
  assert.equal(headers.authorization, 'Bearer secret');
  assert.deepEqual({ baseURL: tuner.baseURL, apiKey: tuner.apiKey, model: tuner.model }, {
    baseURL: `${server.url}/role/default/v1`, apiKey: 'secret', model: 'tuning-fork',
  });
  assert.deepEqual(tuner.config, { rollout: { num_repeat: 4 } });
});

test('advanced mode: a role has its own address, and the backbone hears of its default model before the first call', async () => {
  let knows = false;
  const { tuner } = tunerFor(server.url, {
    isTarget: (role) => role === 'solver',
    register: async (role, { defaultModel }) => {
      await new Promise((resolve) => setTimeout(resolve, 20));
      if (role === 'critic' && defaultModel === 'openai:gpt-4o') knows = true;
    },
  });
  const critic = tuner.registerModel('critic', { defaultModel: 'openai:gpt-4o' });
  assert.equal(critic, tuner.getModel('critic'));
  server.say((response) => response.writeHead(200).end(JSON.stringify({
    choices: [{ message: { content: knows ? 'known' : 'unknown' }, finish_reason: 'stop' }],
  })));
  assert.equal((await critic.call([{ role: 'user', content: 'hi' }])).text, 'known');
  assert.equal(server.requests.at(-1)!.path, '/run/r1/role/critic/v1/chat/completions');
});

test('tells the backbone of a role once, with what it may use', () => {
  const { tuner, registered } = tunerFor(server.url, { isTarget: (role) => role !== 'judge' });
  tuner.getModel('solver');
  tuner.registerModel('judge', { defaultModel: { baseURL: 'http://127.0.0.1:1/v1', apiKey: 'k', model: 'm' } });
  assert.deepEqual([...registered], [['solver', undefined], ['judge', { baseURL: 'http://127.0.0.1:1/v1', apiKey: 'k', model: 'm' }]]);
});

test('a role that is neither trained nor registered has no model', () => {
  const { tuner } = tunerFor(server.url, { isTarget: (role) => role === 'solver' });
  assert.throws(() => tuner.getModel('critic'), refused(/"critic" is not trained and has no default model/, /registerModel\('critic'/));
  assert.throws(() => tuner.call([]), refused(/"default" is not trained/));
});

test('players may share a role; a different default model for it is refused', () => {
  const { tuner } = tunerFor(server.url, { isTarget: () => false });
  for (const role of ['werewolf', 'villager', 'werewolf']) {
    tuner.registerModel(role, { defaultModel: { call: () => 'hm', modelName: 'qwen-max' } as { call: () => string } });
  }
  tuner.registerModel('seer', { defaultModel: { baseURL: 'http://x/v1', apiKey: 'a', model: 'm' } });
  tuner.registerModel('seer', { defaultModel: { baseURL: 'http://x/v1', apiKey: 'a', model: 'm' } });
  for (const other of ['openai:gpt-4o', { baseURL: 'http://y/v1', apiKey: 'a', model: 'm' }, () => 'x']) {
    assert.throws(() => tuner.registerModel('seer', { defaultModel: other }), refused(/"seer" is registered already/));
  }
});

test('a default model must name a model, and the error names the line', () => {
  const { tuner } = tunerFor(server.url);
  for (const good of ['openai:gpt-4o', 'ollama:qwen3:0.6b', 'policy@base']) tuner.registerModel(good, { defaultModel: good });
  for (const bad of ['gpt-4o', '', 'openai:', 'policy@']) {
    assert.throws(() => tuner.registerModel('r', { defaultModel: bad }), (error: TuningForkError) => {
      assert.match(error.message, /does not name a model/);
      assert.equal(error.where?.file, import.meta.filename);
      return true;
    });
  }
  assert.throws(() => tuner.registerModel('', { defaultModel: 'openai:gpt-4o' }), refused(/needs a name/));
});

test('a model object of the process is asked in the process, and kept beside the tool calls', async () => {
  const kept: unknown[] = [];
  const asked: ChatMessage[][] = [];
  const { tuner, registered } = tunerFor(server.url, { isTarget: () => false });
  const before = server.requests.length;
  const reply = await runInRollout({
    signal: new AbortController().signal,
    tools: {
      run: async (name, args, [site], execute) => {
        const result = await execute();
        kept.push([name, JSON.parse(args), result, site?.file]);
        return result;
      },
    },
  }, async () => {
    const critic = tuner.registerModel('critic', {
      defaultModel: {
        call: (messages) => {
          asked.push(messages);
          return { text: 'fine', toolCalls: [{ id: 'c1', type: 'function', function: { name: 'f', arguments: '{}' } }] };
        },
      },
    });
    assert.throws(() => critic.asOpenAI(), refused(/"critic" is played by a model object/));
    assert.throws(() => critic.baseURL, refused(/no address/));
    return critic.call([{ role: 'user', content: 'hi' }]);
  });
  assert.equal(reply.text, 'fine');
  assert.equal(reply.finish, 'tool_calls');
  assert.equal(reply.message.tool_calls?.[0]?.id, 'c1');
  assert.deepEqual(asked, [[{ role: 'user', content: 'hi' }]]);
  assert.equal(registered.size, 0);
  assert.equal(server.requests.length, before);
  assert.deepEqual(kept, [[
    'model:critic', [{ role: 'user', content: 'hi' }],
    '{"text":"fine","toolCalls":[{"id":"c1","type":"function","function":{"name":"f","arguments":"{}"}}]}', import.meta.filename,
  ]]);
});

test('while its role is trained, the object is not asked', async () => {
  const { tuner } = tunerFor(server.url);
  const model = tuner.registerModel('critic', { defaultModel: () => assert.fail('asked') });
  server.say('from the policy');
  assert.equal((await model.call([{ role: 'user', content: 'hi' }])).text, 'from the policy');
});
