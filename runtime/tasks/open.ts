import { needFile } from '../config/files.ts';
import type { LoadedConfig } from '../config/load.ts';
import { TuningForkError } from '../protocol/errors.ts';
import type { Split } from '../protocol/trace.ts';
import { dummyTasks } from './dummy.ts';
import { jsonlTasks } from './jsonl.ts';
import type { TaskSource } from './source.ts';

/** The tasks that a configuration names for a split. A file that isn't there is told now, not at the first task. */
export function openTasks(loaded: Pick<LoadedConfig, 'config' | 'dir' | 'cwd' | 'place'>, split: Split): TaskSource {
  const { task_reader: reader, rollout } = loaded.config;
  switch (reader.type) {
    case 'jsonl_dataset_file': {
      const key = `task_reader.jsonl_dataset_file.${split}.file_path`;
      const path = reader.jsonl_dataset_file[split].file_path;
      if (path === undefined) {
        throw new TuningForkError('config', `No ${split} tasks: \`${key}\` isn’t set.`, { next: 'Name a JSONL file there, one task a line.', where: loaded.place(key) });
      }
      const { label_key: labelKey, query_key: queryKey, system_prompt: systemPrompt } = reader.jsonl_dataset_file;
      return jsonlTasks(needFile(loaded, path, key), { name: path, onBadRow: reader.on_bad_row, labelKey, queryKey, systemPrompt });
    }
    case 'random_dummy':
      return dummyTasks(split, reader.random_dummy[split].count, rollout.seed);
    default:
      throw new TuningForkError('not-here-yet', `Tasks of type ${reader.type} can’t be read here yet.`, {
        next: 'Write the tasks to a JSONL file and set task_reader.type: jsonl_dataset_file.',
        where: loaded.place('task_reader.type'),
      });
  }
}
