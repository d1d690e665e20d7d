import { TuningForkError } from '../protocol/errors.ts';
import type { Json } from '../protocol/json.ts';
import type { OutputData, Task, Verdict } from '../protocol/task.ts';
import { behindHashes, finalAnswer, lastBoxed, reference, type BuiltinJudge, type JudgeOptions } from './judge.ts';
import { readNumber } from './math.ts';

/** 1 when the final answer is the right one to the letter, spaces around it aside. */
export function exactMatch({ workflow }: JudgeOptions = {}): BuiltinJudge {
  const name = 'exact_match';
  return {
    name,
    judge(task: Task, output: OutputData): Verdict {
      const wanted = asText(reference(task, name));
      const correct = finalAnswer(output, name, workflow).trim().normalize('NFC') === wanted.trim().normalize('NFC');
      return { reward: correct ? 1 : 0, success: correct, parts: { correct: correct ? 1 : 0 }, reason: correct ? undefined : `The final answer isn’t ${shorten(wanted)}.` };
    },
  };
}

/** 1 when the number in the final answer (in its box, else behind `####`, else the last one) is near enough. */
export function numberMatch({ workflow, tolerance = 1e-6 }: JudgeOptions = {}): BuiltinJudge {
  const name = 'number_match';
  return {
    name,
    judge(task: Task, output: OutputData): Verdict {
      const label = asText(reference(task, name));
      const wanted = lastNumber(behindHashes(label));
      if (wanted === undefined) throw new TuningForkError('data', `The right answer of task ${task.taskId} holds no number: ${shorten(label)}.`, { next: 'Use builtin->exact_match or builtin->math_answer for answers that are no numbers.' });
      const text = finalAnswer(output, name, workflow);
      const found = lastNumber(lastBoxed(text) ?? behindHashes(text));
      if (found === undefined) return { reward: 0, success: false, parts: { number: 0, correct: 0 }, reason: 'No number in the final answer.' };
      const correct = Math.abs(found - wanted) <= tolerance * Math.max(1, Math.abs(wanted));
      return { reward: correct ? 1 : 0, success: correct, parts: { number: 1, correct: correct ? 1 : 0 }, reason: correct ? undefined : `${found} isn’t ${wanted}.` };
    },
  };
}

const NUMBER = /(?<![\w.])-?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:[eE][-+]?\d+)?|(?<![\w.])-?\.\d+/g;

/** Only finite ones: `1e999` is no number. */
function lastNumber(text: string): number | undefined {
  const exact = readNumber(text);
  const whole = exact && Number(exact.top) / Number(exact.bottom);
  if (whole !== undefined && Number.isFinite(whole)) return whole;
  const numbers = text.slice(-10_000).replace(/\u2212/g, '-').match(NUMBER) ?? [];
  return numbers.map((number) => Number(number.replaceAll(',', ''))).findLast(Number.isFinite);
}

function asText(value: Json): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function shorten(text: string): string {
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}
