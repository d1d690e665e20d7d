/** A configuration for a workflow that has none: the keys most people need, each with a word on what else it could be. */
import { open, readdir } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { BUILTIN_JUDGES } from '../../runtime/protocol/config-names.ts';
import { posix, type Named } from '../language/named.ts';

/** What is there to draw on. */
export interface Draft {
  /** The file to be. */
  file: string;
  workflow: Named & { roles: readonly string[]; trainableTargets: readonly string[] | undefined };
  /** Whether a `WorkflowOutput` of it is given a reward, or an environment that has one. */
  grades: 'itself' | 'environment' | undefined;
  judges: readonly Named[];
  data: { training: string; validation: string | undefined; answer: string | undefined } | undefined;
  /** For the YAML extension, where it is. */
  schema: string | undefined;
}

export function draftConfig({ file, workflow, grades, judges, data, schema }: Draft): string {
  const from = (path: string): string => posix(relative(dirname(file), path));
  const judge = judges[0] === undefined ? undefined : `${from(judges[0].file)}->${judges[0].className}`;
  const roles = [...new Set([...(workflow.trainableTargets ?? []), ...workflow.roles])];
  return `${schema === undefined ? '' : `# yaml-language-server: $schema=./${from(schema)}\n`}tuning_fork:
  model:
    path: embedded                  # or a folder of weights, or ollama:qwen3, openai:gpt-4o, ...
  rollout:
    user_workflow: ${from(workflow.file)}->${workflow.className}
    num_repeat: 8                   # rollouts of one task, compared with one another
    temperature: 1.0
    max_response_length_in_one_turn: 256
${roles.length > 1 ? `  # trainable_targets: [${roles[0]}]   # of ${roles.join(', ')}; absent: what the workflow says\n` : ''}${tasks(data, from)}${judgement(judge, grades, data)}  data:
    train_batch_size: 8             # tasks in a step, each num_repeat times
  trainer_common:
    total_training_steps: 100
    save_freq: 20                   # steps between checkpoints
    test_freq: 20                   # steps between validations
`;
}

function tasks(data: Draft['data'], from: (path: string) => string): string {
  if (data === undefined) {
    return `  task_reader:
    type: random_dummy              # a task is a number, task.task.metadata.random_number; for tasks of your own:
    random_dummy:                   #   type: jsonl_dataset_file
      training: { count: 1000 }     #   jsonl_dataset_file:
      validation: { count: 100 }    #     training: { file_path: data/training.jsonl }
`;
  }
  const { training, validation, answer } = data;
  return `  task_reader:
    type: jsonl_dataset_file        # one task a line: { "main_query": "...", "metadata": { ... } }
    jsonl_dataset_file:
      training: { file_path: ${from(training)} }
${validation === undefined ? '' : `      validation: { file_path: ${from(validation)} }\n`}${answer === undefined ? '' : `      label_key: ${answer}             # only the judge sees it\n`}`;
}

function judgement(judge: string | undefined, grades: Draft['grades'], data: Draft['data']): string {
  if (judge !== undefined) return `  task_judge:\n    judge_protocol: ${judge}   # or one that is built in: builtin->${BUILTIN_JUDGES[0]}\n`;
  if (grades === 'itself') return '';
  const others = `or ${BUILTIN_JUDGES.slice(0, 4).join(', ')}, or a class of yours: judge.ts->MyJudge`;
  const chosen = grades === 'environment' ? 'environment' : data?.answer === undefined ? undefined : 'exact_match';
  return chosen === undefined
    ? `  # task_judge:                     # absent: the workflow gives every reward itself\n  #   judge_protocol: builtin->exact_match   # ${others}\n`
    : `  task_judge:\n    judge_protocol: builtin->${chosen}   # ${others}\n`;
}

/** The JSONL files of a project, and the key of their right answers if the first line has one. */
export async function findData(dir: string, project: string): Promise<Draft['data']> {
  const near = await Promise.all([dir, join(dir, 'data'), project, join(project, 'data')].map(async (folder) =>
    (await readdir(folder).catch(() => [])).filter((name) => /\.jsonl$/i.test(name)).map((name) => resolve(folder, name))));
  const files = [...new Set(near.flat())];
  const named = (pattern: RegExp): string | undefined => files.find((file) => pattern.test(basename(file)));
  const validation = named(/valid|test|eval|dev/i);
  const training = named(/train/i) ?? files.find((file) => file !== validation);
  if (training === undefined) return undefined;
  return { training, validation, answer: await answerKey(training) };
}

async function answerKey(file: string): Promise<string | undefined> {
  const handle = await open(file);
  try {
    for await (const line of handle.readLines()) {
      const row = JSON.parse(line) as { metadata?: object };
      const keys = Object.keys(row.metadata ?? row);
      return keys.find((key) => /^(?:answer|label|target|reference|solution)$/.test(key));
    }
    return undefined;
  } catch {
    return undefined;
  } finally {
    await handle.close();
  }
}
