import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import { historyLines, historySummary } from '../../../runtime/cli/history.ts';
import type { Because, CallHistory } from '../../../runtime/view/history.ts';

const call = (more: Partial<CallHistory>): CallHistory => ({ call: 0, role: 'solver', continuation: 'start', from: null, restored: [], ...more });

test('each call in a line, what was put back and what differs below it', () => {
  const calls = [
    call({}),
    call({ call: 1, role: 'critic', continuation: 'continued', from: 0, restored: [{ call: 0, by: 'tool-call-id', changed: ['text', 'arguments'] }] }),
    call({ call: 2, continuation: 'rewritten', branch: { call: 1, message: 3, because: 'text', was: 'It is\n3.', is: '' } }),
    call({ call: 3, continuation: 'untracked' }),
  ];
  assert.deepEqual(historyLines(calls).map(stripVTControlCharacters), [
    'call 0  solver  begins a conversation',
    'call 1  critic  goes on from call 0, token for token',
    '    ↺ the answer of call 0 was put back, known by the id of its tool call; changed: text, arguments',
    'call 2  solver  new branch at message 3 of call 1: the text is another',
    '    was: It is 3.',
    '    is: (nothing)',
    'call 3  solver  this model tells no token ids, so nothing can be said of its prompts',
  ]);
  assert.equal(historySummary(calls), '4 calls: 1 changed answer put back, 1 new branch');
});

test('every reason has words of its own', () => {
  const reasons: Because[] = ['asked-again', 'system', 'text', 'arguments', 'tool-calls', 'result', 'left-out', 'added', 'tools', 'template'];
  const lines = reasons.map((because) => historyLines([call({ continuation: 'rewritten', branch: { call: 0, message: 1, because } })])[0]);
  assert.equal(new Set(lines).size, reasons.length);
});

test('what an agent wrote cannot move the cursor', () => {
  const [, was] = historyLines([call({ continuation: 'rewritten', branch: { call: 0, message: 1, because: 'text', was: '\u001b[2Jgone' } })]);
  assert.ok(!stripVTControlCharacters(was!).includes('\u001b') && !was!.includes('\u001b[2J'), JSON.stringify(was));
});
