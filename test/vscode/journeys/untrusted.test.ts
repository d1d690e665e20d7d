import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { journey } from '../journey.ts';
import { writeLargeRun } from '../large-run.ts';
import { repository } from '../launch.ts';
import { until } from '../until.ts';
import { expand } from '../workbench.ts';

const folder = mkdtempSync(join(tmpdir(), 'tf-untrusted-'));
cpSync(join(repository, 'examples/math-agent'), folder, { recursive: true, filter: (path) => !path.endsWith('runs') });
const large = await writeLargeRun(folder, 24);
// One of the workflow that is there: what it said is shown beside the code.
const env = { ...process.env, TUNING_FORK_RUNTIME_DIR: mkdtempSync(join(tmpdir(), 'tf-rt-')) };
const cli = (...args: string[]): unknown => execFileSync(process.execPath, [join(repository, 'runtime/cli/bin.mjs'), ...args], { cwd: folder, env, stdio: 'ignore' });
cli('rollout', '--conf', 'math-agent.yaml', '--tasks', '1', '--repeats', '2');
cli('stop');
after(() => [folder, env.TUNING_FORK_RUNTIME_DIR].forEach((dir) => rmSync(dir, { recursive: true })));

journey('in a workspace that is not trusted what runs have said is shown, traces are read, exported and deleted, and nothing runs', { folder, trusted: false, settings: { 'editor.minimap.enabled': false } }, async ({ page, workbench, dir, screenshot }) => {
  const runs = await workbench.view('Runs');
  const run = workbench.row(runs, '24 rollouts');
  await expand(run);
  await workbench.command('Filter Rollouts');
  await workbench.answer('reward>0.8 training-1');
  await until(async () => (await runs.locator('.monaco-list-row[aria-level="2"]').count()) === 1, 'The filter hid nothing.');
  await runs.locator('.monaco-list-row[aria-level="2"]').click();
  await page.frameLocator('iframe.webview').first().frameLocator('iframe').getByText('s0t1n7').first().waitFor();
  await screenshot('runs-untrusted');
  // Reading is allowed: from the tree as a table, from the viewer what is open there.
  await run.click({ button: 'right' });
  await page.locator('.monaco-menu').getByText('Export Run').hover();
  await page.keyboard.press('Enter');
  await workbench.pick('Rollouts as CSV');
  const saveAs = async (offered: RegExp, name: string): Promise<void> => {
    await until(async () => offered.test(await workbench.quickInput().inputValue()), 'Nobody asked where it goes.');
    await workbench.answer(join(folder, name));
    await until(() => existsSync(join(folder, name)), `${name} was not written.`);
  };
  await saveAs(/-rollouts\.csv$/, 'rollouts.csv');
  assert.equal((await readFile(join(folder, 'rollouts.csv'), 'utf8')).trimEnd().split('\r\n').length, 25);
  const viewer = page.frameLocator('iframe.webview').first().frameLocator('iframe');
  await viewer.getByRole('button', { name: 'Export' }).click();
  await viewer.getByLabel('Only s0t1n7').check();
  await viewer.getByLabel('Everything, as records').check();
  await screenshot('export-untrusted');
  await viewer.getByRole('dialog').getByRole('button', { name: 'Export', exact: true }).click();
  await saveAs(/\.jsonl$/, 'one.jsonl');
  assert.equal((JSON.parse(await readFile(join(folder, 'one.jsonl'), 'utf8')) as { rollout: string }).rollout, 's0t1n7');
  const workflows = workbench.pane('Workflows');
  if (await workflows.locator('.monaco-list-row').count() > 0) {
    await workflows.locator('.monaco-list-row').first().hover();
    assert.equal(await workflows.getByRole('button', { name: 'Run Rollouts' }).count(), 0);
  }
  await run.click();
  await page.keyboard.press('Delete');
  const dialog = page.locator('.monaco-dialog-box');
  await dialog.getByText('Delete run').waitFor();
  await dialog.getByRole('button', { name: 'Delete', exact: true }).click();
  await run.waitFor({ state: 'hidden' });
  assert.equal(existsSync(large), false);
  await workbench.command('View: Close All Editors');

  await workbench.command('Tuning Fork: Doctor');
  const doctor = page.frameLocator('iframe.webview').frameLocator('iframe');
  await doctor.getByText('The workspace is not trusted').waitFor();
  await page.keyboard.press('F1');
  await workbench.quickInput().fill('>Tuning Fork: ');
  await page.locator('.quick-input-list .monaco-list-row').filter({ hasText: 'Tuning Fork: Doctor' }).first().waitFor();
  const offered = await workbench.picks();
  for (const title of ['Start Training', 'Continue Training', 'Serve Checkpoint', 'Debug']) assert.ok(!offered.some((entry) => entry.includes(title)), `${title} is offered`);
  await page.keyboard.press('Escape');
  await workbench.open('workflow.ts');
  await until(async () => /reward .*\(2\)/.test((await workbench.inlineTexts()).join()), 'What an earlier run said is not shown.', 30_000);
  await workbench.codeLens(/^last:/).waitFor();
  assert.deepEqual((await workbench.codeLenses()).filter((text) => /Run|Debug|Train/.test(text)), []);
  assert.equal(existsSync(join(dir, 'rt')), false, 'no backbone was started');
});
