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

journey('Start Training opens the dashboard: it grows, pauses, is there again after a reload as the status bar is, leads to a rollout; and the training is stopped', { workspace }, async ({ page, workbench, screenshot, reload }) => {
  await workbench.open('workflow.ts');
  await workbench.command('Tuning Fork: Start Training');
  const shown = dashboard(page);
  await until(async () => await stepOf(shown) >= 2, 'The dashboard did not come to step 2.', 90_000);
  await screenshot('dashboard-live');
  const before = await stepOf(shown);
  await until(async () => await stepOf(shown) > before, 'The dashboard does not grow.', 30_000);
  await shown.locator('.processes').getByText('Trainer').waitFor();

  await page.locator('.statusbar-item').filter({ hasText: /reward \d/ }).click();
  await workbench.pick('Pause');
  await shown.getByRole('button', { name: 'Resume', exact: true }).waitFor({ timeout: 30_000 });
  const paused = await stepOf(shown);
  const isPaused = (): Promise<void> => until(async () => (await workbench.statusBar()).some((text) => /paused/.test(text)), 'The status bar does not say that it is paused.', 30_000);
  await isPaused();
  await reload();
  await isPaused();
  const again = dashboard(page);
  await until(async () => await stepOf(again) >= paused, 'The dashboard is not there again after a reload.', 40_000);
  await again.getByRole('button', { name: 'Resume', exact: true }).click();
  await until(async () => await stepOf(again) > paused, 'It does not go on.', 40_000);

  await again.getByRole('button', { name: 'Stop', exact: true }).click();
  await again.locator('.head .state.cancelled').waitFor({ timeout: 40_000 });
  await workbench.notification(/stopped after step \d+; what it learned is kept/, 30_000);
  await screenshot('dashboard-stopped');
  await again.locator('button.rollout').first().click();
  await page.locator('.tab', { hasText: /run\.json/ }).waitFor();
});
