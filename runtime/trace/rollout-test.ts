/** A stored rollout as a test that needs no model: its record in a file of the project, executed again and held to the same end. */
import { readFile, writeFile } from 'node:fs/promises';
import { dirname, relative, resolve, sep } from 'node:path';
import { TuningForkError, type ErrorInfo } from '../protocol/errors.ts';
import { TRACE_VERSION, type CallRecord, type RolloutRecord, type RunInfo } from '../protocol/trace.ts';
import { describe, nullable, number, object, optional, text } from './check.ts';
import { rolloutCheck } from './checks.ts';
import { parseJson } from './decode.ts';
import { fileError } from './errors.ts';
import { toolsOf } from './resolve.ts';

export const TEST_SUFFIX = '.rollout.json';

export interface RolloutTest {
  v: typeof TRACE_VERSION;
  /** The YAML, from the folder of this file. */
  conf: string;
  expect: {
    /** Absent: whatever it is, as long as it ends without an error. */
    reward?: number | null;
  };
  /** Without token ids, log-probabilities, output, and places of the machine it was made on. */
  record: RolloutRecord;
}

const check = object<RolloutTest>({
  v: (value) => (value === TRACE_VERSION ? undefined : number(value) ?? { path: '', what: `is ${String(value)}, and this Tuning Fork reads ${TRACE_VERSION}`, code: 'trace' }),
  conf: text,
  expect: object<RolloutTest['expect']>({ reward: optional(nullable(number)) }),
  record: rolloutCheck,
});

/** Of a rollout that failed: that it fails no more. */
export function rolloutTest(record: RolloutRecord, { conf }: Pick<RunInfo, 'conf'>, file: string): RolloutTest {
  if (record.status === 'cancelled') {
    throw new TuningForkError('usage', `Rollout ${record.rollout} was cancelled, so there is no end that a test could hold it to.`, { next: 'Choose one that came to its end.' });
  }
  const edited = record.calls.find((call) => call.edited !== undefined);
  if (edited !== undefined) {
    throw new TuningForkError('usage', `The prompt of call ${edited.index} of rollout ${record.rollout} was changed by hand, which no test can do again.`, { next: 'Choose one that ran by itself.' });
  }
  const { log: _log, parent: _parent, error, ...rest } = record;
  return {
    v: TRACE_VERSION,
    conf: relative(dirname(file), conf).split(sep).join('/'),
    expect: record.status === 'finished' ? { reward: record.reward } : {},
    record: {
      ...rest,
      ...(error !== undefined && { error: { code: error.code, message: error.message } }),
      calls: record.calls.map(withoutTokens),
      tools: record.tools.map(({ site: _site, ...tool }) => tool),
    },
  };
}

/** Without tokens a prompt is told by its messages: shorter, readable, and the same for every model. */
function withoutTokens({ tokens: _tokens, site: _site, ...call }: CallRecord): CallRecord {
  return { ...call, continuation: 'untracked' };
}

export async function writeRolloutTest(file: string, test: RolloutTest): Promise<void> {
  try {
    await writeFile(file, `${JSON.stringify(test, null, 2)}\n`);
  } catch (error) {
    throw fileError('write', file, error);
  }
}

/** The test with the path of its YAML made absolute. */
export async function readRolloutTest(file: string): Promise<RolloutTest> {
  let content: string;
  try {
    content = await readFile(file, 'utf8');
  } catch (error) {
    throw fileError('read', file, error);
  }
  const parsed = parseJson(content);
  const found = 'cause' in parsed ? undefined : check(parsed.value);
  if ('cause' in parsed || found !== undefined) {
    throw new TuningForkError('data', `${file} is no test of a rollout: ${'cause' in parsed ? parsed.cause : describe(found!)}.`, {
      where: { file }, next: 'Make it again: "Save Rollout as Test" in the editor, or tuning-fork test --save <rollout>.',
    });
  }
  const test = parsed.value as RolloutTest;
  return { ...test, conf: resolve(dirname(file), test.conf) };
}

/** What each is called in a run of all of them: as in its record, told apart where two have one name. */
export function testNames(tests: readonly RolloutTest[]): string[] {
  const taken = new Set<string>();
  return tests.map(({ record: { rollout } }) => {
    let name = rollout;
    for (let n = 2; taken.has(name); n++) name = `${rollout}x${n}`;
    taken.add(name);
    return name;
  });
}

/** What is different now, as one sentence; undefined where the test passes. */
export function difference({ record, expect }: RolloutTest, again: RolloutRecord): ErrorInfo | undefined {
  // It failed before, and came further now than its record reaches.
  if (record.status === 'failed' && again.error?.code === 'diverged' && again.calls.length >= record.calls.length) return undefined;
  if (again.error?.code === 'diverged') return { ...again.error, next: 'Undo what has changed, or save a rollout of the code as it is now as the test.' };
  if (again.error !== undefined) return again.error;
  if (again.status !== 'finished') return { code: 'diverged', message: `It was ${again.status}.` };
  if (record.status === 'finished') {
    if (again.calls.length !== record.calls.length) {
      return { code: 'diverged', message: `It ended after ${count(again.calls.length, 'model call')}; in the record it makes ${record.calls.length}.` };
    }
    for (const { index } of again.calls) {
      const [was, is] = [record, again].map((one) => JSON.stringify(toolsOf(one, index) ?? null));
      if (was !== is) return { code: 'diverged', message: `Call ${index} offers the model other tools than in the record: ${is}, recorded: ${was}.` };
    }
  }
  const { reward } = expect;
  if (reward === undefined || reward === again.reward) return undefined;
  const why = again.judge?.reason === undefined ? '' : ` The judge says: ${again.judge.reason}`;
  return { code: 'diverged', message: `The same calls, another end: reward ${again.reward ?? 'none'}, expected ${reward ?? 'none'}.${why}`, next: `If that is right now, change expect.reward.` };
}

function count(number: number, one: string): string {
  return `${number} ${one}${number === 1 ? '' : 's'}`;
}
