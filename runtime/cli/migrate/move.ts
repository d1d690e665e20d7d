/** A configuration that is written to another folder names its files from there. */
import { relative, sep } from 'node:path';
import type { Document } from 'yaml';
import { findPath } from '../../config/files.ts';

/** Folders: of the file as it was, of the one that is written, and of the command. */
export interface Move {
  from: string;
  to: string;
  cwd: string;
}

const FILES = [
  'task_reader.jsonl_dataset_file.training.file_path', 'task_reader.jsonl_dataset_file.validation.file_path', 'model.path',
  'rollout.user_workflow', 'task_judge.judge_protocol', 'gpu.certificate',
];

/** By key, how each file is named now. What isn't there yet is left as it is: it will be made beside the new configuration. */
export function moveFiles(doc: Document, { from, to, cwd }: Move): Map<string, string> {
  const moved = new Map<string, string>();
  for (const key of FILES) {
    const path = ['tuning_fork', ...key.split('.')];
    const value = doc.getIn(path);
    if (typeof value !== 'string') continue;
    const [file = '', ...name] = value.split('->');
    const found = findPath({ dir: from, cwd }, file);
    if (found === undefined || found === findPath({ dir: to, cwd: to }, file)) continue;
    const now = [relative(to, found).split(sep).join('/'), ...name].join('->');
    // A bare name of a model is one of a hub.
    doc.setIn(path, key === 'model.path' && !now.startsWith('.') ? `./${now}` : now);
    moved.set(key, String(doc.getIn(path)));
  }
  return moved;
}
