import { Judge, type OutputData, type Task, type Verdict } from 'tuning-fork';

/** 1 for the right number in the box; a little for a box at all, while a model still has to learn the form. */
export class AnswerJudge extends Judge {
  judge(task: Task, output: OutputData): Verdict {
    const answer = String(output.metadata.finalAnswer);
    const box = /\\boxed\{(-?[\d.]+)\}\s*$/.exec(answer);
    // `label_key` in the YAML took the answer out of the data: only the judge sees it, as the label.
    const correct = box !== null && Number(box[1]) === task.label;
    return {
      reward: correct ? 1 : box ? 0.1 : 0,
      success: correct,
      reason: correct ? 'right' : box ? `${box[1]} is not ${String(task.label)}` : 'no \\boxed{number} at the end',
    };
  }
}
