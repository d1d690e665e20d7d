/** The tasks of a configuration for somebody who wants to choose among them. */
import { findPath } from '../config/files.ts';
import { loadConfig } from '../config/load.ts';
import type { BackboneRequests, TaskList } from '../protocol/backbone.ts';
import { openTasks } from '../tasks/open.ts';

/** A list has one line for each. */
const QUERY_CHARACTERS = 200;

export async function listTasks({ conf, env, cwd, split = 'training', workflow, first }: BackboneRequests['tasks'][0]): Promise<TaskList> {
  const config = await loadConfig(conf, { 'rollout.user_workflow': workflow }, { env, cwd });
  const source = openTasks(config, split);
  const reader = config.config.task_reader;
  const path = reader.type === 'jsonl_dataset_file' ? reader.jsonl_dataset_file[split].file_path : undefined;
  const list: TaskList = { name: source.name, file: path === undefined ? undefined : findPath(config, path), tasks: [], more: false };
  for await (const { taskId, mainQuery } of source.tasks()) {
    if (list.tasks.length === first) return { ...list, more: true };
    const query = mainQuery.length > QUERY_CHARACTERS ? `${mainQuery.slice(0, QUERY_CHARACTERS)}…` : mainQuery;
    list.tasks.push({ id: taskId, query, line: source.lineOf?.(taskId) });
  }
  return list;
}
