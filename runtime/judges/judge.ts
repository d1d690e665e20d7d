import { TuningForkError } from '../protocol/errors.ts';
import type { Json } from '../protocol/json.ts';
import type { OutputData, Task, Verdict } from '../protocol/task.ts';

/** Grades what a workflow returned without a reward. The built-in ones need no process of their own. */
export interface BuiltinJudge {
  readonly name: string;
  judge(task: Task, output: OutputData): Verdict;
}

export interface JudgeOptions {
  /** Named in errors: the workflow is what has to change. */
  workflow?: string;
  /** For `number_match`. */
  tolerance?: number;
}

/** `metadata.final_answer`, in AgentJet's spelling or TypeScript's. */
export function finalAnswer(output: OutputData, judge: string, workflow = 'The workflow'): string {
  const { final_answer: theirs, finalAnswer: ours } = output.metadata;
  const answer = theirs ?? ours;
  if (typeof answer === 'string') return answer;
  if (typeof answer === 'number' || typeof answer === 'boolean') return String(answer);
  const problem = answer === undefined || answer === null
    ? `returned neither a reward nor metadata.final_answer, which the judge ${judge} reads`
    : `returned a metadata.final_answer that is no text, so the judge ${judge} can’t read it`;
  throw new TuningForkError('reward', `${workflow} ${problem}.`, {
    next: 'Return new WorkflowOutput({ reward: null, metadata: { final_answer: … } }), or give the reward yourself.',
  });
}

/** The right answer: the label where the data set marks one, else `metadata.answer`. */
export function reference(task: Task, judge: string): Json {
  const answer = (task.label ?? task.metadata.answer) as Json | undefined;
  if (answer !== undefined && answer !== null) return answer;
  throw new TuningForkError('data', `Task ${task.taskId} has no right answer for the judge ${judge}: neither a label nor metadata.answer.`, {
    next: 'Name the key that holds it in task_reader.jsonl_dataset_file.label_key.',
  });
}

/** GSM8K writes its working first and the answer behind `####`. */
export function behindHashes(text: string): string {
  return text.split('####').at(-1)!.trim();
}

/** What stands in the last `\boxed{…}`, braces nested; undefined without a box, or when the last one is never closed. */
export function lastBoxed(text: string): string | undefined {
  const box = /\\(?:boxed|fbox)\s*\{/g;
  let start = -1;
  for (let match = box.exec(text); match !== null; match = box.exec(text)) start = box.lastIndex;
  if (start < 0) return undefined;
  let depth = 1;
  for (let i = start; i < text.length; i++) {
    const character = text[i];
    if (character === '\\') i++;
    else if (character === '{') depth++;
    else if (character === '}' && --depth === 0) return text.slice(start, i);
  }
  return undefined;
}
