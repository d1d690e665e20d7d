/** Reading of runs: what the extension, the viewer and everybody else's scripts import. Writing is `writer.ts`, the backbone's; `export.ts` is an entry of its own. */
export { openRunReader, type RunReader } from './reader.ts';
export { deleteRun, findRun, findRuns, listRuns, readRunInfo, runFolders, type RunCounts, type RunPlace, type RunSummary } from './runs.ts';
export { callOf, messagesOf, promptIds, toolsOf, type WithCalls } from './resolve.ts';
export { difference, readRolloutTest, rolloutTest, TEST_SUFFIX, testNames, writeRolloutTest, type RolloutTest } from './rollout-test.ts';
export { SPLITS, STATUSES } from './checks.ts';
export { SUCCESSES, type CodeColumn, type ColumnName, type ColumnOf, type NumberColumn, type TextColumn } from './columns.ts';
export { countCalls } from './entry.ts';
export type { InFlight } from './in-flight.ts';
export type * from '../protocol/trace.ts';
