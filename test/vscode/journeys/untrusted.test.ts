import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { journey } from '../journey.ts';
import { writeLargeRun } from '../large-run.ts';
import { repository } from '../launch.ts';
import { expand } from '../workbench.ts';

const folder = mkdtempSync(join(tmpdir(), 'tf-untrusted-'));
cpSync(join(repository, 'examples/math-agent'), folder, { recursive: true, filter: (path) => !path.endsWith('runs') });
await writeLargeRun(folder, 16);
after(() => rmSync(folder, { recursive: true }));

journey('in a workspace that is not trusted traces are read and nothing runs', { folder, trusted: false }, async ({ page, workbench, dir, screenshot }) => {
  const runs = await workbench.view('Runs');
  await expand(workbench.row(runs, /large/));
  await expand(runs.locator('.monaco-list-row[aria-level="2"]').first());
  await runs.locator('.monaco-list-row[aria-level="3"]').first().click();
  await page.frameLocator('iframe.webview').frameLocator('iframe').getByText(/^s0t\d+n\d+$/).first().waitFor();
  await screenshot('untrusted');
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
  assert.equal(existsSync(join(dir, 'rt')), false, 'no backbone was started');
});
