/** The packed extension, as a person installs it: from the file, into a VS Code that has nothing of the repository beside it. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { thisTarget } from '../../extension/packaging/target.ts';
import { makeVsix } from '../../extension/packaging/vsix.ts';
import { journey } from './journey.ts';
import { repository } from './launch.ts';
import { until } from './until.ts';

const target = thisTarget();
const skip = target === undefined ? 'There is no package for this platform.' : false;
const vsix = target === undefined ? '' : (await makeVsix(target)).path;

journey('the packed extension runs rollouts on the policy it brings', { vsix, skip, workspace: { from: join(repository, 'examples/math-agent') } }, async ({ workbench }) => {
  await workbench.open('workflow.ts');
  await workbench.codeLens('Run Rollouts').click();
  await until(async () => (await workbench.statusBar()).some((text) => /mean reward \d/.test(text)), 'No result was shown.', 60_000);
  await until(async () => (await workbench.inlineTexts()).some((text) => /reward \d/.test(text)), 'No reward was shown beside the code.');
});

journey('a project made by the packed extension runs and type-checks without network', { vsix, skip, window: false }, async ({ dir, workspace }) => {
  const installed = join(dir, 'ext', readdirSync(join(dir, 'ext')).find((name) => name.startsWith('tuning-fork.'))!);
  const command = (...args: string[]): string => execFileSync(process.execPath, [join(installed, 'runtime/cli/bin.mjs'), ...args], {
    cwd: workspace, encoding: 'utf8', timeout: 60_000, env: { ...process.env, TUNING_FORK_RUNTIME_DIR: join(dir, 'rt'), NODE_TEST_CONTEXT: undefined },
  });
  command('init', 'agent', '--template', 'tool-agent');
  execFileSync(process.execPath, [join(repository, 'node_modules/typescript/bin/tsc'), '-p', 'agent'], { cwd: workspace, stdio: 'inherit' });
  assert.match(command('rollout', '--conf', 'agent/tuning-fork.yaml', '--tasks', '1', '-n', '1', '--json'), /"type":"finished"/);
  command('stop', '--force');
});
