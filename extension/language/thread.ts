/** The thread that parses TypeScript: the parser is large and a parse takes its time, and the editor waits for neither. */
import { parentPort, workerData } from 'node:worker_threads';
import { bodyOfExecute, contractProblems } from './contracts.ts';
import { exportsOf } from './exports.ts';
import type { L10n } from '../../runtime/contracts/problem.ts';
import type { Answer, Question } from './sources.ts';
import { classesIn, gradesOf } from './workflows.ts';

const translations = workerData as Record<string, string> | undefined;
const l10n: L10n = { t: (message, ...args) => (translations?.[message] ?? message).replace(/\{(\d+)\}/g, (hole, i: string) => String(args[Number(i)] ?? hole)) };

const readings = {
  classes: classesIn,
  contracts: (text: string, file: string) => contractProblems(text, file, l10n),
  body: bodyOfExecute,
  exports: exportsOf,
  grades: gradesOf,
};

export type Readings = typeof readings;

parentPort!.on('message', ({ id, what, args }: Question) => {
  let answer: Answer;
  try {
    answer = { id, value: (readings[what] as (...args: unknown[]) => unknown)(...args) };
  } catch (error) {
    answer = { id, error: error as Error };
  }
  parentPort!.postMessage(answer);
});
