import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { languageOf } from '../../../runtime/protocol/localize.ts';

const say = new URL('../../../runtime/cli/say.mjs', import.meta.url).href;

test('what speaks before anything is installed speaks the language of the rest', () => {
  for (const env of [{}, { LANG: 'zh_CN.UTF-8' }, { LC_ALL: 'C', LANG: 'zh_CN.UTF-8' }, { TUNING_FORK_LANG: 'zh', LC_ALL: 'C' }, { LANG: 'en_US.UTF-8' }]) {
    const said = execFileSync(process.execPath, ['--input-type=module', '-e', `console.log((await import(${JSON.stringify(say)})).say('en', 'zh-cn'))`], { encoding: 'utf8', env });
    assert.equal(said.trim(), languageOf(env));
  }
});
