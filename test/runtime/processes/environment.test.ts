import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';

const environment = new URL('../../../runtime/processes/environment.ts', import.meta.url);

/** In a process that takes itself for Electron, or not. */
function environments(electron: boolean): (string | null)[] {
  const program = `${electron ? "Object.defineProperty(process.versions, 'electron', { value: '37.0.0' });" : ''}
    const { cleanEnvironment } = await import(${JSON.stringify(environment.href)});
    console.log(JSON.stringify([cleanEnvironment(), cleanEnvironment('/elsewhere/node')].map((env) => env.ELECTRON_RUN_AS_NODE ?? null)));`;
  const env = { ...process.env, ELECTRON_RUN_AS_NODE: '1' };
  return JSON.parse(execFileSync(process.execPath, ['--input-type=module', '-e', program], { env, encoding: 'utf8' })) as (string | null)[];
}

test('only the editor’s own program is told to be a Node', () => {
  assert.deepEqual(environments(true), ['1', null]);
  assert.deepEqual(environments(false), [null, null], 'what an editor says to its children is not passed on');
});
