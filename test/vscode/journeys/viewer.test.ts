/** The trace viewer in the editor: the ways into it, to the code and back, and forks that stand beside their parent. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import type { FrameLocator } from 'playwright-core';
import { journey } from '../journey.ts';
import { repository } from '../launch.ts';
import { until } from '../until.ts';
import { expand } from '../workbench.ts';

const workspace = { from: join(repository, 'examples/math-agent') };
const settings = { 'editor.minimap.enabled': false };

const place = (viewer: FrameLocator): Promise<string> => viewer.locator('.inspector-head h2').innerText({ timeout: 2_000 });
const facts = async (viewer: FrameLocator): Promise<string> => (await viewer.locator('.inspector .facts').innerText()).replace(/\s+/g, ' ');
async function standsAt(viewer: FrameLocator, token: string, colour: string): Promise<void> {
  // A page that comes again is not there at once.
  const shown = async (): Promise<string> => `${await place(viewer)} ${await viewer.getByRole('combobox', { name: 'Colour' }).inputValue()}`;
  await until(async () => await shown().catch(() => '') === `${token} ${colour}`, `The viewer was not at ${token} in the colour ${colour}.`, 40_000);
}

journey('from a line of code to the tokens it sampled and back; hidden and reloaded the viewer keeps its place; forks stand beside their parent', { workspace, settings }, async ({ page, workbench, screenshot, reload }) => {
  const viewer = page.frameLocator('iframe.webview').first().frameLocator('iframe');
  await workbench.open('workflow.ts');
  await workbench.codeLens('Run Rollouts').click({ timeout: 40_000 });
  await workbench.codeLens(/^last: /).waitFor({ timeout: 40_000 });
  await until(async () => /calls/.test((await workbench.inlineTexts()).join()), 'The line that asked the model shows nothing.');
  await workbench.goTo(19, 200);
  await page.keyboard.press('Control+k');
  await page.keyboard.press('Control+i');
  await page.locator('.monaco-hover:visible').getByText('a rollout').click();
  await viewer.getByRole('combobox', { name: 'Colour' }).selectOption('role');
  await viewer.locator('.token-pane').press('n');
  assert.match(await facts(viewer), /Call 0 .*Code workflow\.ts:19/);
  const token = await place(viewer);

  await viewer.locator('.inspector').getByRole('button', { name: 'workflow.ts:19' }).click();
  await until(async () => (await workbench.statusBar()).some((item) => item.startsWith('Ln 19,')), 'The line was not gone to.');
  await screenshot('viewer-beside-code');
  await page.keyboard.press('Control+Alt+-');
  await until(async () => (await page.evaluate('document.activeElement.tagName')) === 'IFRAME', 'Go Back did not lead to the viewer.');
  await standsAt(viewer, token, 'role');
  await workbench.open('prompt.ts');
  await workbench.command('Tuning Fork: Open Trace Viewer');
  await standsAt(viewer, token, 'role');
  await reload();
  await page.locator('.tab').filter({ hasText: /run\.json|math_agent/ }).first().click({ timeout: 40_000 });
  await standsAt(viewer, token, 'role');

  await viewer.getByRole('button', { name: 'Fork from here' }).click();
  await workbench.quickInput().waitFor();
  await workbench.answer('2');
  const forks = viewer.locator('.kin-line');
  await forks.waitFor({ timeout: 40_000 });
  assert.match((await forks.innerText()).replace(/\s+/g, ' '), /^2 forked at call 0, token \d+ mean \S+ s0t\dn\df1 \S+ s0t\dn\df2 \S+ Compare$/);
  await forks.getByRole('button', { name: 'Compare' }).click();
  await viewer.locator('.compare-head').nth(2).waitFor();
  await screenshot('viewer-forks');
  const runs = await workbench.view('Runs');
  await expand(workbench.row(runs, 'forks of s0t'));
  await forks.getByRole('button', { name: /f1$/ }).click();
  await page.locator('.tab.active').filter({ hasText: /math_agent.*\d{4}/ }).waitFor();
});
