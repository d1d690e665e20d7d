/** After a change that is meant: `node --test --test-update-snapshots test/runtime/cli/help.test.ts`, and read the difference. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';
import { commands as table } from '../../../runtime/cli/commands.ts';
import { helpOf } from '../../../runtime/cli/help.ts';
import { painter, widthOf } from '../../../runtime/cli/terminal.ts';
import { commands } from './commands.ts';

const bin = fileURLToPath(new URL('../../../runtime/cli/bin.mjs', import.meta.url));

function run(args: string[], env: NodeJS.ProcessEnv = {}): string {
  return execFileSync(process.execPath, [bin, ...args], { encoding: 'utf8', env: { PATH: '', LANG: 'C', ...env } });
}

for (const command of commands) {
  test(`the help of "${command.name}" reads as it should`, (context) => {
    // Where the command is not on the PATH, it is called through npx.
    context.assert.snapshot(helpOf(command, painter(false), 80).replaceAll('npx tuning-fork', 'tuning-fork'), { serializers: [String] });
  });

  test(`the help of "${command.name}" fits into 60 to 140 columns`, () => {
    for (let width = 60; width <= 140; width++) {
      for (const line of helpOf(command, painter(true), width).split('\n')) {
        assert.ok(widthOf(line) <= width || line.includes('tuning-fork '), `${width}: ${line}`);
      }
    }
  });
}

test('the command itself explains the commands, in the order one needs them', (context) => {
  const text = run(['--help']);
  context.assert.snapshot(text, { serializers: [String] });
  assert.equal(run([]), text);
  assert.equal(run(['-h']), text);
  assert.equal(run(['help']), text);
});

test('a command is called the same in the table and by itself', async () => {
  for (const [name, { summary, load }] of Object.entries(table)) {
    const command = await load();
    assert.deepEqual([command.name, command.summary], [name, summary]);
  }
});

test('help is had in three ways, and in Chinese', () => {
  assert.equal(run(['rollout', '--help']), run(['help', 'rollout']));
  assert.equal(run(['rollout', '-h', '--conf']).includes('Usage:'), true);
  const text = run(['rollout', '--help'], { LANG: 'zh_CN.UTF-8' });
  assert.match(text, /用法： tuning-fork rollout/);
  assert.equal(run(['rollout', '--help'], { LANG: 'C', TUNING_FORK_LANG: 'zh' }), text);
  assert.match(run(['--help'], { LC_ALL: 'en_US.UTF-8', LANG: 'zh_CN.UTF-8' }), /Usage:/);
  for (const line of stripVTControlCharacters(text).split('\n')) assert.ok(widthOf(line) <= 100, line);
});

test('with --json also help and version are one object', () => {
  assert.equal((JSON.parse(run(['--help', '--json'])) as { type: string }).type, 'help');
  assert.equal((JSON.parse(run(['rollout', '--help', '--json'])) as { type: string }).type, 'help');
  assert.match((JSON.parse(run(['--version', '--json'])) as { text: string }).text, /^\d+\.\d+\.\d+$/);
  assert.match(run(['--version']), /^\d+\.\d+\.\d+\n$/);
});
