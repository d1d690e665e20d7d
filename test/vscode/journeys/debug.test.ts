import assert from 'node:assert/strict';
import { join } from 'node:path';
import { journey } from '../journey.ts';
import { repository } from '../launch.ts';

const mathAgent = { from: join(repository, 'examples/math-agent') };

journey('F5 without a launch.json stops at a breakpoint in execute, and restart stops there again', { workspace: mathAgent }, async ({ page, workbench, screenshot }) => {
  await workbench.open('workflow.ts');
  await workbench.breakpoint(19);
  await workbench.codeLens('Debug').waitFor();
  const pressed = performance.now();
  await page.keyboard.press('F5');
  const { line, frames } = await workbench.stopped();
  console.log('f5', performance.now() - pressed);
  await screenshot('debug-breakpoint');
  assert.equal(line, 19);
  assert.ok(frames.some((frame) => frame.includes('execute')), frames.join('\n'));
  await page.locator('.debug-call-stack .monaco-list-row').first().hover();
  await page.mouse.wheel(0, -1000);
  await page.waitForTimeout(500);
  console.log(await page.locator('.debug-call-stack .monaco-list-row').evaluateAll((rows) => rows.map((row) => [row.getAttribute('aria-level'), row.getAttribute('aria-label'), row.textContent])));
  await screenshot('debug-home');
  await workbench.variable('Local', /^task/);
  const restarted = performance.now();
  await workbench.debugButton('Restart').click();
  await page.locator('.debug-top-stack-frame-line').first().waitFor({ state: 'hidden' });
  await workbench.stopped();
  console.log('restart', performance.now() - restarted);
  await screenshot('debug-restarted');
});
