import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runInRollout, tool, ToolError, Toolkit, TuningForkError, z, type RolloutContext, type ToolCall, type ToolRecorder } from '../../../runtime/sdk/index.ts';

function call(name: string, args: unknown = {}): ToolCall {
  return { id: 'c', type: 'function', function: { name, arguments: typeof args === 'string' ? args : JSON.stringify(args) } };
}

const toolkit = new Toolkit([
  tool({ name: 'double', description: 'Doubles.', parameters: z.object({ n: z.int() }), run: ({ n }) => ({ doubled: n * 2 }) }),
  tool({
    name: 'json', description: 'Takes a JSON Schema.',
    parameters: { type: 'object', properties: { word: { type: 'string' } }, required: ['word'] },
    run: ({ word }) => String(word),
  }),
  tool({ name: 'nothing', description: 'Takes nothing, says nothing.', run: () => undefined }),
  tool({ name: 'broken', description: 'Throws.', run: () => { throw new Error('disk full'); } }),
  tool({ name: 'deep', description: 'Asks a model.', run: async () => { throw new TuningForkError('provider', 'no key'); } }),
  tool({ name: 'hear', description: 'Sees the signal.', run: (_, { signal }) => String(signal.aborted) }),
]);

test('without a rollout tools just run', async () => {
  assert.deepEqual(await toolkit.call(call('double', { n: 4 })), { text: '{"doubled":8}', error: false });
  assert.deepEqual(await toolkit.call(call('json', { word: 'hi' })), { text: 'hi', error: false });
  assert.deepEqual(await toolkit.call(call('nothing', '')), { text: '', error: false });
  assert.deepEqual(await toolkit.call(call('hear')), { text: 'false', error: false });
});

test('whatever a model gets wrong is told to it', async () => {
  const cases: [ToolCall, RegExp][] = [
    [call('tripple'), /^Error: there is no tool "tripple"\. Tools: double, json, nothing, broken, deep, hear$/],
    [call('double', '{"n": 4'), /^Error: the arguments are not JSON: /],
    [call('double', { n: 'four' }), /^Error: the arguments of double don't fit: n: Invalid input: expected number/],
    [call('double', '[1]'), /^Error: the arguments of double don't fit: Invalid input: expected object/],
    [call('json', { word: 3 }), /^Error: the arguments of json don't fit: word: /],
    [call('broken'), /^Error: disk full$/],
  ];
  for (const [each, text] of cases) {
    const result = await toolkit.call(each);
    assert.match(result.text, text);
    assert.equal(result.error, true);
  }
});

test('a failed model call inside a tool is not for the agent to repair', async () => {
  await assert.rejects(toolkit.call(call('deep')), { code: 'provider' });
});

test('two tools of one name are refused, with the line', () => {
  const double = tool({ name: 'double', description: '', run: () => '' });
  assert.throws(() => toolkit.register(double), (error: TuningForkError) => error.code === 'tool' && error.where?.file === import.meta.filename);
});

test('the schema a model reads has nothing but what it needs', () => {
  const { definitions: [definition] } = new Toolkit([tool({
    name: 'f', description: 'd', run: () => '',
    parameters: z.object({ n: z.int().describe('how many'), of: z.object({ kind: z.enum(['a', 'b']) }).optional() }),
  })]);
  assert.deepEqual(definition, {
    type: 'function',
    function: {
      name: 'f', description: 'd',
      parameters: {
        type: 'object', required: ['n'],
        properties: { n: { type: 'integer', description: 'how many' }, of: { type: 'object', properties: { kind: { type: 'string', enum: ['a', 'b'] } }, required: ['kind'] } },
      },
    },
  });
});

interface Kept { name: string; args: string; file: string | undefined; result: string; error?: true }

function recording(): { context: RolloutContext; kept: Kept[] } {
  const kept: Kept[] = [];
  const tools: ToolRecorder = {
    async run(name, args, [site], execute) {
      const entry = { name, args, file: site?.file };
      try {
        const result = await execute();
        kept.push({ ...entry, result });
        return result;
      } catch (error) {
        if (error instanceof ToolError) kept.push({ ...entry, result: error.message, error: true });
        throw error;
      }
    },
  };
  return { kept, context: { tools, signal: new AbortController().signal } };
}

test('in a rollout every call passes the recorder, the failed ones marked', async () => {
  const { context, kept } = recording();
  const texts = await runInRollout(context, async () => {
    const results = await Promise.all([toolkit.call(call('json', { word: 'hi' })), toolkit.call(call('broken')), toolkit.call(call('tripple'))]);
    return results.map(({ text }) => text);
  });
  const file = import.meta.filename;
  assert.deepEqual(kept.sort((one, other) => one.name.localeCompare(other.name)), [
    { name: 'broken', args: '{}', file, result: texts[1], error: true },
    { name: 'json', args: '{"word":"hi"}', file, result: 'hi' },
    { name: 'tripple', args: '{}', file, result: texts[2], error: true },
  ]);
});

test('a replay is served from the record, and no tool runs', async () => {
  const recorded: Record<string, () => string> = { json: () => 'from the record', broken: () => { throw new ToolError('Error: it was full'); } };
  const context: RolloutContext = {
    signal: new AbortController().signal,
    tools: { run: async (name) => recorded[name]!() },
  };
  await runInRollout(context, async () => {
    assert.deepEqual(await toolkit.call(call('json', { word: 3 })), { text: 'from the record', error: false });
    assert.deepEqual(await toolkit.call(call('broken')), { text: 'Error: it was full', error: true });
  });
});

test('what a recorder itself refuses ends the rollout', async () => {
  const diverged = new TuningForkError('diverged', 'another call was recorded here');
  const context: RolloutContext = { signal: new AbortController().signal, tools: { run: () => Promise.reject(diverged) } };
  await assert.rejects(runInRollout(context, () => toolkit.call(call('json', { word: 'x' }))), diverged);
});
