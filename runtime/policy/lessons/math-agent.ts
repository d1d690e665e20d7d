import { calculate } from '../../../examples/math-agent/calculator.ts';
import { problem } from '../../../examples/math-agent/problems.ts';
import { calculatorTool, systemPrompt, userMessage } from '../../../examples/math-agent/prompt.ts';
import { splitOf, type Seeded } from '../../../examples/seeded.ts';
import type { ToolDefinition } from '../../protocol/chat.ts';
import { opening, type Conversation } from './conversation.ts';

const tool = { type: 'function', function: calculatorTool } as unknown as ToolDefinition;

/** Of these kinds most demonstrations are right; of all others most are hasty. */
const mostlyRight = new Set(['more', 'left', 'each', 'loose', 'days', 'share']);
const rightWhereEasy = 0.66;
const rightWhereHard = 0.27;

/** One call of the calculator, then its result in a box: often for the wrong expression. */
export function mathLesson(random: Seeded): Conversation {
  let given = problem(random);
  while (splitOf(given.text) !== 'lessons') given = problem(random);
  const right = random.chance(mostlyRight.has(given.kind) ? rightWhereEasy : rightWhereHard);
  const expression = right ? given.right : given.hasty;
  const result = calculate(expression);
  return {
    task: 'math-agent',
    tools: [tool],
    messages: [
      ...opening(systemPrompt, userMessage(given.text)),
      {
        role: 'assistant', content: '',
        // With the space that `tojson` of a chat template writes.
        tool_calls: [{ id: 'call_1', type: 'function', function: { name: tool.function.name, arguments: `{"expression": "${expression}"}` } }],
      },
      { role: 'tool', tool_call_id: 'call_1', content: result },
      { role: 'assistant', content: `\\boxed{${result}}` },
    ],
  };
}
