import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Locator, Page } from 'playwright-core';
import { journey } from '../journey.ts';
import { chooseTheme, repository, type Host } from '../launch.ts';
import { until } from '../until.ts';
import type { Workbench } from '../workbench.ts';

const from = join(repository, 'examples/math-agent');

/** The example with other steps and fewer validation tasks. */
function short(steps: number): string {
  const yaml = readFileSync(join(from, 'math-agent.yaml'), 'utf8');
  return yaml.replace('total_training_steps: 60', `total_training_steps: ${steps}`).replace('test_freq: 20', `test_freq: ${steps}`).replace('each_validation: 100', 'each_validation: 20');
}

function workspace(steps: number): { from: string; files: Record<string, string> } {
  return { from, files: { 'math-agent.yaml': short(steps) } };
}

/** What the status bar says of the training; undefined where it says nothing. */
async function told(workbench: Workbench): Promise<{ text: string; step: number } | undefined> {
  const text = (await workbench.statusBar()).find((item) => /reward \d|interrupted/.test(item));
  return text === undefined ? undefined : { text, step: Number(/(\d+)\/\d+/.exec(text)?.[1] ?? 0) };
}

async function untilStep(workbench: Workbench, step: number): Promise<number> {
  let last = 0;
  await until(async () => (last = (await told(workbench))?.step ?? 0) >= step, `The status bar did not come to step ${step}.`, 60_000);
  return last;
}

async function click(notification: Locator, name: string): Promise<void> {
  await notification.getByRole('button', { name }).click();
}

function clipboard(page: Page): Promise<string> {
  return page.evaluate<string>('navigator.clipboard.readText()');
}

function backbonePid({ dir }: Host): number {
  const [address] = globSync(join(dir, 'rt/*/backbone.json'));
  return (JSON.parse(readFileSync(address!, 'utf8')) as { process: { pid: number } }).process.pid;
}

journey('Start Training raises the reward, and the end is told with before and after; its dashboard is opened from the Runs tree, also in high contrast', { workspace: workspace(14) }, async ({ page, workbench, screenshot }) => {
  await workbench.command('Tuning Fork: Start Training');
  await workbench.notification(/Start Training/);
  await untilStep(workbench, 2);
  await screenshot('training-status');
  const runs = await workbench.view('Runs');
  await workbench.row(runs, /training/).waitFor();
  const end = await workbench.notification(/math_agent is trained: 14 steps/, 60_000);
  const [, before, after] = /sampled ([\d.]+) \[.*?\] → ([\d.]+) \[/.exec(await end.textContent() ?? '') ?? [];
  assert.ok(Number(after) > Number(before), `${before} → ${after}`);
  await screenshot('training-end');
  await click(end, 'Show Report');
  const report = page.frameLocator('iframe.webview').last().frameLocator('iframe');
  await report.getByRole('heading', { name: 'math_agent' }).waitFor();
  await report.getByText('reward, sampled').waitFor();
  await screenshot('training-report');

  await workbench.command('View: Close All Editors');
  await workbench.row(runs, /training/).hover();
  await workbench.row(runs, /training/).getByRole('button', { name: 'Open Dashboard' }).click();
  const dashboard = page.frameLocator('iframe.webview').first().frameLocator('iframe');
  await dashboard.locator('.report').waitFor();
  assert.match(await dashboard.locator('.facts').innerText(), /^step 14 of 14/);
  await chooseTheme(page, 'high-contrast');
  await until(async () => await dashboard.locator('html').getAttribute('data-theme') === 'contrast-dark', 'The dashboard does not follow the theme.');
  await screenshot('dashboard-contrast');
});

journey('kill -9 of the backbone is shown, and the training goes on where it was', { workspace: workspace(200) }, async (host) => {
  const { workbench, screenshot } = host;
  await workbench.command('Tuning Fork: Start Training');
  const before = await untilStep(workbench, 2);
  process.kill(backbonePid(host), 'SIGKILL');
  const lost = await workbench.notification(/is gone\. Nothing of its \d+ steps is lost/);
  assert.match((await told(workbench))!.text, /interrupted/);
  await (await workbench.view('Runs')).locator('.codicon-debug-disconnect').waitFor();
  await screenshot('training-lost');
  await click(lost, 'Resume Training');
  const after = await untilStep(workbench, before + 1);
  assert.ok(after < before + 20, `it did not begin anew, nor skip: ${before} → ${after}`);
  await workbench.command('Tuning Fork: Stop Training');
  await workbench.notification(/stopped after step \d+/, 30_000);
});

journey('what stands in the way of a training is put right with a click; its weights are then used and served', {
  workspace: { from, files: { 'math-agent.yaml': short(200).replace('path: embedded ', 'path: openai:gpt-4o ').replace('tuning_fork:\n', 'tuning_fork:\n  backbone: trinity\n') } },
}, async ({ page, workbench, workspace: folder }) => {
  await workbench.command('Tuning Fork: Start Training');
  await click(await workbench.notification(/trains on "trinity", which is not part of this version/), 'Train on This Machine');
  await click(await workbench.notification(/the model "openai:gpt-4o" is not a folder of them/), 'Train the Embedded Model');
  await untilStep(workbench, 1);
  await workbench.command('Tuning Fork: Stop Training');
  await click(await workbench.notification(/stopped after step/, 30_000), 'Use Checkpoint');
  await workbench.pick('Write It into the Configuration');
  await page.locator('.view-line').filter({ hasText: /checkpoints/ }).waitFor();
  await page.keyboard.press('Control+s');
  await until(() => /path: runs\/.*step-\d+ {2,}# or a folder/.test(readFileSync(join(folder, 'math-agent.yaml'), 'utf8')), 'The configuration was not changed in its place.');
  await workbench.command('Tuning Fork: Serve Checkpoint');
  await workbench.pick('step-');
  const served = await workbench.notification(/is served at http/, 40_000);
  const [, baseURL] = /at (http\S+) for/.exec(await served.textContent() ?? '') ?? [];
  await click(served, 'Copy Base URL');
  const key = await workbench.notification(/is served at http/);
  assert.equal(await clipboard(page), baseURL);
  await click(key, 'Copy API Key');
  await until(async () => (await clipboard(page)).startsWith('tf-'), 'The key was not copied.');
  const token = await clipboard(page);
  const answer = await fetch(`${baseURL}/chat/completions`, {
    method: 'POST', headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' }, body: JSON.stringify({ model: 'any', messages: [{ role: 'user', content: '1 + 1' }], max_tokens: 8 }),
  });
  assert.equal(answer.status, 200);
  await page.locator('.terminal-wrapper.active').waitFor();
});

journey('configuration and roles are asked where there are several; Esc starts nothing', { workspace: { from: join(repository, 'examples') } }, async ({ page, workbench, workspace: folder, screenshot }) => {
  const runs = (): string[] => globSync(join(folder, '**/run.json'));
  await workbench.command('Tuning Fork: Start Training');
  await workbench.pick('duel.yaml');
  const roles = page.locator('.quick-input-list .monaco-list-row');
  await roles.filter({ hasText: 'rival' }).waitFor();
  assert.deepEqual(await roles.locator('input[type=checkbox], .monaco-checkbox').evaluateAll((boxes) => boxes.map((box) => String((box as unknown as { ariaChecked: string | null; checked?: boolean }).ariaChecked ?? (box as unknown as { checked?: boolean }).checked))), ['true', 'false'], 'what the workflow says is chosen');
  await screenshot('training-roles');
  await page.keyboard.press('Escape');
  await roles.first().waitFor({ state: 'hidden' });
  await workbench.command('Tuning Fork: Start Training');
  await workbench.pick('duel.yaml');
  await roles.filter({ hasText: 'rival' }).click();
  await page.keyboard.press('Enter');
  await until(() => runs().length > 0, 'No training was started.', 30_000);
  assert.equal(runs().length, 1, 'the first one was not');
  await until(async () => (await workbench.statusBar()).some((item) => /0\/80|training starts/.test(item)), 'The status bar does not show it.', 40_000);
  const training = runs().map((file) => JSON.parse(readFileSync(file, 'utf8')) as { kind: string; config: { trainable_targets?: string[] } }).find(({ kind }) => kind === 'training');
  assert.deepEqual(training?.config.trainable_targets, ['runner', 'rival']);
  await workbench.command('Tuning Fork: Stop Training');
  await workbench.notification(/stopped after step/, 40_000);
});

journey('a training that came to its end while no window was open is told of at the next start', { workspace: workspace(4) }, async ({ page, workbench, workspace: folder, reload }) => {
  await workbench.command('Tuning Fork: Start Training');
  await untilStep(workbench, 1);
  await page.goto('about:blank');
  const finished = (): boolean => globSync(join(folder, 'runs/*/*/*/run.json')).some((file) => readFileSync(file, 'utf8').includes('"state": "finished"'));
  await until(finished, 'The training did not go on without a window.', 60_000);
  await reload();
  await workbench.notification(/math_agent is trained: 4 steps\. Reward on validation tasks/, 30_000);
});
