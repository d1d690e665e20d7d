import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { ConsoleOutput } from '../../../../extension/debug/adapter/console.ts';
import { l10n, translateWith } from '../../../../extension/debug/adapter/l10n.ts';
import { stopText } from '../../../../extension/debug/adapter/stop-text.ts';
import { localizeError } from '../../../../runtime/protocol/localize.ts';
import type { Stopped } from '../../../../runtime/protocol/stops.ts';

const english = { ...l10n };
after(() => translateWith(english));

test('what a backbone says is told in the language of the window', () => {
  translateWith({ ...english, inWords: (info) => localizeError(info, 'zh-cn') });
  const error = { code: 'rollout-exited', message: 'The workflow called process.exit(3).', next: 'Return a WorkflowOutput or throw an error instead.' } as const;
  const written: unknown[] = [];
  new ConsoleOutput((_event, body) => void written.push(body), 1).problem(error);
  const said = localizeError(error, 'zh-cn');
  assert.notEqual(said.message, error.message);
  assert.deepEqual(written, [{ category: 'stderr', output: `${said.message}\n  → ${said.next}\n` }]);
  assert.equal(stopText({ on: 'error', error } as unknown as Stopped), said.message);
});
