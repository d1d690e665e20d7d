/** Real frameworks against the real gateway; the policy is scripted. What each does to its history must cost no token. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { drivers } from './drivers/all.ts';
import { adding, assertBookedOnce, assertKept, scriptedWorld, toolCall, tunerOf } from './world.ts';

for (const driver of drivers) {
  for (const stream of driver.name === 'fetch' ? [false] : [false, true]) {
    const how = stream ? 'streamed' : 'whole';

    test(`${driver.name}, ${how}: two questions with tools are one conversation`, async () => {
      await using w = await scriptedWorld();
      const answers = await driver.chat(tunerOf(w), ['1 + 2?', 'And 30 + 4?'], { stream });
      assert.deepEqual(answers.map((answer) => answer.trim()), ['The sum\tis 3.', 'The sum\tis 34.']);
      assertKept(w, [null, 0, 1, 2]);
    });

    test(`${driver.name}, ${how}: parallel tool calls`, async () => {
      await using w = await scriptedWorld(adding(''));
      const answers = await driver.chat(tunerOf(w), ['1 + 2? 3 + 4? 5 + 6?'], { stream });
      assert.equal(answers[0]!.trim(), 'The sum\tis 3 and 7 and 11.');
      assert.equal(w.journal[0]!.reply.tool_calls?.length, 3);
      assertKept(w, [null, 0]);
    });
  }

  test(`${driver.name}: agents at once in one rollout don't mix`, async () => {
    await using w = await scriptedWorld();
    const answers = await Promise.all([1, 2, 3].map((a) => driver.chat(tunerOf(w), [`${a} + 1?`], { stream: false })));
    assert.deepEqual(answers.map(([answer]) => answer!.trim()), ['The sum\tis 2.', 'The sum\tis 3.', 'The sum\tis 4.']);
    assert.equal(w.journal.filter(({ continuation }) => continuation === 'continued').length, 3);
    for (const { tokens, reply } of w.journal) if (tokens!.from !== null) assert.equal(Number(/\d+/.exec(reply.content)), 1 + Number(/\d+/.exec(w.journal[tokens!.from]!.history.add.at(-1)!.content)));
    assertBookedOnce(w);
  });

  test(`${driver.name}: a call that fails is made again, and sampled once`, async () => {
    let failures = 0;
    const add = adding();
    await using w = await scriptedWorld((request, text) => {
      if (text.includes('</tool_response>') && failures++ === 0) throw new Error('out of memory');
      return add(request, text);
    });
    const talk = driver.chat(tunerOf(w), ['1 + 2?'], { stream: false });
    if (driver.name === 'fetch') return void await assert.rejects(talk, 'nothing is made again by itself');
    assert.equal((await talk)[0]!.trim(), 'The sum\tis 3.');
    assert.equal(failures, 2);
    assert.equal(w.journal.length, 2, 'a call without an answer leaves no record');
    w.policy.requests.splice(1, 1);
    assertKept(w, [null, 0]);
  });

  if (driver.structured !== undefined) {
    test(`${driver.name}: an answer in a form`, async () => {
      await using w = await scriptedWorld((_, text) => (text.includes('strands_structured_output') ? toolCall('strands_structured_output', '{"sum": 3}') : '{"sum": 3}'));
      assert.deepEqual(await driver.structured!(tunerOf(w), '1 + 2?'), { sum: 3 });
      assert.equal(w.journal[0]!.malformed, undefined);
      assertKept(w, w.journal.map((_, index) => (index === 0 ? null : index - 1)));
    });
  }

  if (driver.team !== undefined) {
    test(`${driver.name}: a second agent, in a role of its own`, async () => {
      const add = adding('');
      await using w = await scriptedWorld((request, text) => {
        // What a hand-over answers is no sum.
        const asked = text.replace(/<\|im_start\|>user\n<tool_response>\n\{.*?<\|im_end\|>\n/s, '').replace(/<\|im_start\|>assistant\n<tool_call>\n\{"name": "transfer.*?<\|im_end\|>\n/s, '');
        if (text.includes('You help with sums.') || asked.includes('<tool_response>')) return add(request, asked);
        return text.includes('transfer_to_helper') ? toolCall('transfer_to_helper', '{}') : toolCall('helper', '{"input":  "1 + 2?"}');
      });
      assert.match(await driver.team!(tunerOf(w), '1 + 2?'), /The sum\tis (.*The sum\tis )?3/);
      assert.deepEqual([...new Set(w.journal.map(({ role }) => role))].sort(), ['default', 'helper']);
      assertBookedOnce(w);
      const own = (role: string): (string | undefined)[] => w.journal.filter((call) => call.role === role).map(({ continuation }) => continuation);
      if (driver.name === '@openai/agents') {
        // Handed over: the helper goes on with the history, under instructions of its own.
        assert.deepEqual([own('default'), own('helper')], [['start'], ['rewritten', 'continued']]);
      } else {
        assert.deepEqual([own('default'), own('helper')], [['start', 'continued'], ['start', 'continued']]);
      }
    });
  }

  if (driver.thinking !== undefined) {
    test(`${driver.name}: thinking is shown apart`, async () => {
      await using w = await scriptedWorld(adding('Which is more?'));
      assert.equal(await driver.thinking!(tunerOf(w), '1 + 2?'), 'Which is more?');
    });
  }
}
