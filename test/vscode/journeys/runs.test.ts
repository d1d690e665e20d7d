import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { journey } from '../journey.ts';
import { repository } from '../launch.ts';
import { writeLargeRun } from '../large-run.ts';
import { until } from '../until.ts';
import { expand } from '../workbench.ts';

const math = { workspace: { from: join(repository, 'examples/math-agent') } };

journey('rollouts from the button of a workflow are seen in the Runs tree', math, async ({ page, workbench, screenshot }) => {
  const workflows = await workbench.view('Workflows');
  const row = workbench.row(workflows, 'MathAgent');
  await row.hover();
  await row.getByRole('button', { name: 'Run Rollouts' }).click();
  const runs = workbench.pane('Runs');
  await until(async () => (await workbench.rows(runs)).some((text) => /8 rollouts/.test(text)), 'The run was not seen to end.', 30_000);
  const run = workbench.row(runs, /8 rollouts/);
  await expand(run);
  await until(async () => (await workbench.rows(runs)).length >= 3, 'Its tasks were not shown.');
  await expand(runs.locator('.monaco-list-row[aria-level="2"]').first());
  await until(async () => (await runs.locator('.monaco-list-row[aria-level="3"]').count()) === 4, 'The rollouts of a task were not shown.');
  await screenshot('runs-light');
  await runs.locator('.monaco-list-row[aria-level="3"]').first().click();
  const viewer = page.frameLocator('iframe.webview').first().frameLocator('iframe');
  await viewer.getByText('calculator(expression)').first().waitFor();
  await screenshot('rollout-viewer');
  await runs.locator('.monaco-list-row[aria-level="3"]').first().click({ button: 'right' });
  await page.locator('.monaco-menu').getByText('Open Rollout as Text').hover();
  await page.keyboard.press('Enter');
  await page.locator('.tab.active').filter({ hasText: /^s0t/ }).waitFor();
  assert.match((await page.locator('.view-lines').first().textContent())!.replace(/\u00a0/g, ' '), /Task/);
  await screenshot('rollout-document');
});

journey('tasks are tests; a rollout saved as one fails once the code asks something else', { ...math, theme: 'light' }, async ({ page, workbench, screenshot, workspace }) => {
  const testing = page.locator('.test-explorer');
  await workbench.command('Testing: Focus on Test Explorer View');
  const tree = (text: string | RegExp) => testing.locator('.monaco-list-row').filter({ hasText: text }).first();
  await expand(tree('MathAgent'));
  await expand(tree('math-agent.yaml'));
  await tree('training-1').waitFor();
  assert.ok(await tree('training-0').isVisible());
  await tree('training-1').hover();
  await tree('training-1').getByRole('button', { name: 'Run Test' }).click();
  await until(async () => await tree('training-1').locator('.codicon-testing-passed-icon, .codicon-testing-failed-icon').count() > 0, 'The task was not seen to end.', 30_000);
  await screenshot('testing-tasks');

  await workbench.view('Runs');
  const runs = workbench.pane('Runs');
  await expand(workbench.row(runs, /4 rollouts/));
  await expand(workbench.row(runs, 'training-1'));
  const rollout = workbench.row(runs, 's0t1n0');
  await rollout.waitFor();
  await rollout.click({ button: 'right' });
  await page.locator('.monaco-menu').getByText('Save Rollout as Test').hover();
  await page.keyboard.press('Enter');
  await workbench.answer('subtraction');
  await until(() => existsSync(join(workspace, 'tests/rollouts/subtraction.rollout.json')), 'It was not saved.');
  await workbench.command('Testing: Focus on Test Explorer View');
  await expand(tree('Saved Rollouts'));
  await until(async () => await tree('subtraction').locator('.codicon-testing-passed-icon').count() > 0, 'The saved rollout did not pass.', 20_000);

  await writeFile(join(workspace, 'prompt.ts'), (await readFile(join(workspace, 'prompt.ts'), 'utf8')).replace(/Solve the problem/, 'Guess'));
  await tree('subtraction').hover();
  await tree('subtraction').getByRole('button', { name: 'Run Test' }).click();
  await until(async () => await tree('subtraction').locator('.codicon-testing-failed-icon').count() > 0, 'The saved rollout did not fail.', 20_000);
  await tree('subtraction').click();
  await screenshot('testing-saved-failed');
});

journey('a run of 20,000 rollouts opens at once, page by page', { ...math, theme: 'high-contrast' }, async ({ page, workbench, screenshot, workspace }) => {
  await writeLargeRun(workspace, 20_000);
  await workbench.view('Runs');
  const runs = workbench.pane('Runs');
  const run = workbench.row(runs, '20,000 rollouts');
  await run.waitFor();
  const began = performance.now();
  await run.locator('.monaco-tl-twistie').click();
  await workbench.row(runs, 'training-0').waitFor();
  const took = performance.now() - began;
  console.log(`opened in ms ${Math.round(took)}`);
  assert.ok(took < 1_500, `it took ${Math.round(took)} ms`);
  await run.focus();
  await page.keyboard.press('End');
  const more = workbench.row(runs, 'Show more…');
  await more.waitFor();
  await more.click({ button: 'right' });
  await page.keyboard.press('Escape');
  await screenshot('runs-100k');
});

journey('rollouts that go on are cancelled, and what has finished is kept', { ...math, settings: { 'tuningFork.rollouts.repeats': 400, 'tuningFork.rollouts.concurrency': 2 } }, async ({ page, workbench, screenshot }) => {
  await workbench.open('workflow.ts');
  await workbench.codeLens('Run Rollouts').click();
  const runs = await workbench.view('Runs');
  const running = workbench.row(runs, /\d+ of 800/);
  await running.waitFor();
  await until(async () => /[1-9]\d* of 800/.test((await workbench.rows(runs)).join()), 'No rollout was seen to end.', 30_000);
  await screenshot('runs-running');
  await running.hover();
  await running.getByRole('button', { name: 'Cancel Run' }).click();
  const cancelled = workbench.row(runs, 'cancelled');
  await cancelled.waitFor();
  assert.match((await workbench.rows(runs))[0]!, /cancelled .* [1-9]\d* rollouts/);
  await expand(cancelled);
  await workbench.row(runs, 'training-0').waitFor();
  await page.keyboard.press('Escape');
});

journey('stored runs are read, exported and deleted; in an untrusted workspace nothing runs', { ...math, trusted: false }, async ({ page, workbench, screenshot, workspace }) => {
  const dir = await writeLargeRun(workspace, 24);
  await workbench.view('Runs');
  const runs = workbench.pane('Runs');
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
    await workbench.answer(join(workspace, name));
    await until(() => existsSync(join(workspace, name)), `${name} was not written.`);
  };
  await saveAs(/-rollouts\.csv$/, 'rollouts.csv');
  assert.equal((await readFile(join(workspace, 'rollouts.csv'), 'utf8')).trimEnd().split('\r\n').length, 25);
  const viewer = page.frameLocator('iframe.webview').first().frameLocator('iframe');
  await viewer.getByRole('button', { name: 'Export' }).click();
  await viewer.getByLabel('Only s0t1n7').check();
  await viewer.getByLabel('Everything, as records').check();
  await screenshot('export-untrusted');
  await viewer.getByRole('dialog').getByRole('button', { name: 'Export', exact: true }).click();
  await saveAs(/\.jsonl$/, 'one.jsonl');
  assert.equal((JSON.parse(await readFile(join(workspace, 'one.jsonl'), 'utf8')) as { rollout: string }).rollout, 's0t1n7');
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
  assert.equal(existsSync(dir), false);
});

journey('a saved rollout is debugged from its record', math, async ({ page, workbench, workspace }) => {
  await workbench.open('workflow.ts');
  await workbench.command('Tuning Fork: Run Rollouts');
  const runs = await workbench.view('Runs');
  await expand(workbench.row(runs, '8 rollouts'));
  await expand(workbench.row(runs, 'training-0'));
  await workbench.row(runs, 's0t0n0').click({ button: 'right' });
  await page.locator('.monaco-menu').getByText('Save Rollout as Test').hover();
  await page.keyboard.press('Enter');
  await workbench.answer('kept');
  await until(() => existsSync(join(workspace, 'tests/rollouts/kept.rollout.json')), 'It was not saved.');
  await workbench.open('workflow.ts');
  await workbench.breakpoint(20);
  await workbench.command('Testing: Focus on Test Explorer View');
  const testing = page.locator('.test-explorer .monaco-list-row');
  await expand(testing.filter({ hasText: 'Saved Rollouts' }));
  await testing.filter({ hasText: 'kept' }).hover();
  await testing.filter({ hasText: 'kept' }).getByRole('button', { name: 'Debug Test' }).click();
  await until(async () => (await workbench.stopped().catch(() => undefined))?.line === 20, 'It did not stop in the workflow.', 40_000);
});
