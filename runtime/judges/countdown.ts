import { TuningForkError } from '../protocol/errors.ts';
import type { Json } from '../protocol/json.ts';
import type { OutputData, Task, Verdict } from '../protocol/task.ts';
import { ExpressionError, numbersIn, parseExpression, valueOf } from './expression.ts';
import { finalAnswer, lastBoxed, type BuiltinJudge, type JudgeOptions } from './judge.ts';
import { showRational } from './rational.ts';

/** AgentJet's scale: nothing without a box, a little for one, all for the right expression. */
const FORM = 0.1;
const RIGHT = 1;

/** The box must hold an expression that uses each number exactly once and makes the target. */
export function countdown({ workflow }: JudgeOptions = {}): BuiltinJudge {
  const name = 'countdown';
  return {
    name,
    judge(task: Task, output: OutputData): Verdict {
      const { target, nums } = puzzle(task, output);
      const boxed = lastBoxed(finalAnswer(output, name, workflow));
      if (boxed === undefined) return { reward: 0, success: false, parts: { form: 0, correct: 0 }, reason: 'No \\boxed{…} in the final answer.' };
      const wrong = mistake(boxed, target, nums);
      return wrong === undefined
        ? { reward: RIGHT, success: true, parts: { form: FORM, correct: RIGHT - FORM } }
        : { reward: FORM, success: false, parts: { form: FORM, correct: 0 }, reason: wrong };
    },
  };
}

function mistake(source: string, target: bigint, nums: readonly bigint[]): string | undefined {
  try {
    const expression = parseExpression(source);
    const used = numbersIn(expression);
    if (inOrder(used) !== inOrder(nums)) return `It uses ${used.join(', ')}; the numbers are ${nums.join(', ')}.`;
    const value = valueOf(expression);
    if (value === undefined) return 'It divides by zero.';
    return value.top === target && value.bottom === 1n ? undefined : `It makes ${showRational(value)}, not ${target}.`;
  } catch (error) {
    if (error instanceof ExpressionError) return `The box holds no expression: ${error.message}.`;
    throw error;
  }
}

function inOrder(numbers: readonly bigint[]): string {
  return numbers.toSorted((a, b) => (a < b ? -1 : a > b ? 1 : 0)).join(',');
}

/** `target` and `nums` (or `numbers`) from the label, else the task's metadata, else (as in AgentJet) the output's. */
function puzzle(task: Task, output: OutputData): { target: bigint; nums: bigint[] } {
  const label = typeof task.label === 'object' && task.label !== null && !Array.isArray(task.label) ? task.label as Record<string, Json> : { target: task.label as Json };
  const find = (key: string): Json | undefined => label[key] ?? task.metadata[key] ?? output.metadata[key];
  const target = whole(find('target'));
  const list = find('nums') ?? find('numbers');
  const nums = Array.isArray(list) ? list.map(whole) : [];
  if (target !== undefined && nums.length > 0 && nums.every((number) => number !== undefined)) return { target, nums };
  throw new TuningForkError('data', `Task ${task.taskId} is no Countdown puzzle: the judge countdown needs metadata.target, a whole number, and metadata.nums, a list of whole numbers.`, {
    next: 'Write rows such as {"main_query": "…", "metadata": {"target": 24, "nums": [2, 3, 4]}}.',
  });
}

function whole(value: Json | undefined): bigint | undefined {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? BigInt(value) : undefined;
  return typeof value === 'string' && /^-?\d{1,30}$/.test(value) ? BigInt(value) : undefined;
}
