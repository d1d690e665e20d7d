import assert from 'node:assert/strict';
import { test } from 'node:test';
import { asMarkdown, commandUri } from '../../../extension/runs/markdown.ts';

test('what a model says is no markup: no link, no image that is fetched, no icon, no table', () => {
  for (const said of ['[x](command:y)', '![x](https://example.org/seen.png)', '<img src=x>', '$(trash) a | b', '`code`', '# title\n- list']) {
    assert.doesNotMatch(asMarkdown(said), /(?<!\\)[[\]()<>`$|!#-]/, said);
  }
});

test('a folder named like the end of a link ends none', () => {
  const uri = commandUri('tuningFork.openRollout', { dir: '/runs/a) [b](command:c', rollout: 's0t0n0' });
  assert.doesNotMatch(uri, /[()\s[\]]/);
  assert.deepEqual(JSON.parse(decodeURIComponent(uri.slice(uri.indexOf('?') + 1))), [{ dir: '/runs/a) [b](command:c', rollout: 's0t0n0' }]);
});
