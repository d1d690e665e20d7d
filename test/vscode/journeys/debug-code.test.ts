import { journeyInside } from '../journey.ts';

/** A workflow whose tool and judge are files of their own. `count` is the tool's file. */
function project(count: string): Record<string, string> {
  return {
    'package.json': '{ "type": "module" }',
    'words.yaml': `tuning_fork:
  project_name: words
  rollout: { user_workflow: words.ts->Words, max_response_length_in_one_turn: 4 }
  task_reader:
    jsonl_dataset_file:
      training: { file_path: tasks.jsonl }
      validation: { file_path: tasks.jsonl }
      label_key: answer
  task_judge: { judge_protocol: judge.ts->Exact }
`,
    'tasks.jsonl': `${JSON.stringify({ task_id: 'three', main_query: 'one two three', metadata: { answer: 3 } })}\n`,
    'words.ts': `import { Workflow, WorkflowOutput, type ModelTuner, type WorkflowTask } from 'tuning-fork';
import { countWords } from './count.ts';

export class Words extends Workflow {
  name = 'words';

  async execute({ task }: WorkflowTask, tuner: ModelTuner): Promise<WorkflowOutput> {
    const question: string = task.mainQuery;
    await tuner.call([{ role: 'user', content: question }]);
    const counted = countWords(question);
    console.log(\`counted \${counted}\`);
    return new WorkflowOutput({ metadata: { counted } });
  }
}
`,
    'count.ts': count,
    'judge.ts': `import { Judge, type OutputData, type Task, type Verdict } from 'tuning-fork';

export class Exact extends Judge {
  async judge(task: Task, output: OutputData): Promise<Verdict> {
    const right = output.metadata.counted === task.label;
    return { reward: right ? 1 : 0, success: right };
  }
}
`,
  };
}

const stripped = `export function countWords(text: string): number {
  const words: string[] = text.split(' ');
  return words.length;
}
`;

/** An enum and a parameter property: more than type stripping can do. */
const compiled = `enum Between { Words = ' ' }

class Splitter {
  constructor(private readonly between: Between) {}
  split(text: string): string[] {
    return text.split(this.between);
  }
}

export function countWords(text: string): number {
  const words: string[] = new Splitter(Between.Words).split(text);
  return words.length;
}
`;

const files = Object.fromEntries([['stripped', stripped], ['compiled', compiled]].flatMap(([dir, count]) => Object.entries(project(count!)).map(([name, text]) => [`${dir}/${name}`, text])));
journeyInside('breakpoints in a workflow, a tool and a judge bind on the first run, also where the loader has to compile a file; stepping into code, restart, stop', { workspace: { files } }, new URL('../suites/debug.ts', import.meta.url));
