import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readRequest } from '../../../runtime/gateway/request.ts';
import type { ApiError } from '../../../runtime/gateway/errors.ts';

const read = (body: object) => readRequest(JSON.stringify(body));
const messages = [{ role: 'user', content: 'hi' }];
const image = { type: 'image_url', image_url: { url: 'data:' } };

test('messages of all frameworks become one form', () => {
  const cases: [raw: object, read: object][] = [
    [{ role: 'developer', content: 'be kind' }, { role: 'system', content: 'be kind' }],
    [{ role: 'user', content: [{ type: 'text', text: 'a' }, { type: 'text', text: 'b' }] }, { role: 'user', content: 'ab' }],
    [{ role: 'user', content: ['a', { type: 'input_text', text: 'b', annotations: [] }] }, { role: 'user', content: 'ab' }],
    [{ role: 'user', content: null }, { role: 'user', content: '' }],
    [{ role: 'user', content: 'x', name: 'ann' }, { role: 'user', content: 'x', name: 'ann' }],
    [
      { role: 'assistant', content: [{ type: 'text', text: 'x', role: 'assistant', tool_calls: [], reasoning_content: 'leaked' }], annotations: [], audio: null },
      { role: 'assistant', content: 'x' },
    ],
    [{ role: 'assistant', content: 'x', reasoning_content: 'think', refusal: null }, { role: 'assistant', content: 'x', reasoning: 'think' }],
    [{ role: 'assistant', content: [{ type: 'thinking', thinking: 'think' }, { type: 'output_text', text: 'x' }] }, { role: 'assistant', content: 'x', reasoning: 'think' }],
    [{ role: 'assistant' }, { role: 'assistant', content: '' }],
    [{ role: 'assistant', content: null, tool_calls: [] }, { role: 'assistant', content: '' }],
    [
      { role: 'assistant', content: null, tool_calls: [{ index: 0, id: 'c', type: 'function', function: { name: 'f', arguments: { a: 1 }, parsed: null } }] },
      { role: 'assistant', content: '', tool_calls: [{ id: 'c', type: 'function', function: { name: 'f', arguments: '{"a":1}' } }] },
    ],
    [{ role: 'tool', content: [{ type: 'text', text: '3' }], tool_call_id: 'c', name: 'f' }, { role: 'tool', content: '3', tool_call_id: 'c', name: 'f' }],
  ];
  for (const [raw, expected] of cases) assert.deepEqual(read({ messages: [raw] }).messages[0], expected);
});

test('options are read under all their names', () => {
  const request = read({
    model: 'm', messages, temperature: 0.5, top_p: 0.9, top_k: -1, max_completion_tokens: 9, max_tokens: 5, stop: 'x', seed: 3, n: 1, stream: true,
    stream_options: { include_usage: true }, logprobs: true, top_logprobs: 2, return_token_ids: true, user: 'u', parallel_tool_calls: false, presence_penalty: 0,
  });
  assert.deepEqual(request.sampling, { temperature: 0.5, topP: 0.9, topK: -1, maxTokens: 9, stop: ['x'], seed: 3 });
  assert.deepEqual([request.stream, request.includeUsage, request.logprobs, request.topLogprobs, request.returnTokenIds], [true, true, true, 2, true]);
  const plain = read({ messages, max_tokens: 5, temperature: null, stop: null, n: null, tools: null, response_format: { type: 'text' } });
  assert.equal(plain.sampling.maxTokens, 5);
  assert.deepEqual([plain.sampling.temperature, plain.sampling.stop, plain.tools, plain.format], [undefined, undefined, undefined, undefined]);
});

test('tools lose what no model needs, and the same tools are the same object', () => {
  const tools = [{ type: 'function', function: { name: 'f', description: 'd', strict: true, parameters: { type: 'object' } } }];
  const first = read({ messages, tools, tool_choice: { type: 'function', function: { name: 'f' } } });
  assert.deepEqual(first.tools!.definitions, [{ type: 'function', function: { name: 'f', description: 'd', parameters: { type: 'object' } } }]);
  assert.equal(read({ messages, tools }).tools, first.tools);
  assert.equal(read({ messages, tools: [] }).tools, undefined);
});

test('what cannot be read is refused with its place', () => {
  const assistant = (more: object) => ({ messages: [...messages, { role: 'assistant', content: '', ...more }] });
  const cases: [body: unknown, param: string | null, says: RegExp][] = [
    ['{', null, /not JSON/],
    [[], null, /an array, not a JSON object/],
    [null, null, /null, not a JSON object/],
    [{}, 'messages', /is missing/],
    [{ messages: 'hi' }, 'messages', /must be an array, not a string/],
    [{ messages: [] }, 'messages', /is empty/],
    [{ messages: ['hi'] }, 'messages[0]', /must be an object, not a string/],
    [{ messages: [{ content: 'x' }] }, 'messages[0].role', /not missing/],
    [{ messages: [{ role: 'bot', content: 'x' }] }, 'messages[0].role', /not "bot"/],
    [{ messages: [{ role: 'function', name: 'f', content: 'x' }] }, 'messages[0].role', /legacy.*Use role "tool"/],
    [{ messages: [{ role: 'user' }] }, 'messages[0].content', /is missing/],
    [{ messages: [{ role: 'user', content: 3 }] }, 'messages[0].content', /not a number/],
    [{ messages: [...messages, { role: 'user', content: [{ type: 'text', text: 'a' }, image] }] }, 'messages[1].content[1]', /is an image.*Send text/],
    [{ messages: [{ role: 'user', content: [{ type: 'input_audio' }] }] }, 'messages[0].content[0].type', /"input_audio" is not supported/],
    [{ messages: [{ role: 'user', content: [{ type: 'text' }] }] }, 'messages[0].content[0].text', /not missing/],
    [{ messages: [{ role: 'tool', content: 'x' }] }, 'messages[0].tool_call_id', /must be a string/],
    [assistant({ function_call: { name: 'f', arguments: '' } }), 'messages[1].function_call', /legacy/],
    [assistant({ tool_calls: {} }), 'messages[1].tool_calls', /must be an array/],
    [assistant({ tool_calls: [{ id: 'c', type: 'custom' }] }), 'messages[1].tool_calls[0].type', /"custom"/],
    [assistant({ tool_calls: [{ function: { name: 'f', arguments: '' } }] }), 'messages[1].tool_calls[0].id', /must be a string/],
    [assistant({ tool_calls: [{ id: 'c' }] }), 'messages[1].tool_calls[0].function', /must be an object/],
    [assistant({ tool_calls: [{ id: 'c', function: { arguments: '' } }] }), 'messages[1].tool_calls[0].function.name', /must be a string/],
    [assistant({ tool_calls: [{ id: 'c', function: { name: 'f', arguments: 3 } }] }), 'messages[1].tool_calls[0].function.arguments', /string of JSON/],
    [{ messages, n: 2 }, 'n', /^n: 2 answers.*Make n calls/],
    [{ messages, functions: [] }, 'functions', /legacy/],
    [{ messages, logit_bias: { 1: 5 } }, 'logit_bias', /logits/],
    [{ messages, modalities: ['text', 'audio'] }, 'modalities', /text/],
    [{ messages, temperature: '1' }, 'temperature', /not "1"/],
    [{ messages, top_p: 2 }, 'top_p', /from 0 to 1, not 2/],
    [{ messages, max_tokens: 0 }, 'max_tokens', /at least 1, not 0/],
    [{ messages, max_completion_tokens: 1.5 }, 'max_completion_tokens', /whole number/],
    [{ messages, seed: 'x' }, 'seed', /whole number, not/],
    [{ messages, stop: [''] }, 'stop', /none of them empty/],
    [{ messages, stop: Array(17).fill('x') }, 'stop', /at most 16/],
    [{ messages, stream: 'yes' }, 'stream', /true or false/],
    [{ messages, top_logprobs: 2 }, 'top_logprobs', /needs "logprobs"/],
    [{ messages, logprobs: true, top_logprobs: 21 }, 'top_logprobs', /at most 20/],
    [{ messages, tools: {} }, 'tools', /must be an array/],
    [{ messages, tools: [{ type: 'web_search' }] }, 'tools[0].type', /"web_search"/],
    [{ messages, tools: [{ type: 'function', function: { name: '' } }] }, 'tools[0].function.name', /not empty/],
    [{ messages, tools: [{ type: 'function', function: { name: 'f', parameters: [] } }] }, 'tools[0].function.parameters', /JSON Schema/],
    [{ messages, tool_choice: 'maybe' }, 'tool_choice', /"auto"/],
    [{ messages, tool_choice: { type: 'function', function: { name: 'f' } } }, 'tool_choice.function.name', /not one of the tools/],
    [{ messages, response_format: { type: 'xml' } }, 'response_format.type', /json_schema/],
    [{ messages, response_format: { type: 'json_schema' } }, 'response_format.json_schema.schema', /not missing/],
  ];
  for (const [body, param, says] of cases) {
    assert.throws(() => readRequest(typeof body === 'string' ? body : JSON.stringify(body)), (error: ApiError) => {
      assert.equal(error.status, 400);
      assert.equal(error.param, param);
      assert.match(`${error.message} ${error.next ?? ''}`, says);
      return true;
    }, JSON.stringify(body));
  }
});
