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

journey('tasks are tests; a rollout saved as one is debugged from its record, and fails once the code asks something else', { ...math, theme: 'light' }, async ({ page, workbench, screenshot, workspace }) => {
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

  await workbench.open('workflow.ts');
  await workbench.breakpoint(20);
  await workbench.command('Testing: Focus on Test Explorer View');
  await tree('subtraction').hover();
  await tree('subtraction').getByRole('button', { name: 'Debug Test' }).click();
  await until(async () => (await workbench.stopped().catch(() => undefined))?.line === 20, 'It did not stop in the workflow.', 40_000);
  await workbench.debugButton('Continue').click();
  await page.locator('.debug-toolbar').waitFor({ state: 'hidden' });
  await workbench.command('Testing: Focus on Test Explorer View');

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
