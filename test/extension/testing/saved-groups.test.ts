import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FoundConfig } from '../../../extension/discovery/discovery.ts';
import { givenOf, groupsOf } from '../../../extension/testing/saved-groups.ts';
import type { RolloutTest } from '../../../runtime/trace/index.ts';

const tuned = (className: string): FoundConfig => ({ file: '/p/shared.yaml', project: '/p', workflow: { file: '/p/main.ts', className }, judge: undefined, given: { workflow: `/p/main.ts->${className}` } });
const configs = [tuned('solve'), tuned('explain'), { file: '/p/own.yaml', project: '/p', workflow: { file: '/p/own.ts', className: 'Own' }, judge: undefined }];
const saved = (name: string, conf: string, workflow: string) => ({ name, test: { conf, record: { workflow } } as RolloutTest });

test('saved rollouts run with the function they were saved from, those of each function together', () => {
  const groups = groupsOf([saved('a', '/p/shared.yaml', 'explain'), saved('b', '/p/own.yaml', 'own'), saved('c', '/p/shared.yaml', 'solve'), saved('d', '/p/shared.yaml', 'explain')], configs);
  assert.deepEqual(groups.map(({ conf, given, tests }) => [conf, given?.workflow, tests.map(({ name }) => name).join('')]), [
    ['/p/shared.yaml', '/p/main.ts->explain', 'ad'], ['/p/own.yaml', undefined, 'b'], ['/p/shared.yaml', '/p/main.ts->solve', 'c'],
  ]);
  assert.equal(givenOf(saved('e', '/p/shared.yaml', 'explain').test, configs)?.workflow, '/p/main.ts->explain');
});
