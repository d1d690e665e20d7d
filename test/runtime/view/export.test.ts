import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RunInfo } from '../../../runtime/protocol/trace.ts';
import { fileNameOf } from '../../../runtime/view/export.ts';

test('an export is named by its run, and never leads out of its folder', () => {
  const named = (run: string): string => fileNameOf({ run } as RunInfo, { what: 'tokens', format: 'csv' });
  assert.equal(named('2026-11-20_09-05-12'), '2026-11-20_09-05-12-tokens.csv');
  for (const run of ['../../.bashrc', '..\\..\\x', '/etc/x', 'C:\\x', '..']) assert.doesNotMatch(named(run), /[\\/:]|^\./);
});
