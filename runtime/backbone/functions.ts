/** Workflows and judges that are functions are checked as they are written, before anything of them runs. */
import { readFile } from 'node:fs/promises';
import { ENTRYPOINT } from '../config/target.ts';
import { TuningForkError } from '../protocol/errors.ts';
import type { WorkerLoad } from '../protocol/worker.ts';

export async function checkFunctions({ workflow, judge }: Pick<WorkerLoad, 'workflow' | 'judge'>): Promise<void> {
  await checkFunction(workflow, 'workflow');
  if (judge !== undefined) await checkFunction(judge, 'judge');
}

async function checkFunction({ file, className: name }: { file: string; className: string }, kind: 'workflow' | 'judge'): Promise<void> {
  const text = await readFile(file, 'utf8');
  // The parser is large, and most workflows are classes.
  if (name === ENTRYPOINT) return;
  if (!new RegExp(`(?:function|const|let|var)\\s+${name.replaceAll('$', '\\$')}\\b`).test(text) && !/\btune\s*\(/.test(text)) return;
  const { namedFunctionProblems } = await import('../contracts/tuned.ts');
  const [first] = namedFunctionProblems(text, file, name, kind) ?? [];
  if (first === undefined) return;
  throw new TuningForkError(kind, first.message, {
    where: { file, line: first.line, column: first.column },
    next: kind === 'workflow' ? `Write async function ${name}(task: JsonObject, model: ChatModel): Promise<number>.` : `Write async function ${name}(task, response) and return { reward }.`,
  });
}
