import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FrameLocator, Page } from 'playwright-core';
import { journey } from '../journey.ts';
import { repository } from '../launch.ts';
import { until } from '../until.ts';

const from = join(repository, 'examples/math-agent');
const yaml = readFileSync(join(from, 'math-agent.yaml'), 'utf8').replace('total_training_steps: 60', 'total_training_steps: 200').replace('each_validation: 100', 'each_validation: 20');
const workspace = { from, files: { 'math-agent.yaml': yaml } };

function dashboard(page: Page): FrameLocator {
  return page.frameLocator('iframe.webview').first().frameLocator('iframe');
}

async function stepOf(shown: FrameLocator): Promise<number> {
  return Number(/step (\d+) of 200/.exec(await shown.locator('.facts').textContent().catch(() => '') ?? '')?.[1] ?? 0);
}

journey('Start Training opens the dashboard: it grows, pauses, leads to a rollout, and is there again after a reload', { workspace }, async ({ page, workbench, screenshot, reload }) => {
  await workbench.open('workflow.ts');
  await workbench.command('Tuning Fork: Start Training');
  const shown = dashboard(page);
  await until(async () => await stepOf(shown) >= 2, 'The dashboard did not come to step 2.', 90_000);
  await screenshot('dashboard-live');
  const before = await stepOf(shown);
  await until(async () => await stepOf(shown) > before, 'The dashboard does not grow.', 30_000);
  await shown.locator('.processes').getByText('Trainer').waitFor();

  await shown.getByRole('button', { name: 'Pause', exact: true }).click();
  await shown.getByRole('button', { name: 'Resume', exact: true }).waitFor({ timeout: 30_000 });
  const paused = await stepOf(shown);
  await reload();
  const again = dashboard(page);
  await until(async () => await stepOf(again) >= paused, 'The dashboard is not there again after a reload.', 40_000);
  await again.getByRole('button', { name: 'Resume', exact: true }).click();
  await until(async () => await stepOf(again) > paused, 'It does not go on.', 40_000);

  await again.getByRole('button', { name: 'Stop', exact: true }).click();
  await again.locator('.head .state.cancelled').waitFor({ timeout: 40_000 });
  await screenshot('dashboard-stopped');
  await again.locator('button.rollout').first().click();
  await page.locator('.tab', { hasText: /run\.json/ }).waitFor();
});

journey('the dashboard in high contrast, of a training that was opened from the Runs tree', { workspace: { from, files: { 'math-agent.yaml': yaml.replace('total_training_steps: 200', 'total_training_steps: 3').replace('test_freq: 20', 'test_freq: 3') } } }, async ({ page, workbench, screenshot }) => {
  await workbench.command('Tuning Fork: Start Training');
  await workbench.notification(/is trained: 3 steps/, 60_000);
  await workbench.command('View: Close All Editors');
  const runs = await workbench.view('Runs');
  await workbench.row(runs, /training/).hover();
  await workbench.row(runs, /training/).getByRole('button', { name: 'Open Dashboard' }).click();
  const shown = dashboard(page);
  await shown.locator('.report').waitFor();
  await workbench.command('Preferences: Color Theme');
  await workbench.pick('Dark High Contrast');
  await until(async () => await shown.locator('html').getAttribute('data-theme') === 'contrast-dark', 'The dashboard does not follow the theme.');
  await screenshot('dashboard-contrast');
});
