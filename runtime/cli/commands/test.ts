import { readdir, rm } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { errorInfo, TuningForkError, type ErrorInfo } from '../../protocol/errors.ts';
import type { RunEvent } from '../../protocol/backbone.ts';
import { difference, openRunReader, readRolloutTest, rolloutTest, TEST_SUFFIX, testNames, writeRolloutTest, type RolloutTest } from '../../trace/index.ts';
import { fileError } from '../../trace/errors.ts';
import { makeFolders } from '../../trace/folders.ts';
import type { Args, Command } from '../args.ts';
import { storedRollout } from '../find-run.ts';
import { startAndFollow, type Watcher } from '../follow.ts';
import { decimal, duration } from '../format.ts';
import { errPaint, EXIT, note, out, paint, print, printJson } from '../io.ts';
import { plural, t } from '../l10n.ts';
import { projectOf } from '../project.ts';
import { describeError, exitCodeOf } from '../report.ts';
import { visible } from '../terminal.ts';

export const test: Command = {
  name: 'test',
  summary: 'Run rollouts that were saved as tests again; no model is called',
  usage: '[<file>…] | --save <rollout> [--run <run>]',
  about: [
    'Your code runs; model calls and Toolkit results come from the file. A test fails where the code asks the model something else, or ends with another reward.',
    'Without files: all *.rollout.json of the project. --save makes one of a stored rollout, in tests/rollouts/; of a rollout that failed it tests that it fails no more.',
  ],
  examples: ['tuning-fork test', 'tuning-fork test tests/rollouts/sum.rollout.json', 'tuning-fork test --save s0t3n1'],
  options: {
    save: { value: 'rollout', help: 'Keep this stored rollout as a test' },
    run: { value: 'run', help: 'With --save: the run it belongs to (default: the latest rollouts)' },
  },
  words: { least: 0, most: Infinity },
  run: async (args) => {
    const saved = args.text('save');
    return saved === undefined ? runTests(args) : save(args, saved);
  },
};

interface Case {
  file: string;
  test: RolloutTest;
}

interface Outcome {
  file: string;
  calls: number;
  reward: number | null;
  error?: ErrorInfo;
}

async function runTests(args: Args): Promise<number> {
  const began = performance.now();
  const project = projectOf(args);
  const files = args.words.length > 0 ? args.words.map((file) => resolve(file)) : await findTests(project);
  if (files.length === 0) throw new TuningForkError('usage', t('There is no test of a rollout in {0}.', project), { next: t('Make one of a stored rollout: {0}', 'tuning-fork test --save <rollout>') });
  const outcomes: Outcome[] = [];
  const cases: Case[] = [];
  for (const file of files) {
    try {
      cases.push({ file, test: await readRolloutTest(file) });
    } catch (error) {
      outcomes.push(tell(args, { file, calls: 0, reward: null, error: errorInfo(error) }));
    }
  }
  let interrupted = false;
  for (const [conf, group] of Map.groupBy(cases, ({ test }) => test.conf)) {
    if (interrupted) break;
    const ran = await runGroup(args, conf, group);
    interrupted = ran.interrupted;
    for (const outcome of ran.outcomes) outcomes.push(tell(args, outcome));
  }
  const failed = outcomes.filter(({ error }) => error !== undefined);
  const took = performance.now() - began;
  if (args.on('json')) printJson({ type: 'summary', tests: outcomes.length, passed: outcomes.length - failed.length, failed: failed.length, elapsed: took });
  else print(`${failed.length === 0 ? t('{0}: {1} passed', plural(outcomes.length, '{0} test', '{0} tests'), outcomes.length) : t('{0}: {1} passed, {2}', plural(outcomes.length, '{0} test', '{0} tests'), outcomes.length - failed.length, paint.red(t('{0} failed', failed.length)))} ${paint.dim(`(${duration(took)})`)}`);
  if (interrupted) return EXIT.cancelled;
  return failed.length === 0 ? EXIT.ok : Math.max(...failed.map(({ error }) => (error!.code === 'diverged' ? EXIT.failed : exitCodeOf(error!))));
}

/** All tests of one configuration in one run. What it leaves is kept only if it tells something. */
async function runGroup(args: Args, conf: string, cases: Case[]): Promise<{ outcomes: Outcome[]; interrupted: boolean }> {
  const fail = ({ file }: Case, error: ErrorInfo): Outcome => ({ file, calls: 0, reward: null, error });
  try {
    const { status, error, interrupted } = await startAndFollow(args, { kind: 'test', conf, test: { files: cases.map(({ file }) => file) } }, new Printed(args.on('json')));
    if (error !== undefined) return { outcomes: cases.map((one) => fail(one, error)), interrupted };
    const reader = await openRunReader(status.dir);
    const names = testNames(cases.map((one) => one.test));
    const outcomes = await Promise.all(cases.map(async (one, i): Promise<Outcome> => {
      if (reader.find(names[i]!) < 0) return fail(one, { code: 'rollout-cancelled', message: t('It was cancelled.') });
      const again = await reader.read(names[i]!);
      return { file: one.file, calls: again.calls.length, reward: again.reward, error: difference(one.test, again) };
    }));
    if (outcomes.every((outcome) => outcome.error === undefined)) await rm(status.dir, { recursive: true });
    return { outcomes, interrupted };
  } catch (error) {
    return { outcomes: cases.map((one) => fail(one, errorInfo(error))), interrupted: false };
  }
}

function tell(args: Args, outcome: Outcome): Outcome {
  const { file, calls, reward, error } = outcome;
  const shown = relative(process.cwd(), file) || file;
  if (args.on('json')) printJson({ type: 'test', passed: error === undefined, ...outcome });
  else if (error === undefined) print(`${paint.green('✓')} ${visible(shown)}  ${paint.dim(t('{0}, reward {1}', plural(calls, '{0} call', '{0} calls'), decimal(reward ?? NaN)))}`);
  else print(`${paint.red('✗')} ${visible(shown)}\n  ${describeError(error.where?.file === file && error.where.line === undefined ? { ...error, where: undefined } : error, paint, out.width - 2).replaceAll('\n', '\n  ')}`);
  return outcome;
}

async function save(args: Args, word: string): Promise<number> {
  const { record, conf } = await storedRollout(args, word);
  const folder = join(projectOf(args), 'tests', 'rollouts');
  await makeFolders(folder).catch((error: unknown) => {
    throw fileError('create', folder, error);
  });
  const name = `${record.taskId}-${record.rollout}`.replace(/[^\p{L}\p{N}._-]+/gu, '-').slice(0, 80);
  const file = join(folder, `${name}${TEST_SUFFIX}`);
  await writeRolloutTest(file, rolloutTest(record, { conf }, file));
  if (args.on('json')) printJson({ type: 'saved', file });
  else print(t('Saved as {0}.', relative(process.cwd(), file) || file));
  return EXIT.ok;
}

const PASSED_OVER = new Set(['node_modules', 'runs', 'dist']);

async function findTests(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const found = await Promise.all(entries.sort((a, b) => (a.name < b.name ? -1 : 1)).map(async (entry): Promise<string[]> => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return entry.name.startsWith('.') || PASSED_OVER.has(entry.name) ? [] : findTests(path);
    return entry.name.endsWith(TEST_SUFFIX) ? [path] : [];
  }));
  return found.flat();
}

/** What user code prints and what the run has to say; how each test went is told at the end. */
class Printed implements Watcher {
  readonly #silent: boolean;

  constructor(silent: boolean) {
    this.#silent = silent;
  }

  phase(): void {}
  begin(): void {}
  end(): void {}

  say(line: string): void {
    if (!this.#silent) note(line);
  }

  receive(event: RunEvent): void {
    if (event.type === 'notice') this.say(describeError(event.notice, errPaint));
    if (event.type === 'log') for (const line of visible(event.text).replace(/\n$/, '').split('\n')) this.say(errPaint.dim(`${event.rollout ?? t('worker')} │ `) + line);
  }
}
