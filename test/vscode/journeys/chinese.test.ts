import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { journey } from '../journey.ts';
import { repository } from '../launch.ts';
import { until } from '../until.ts';

const from = join(repository, 'examples/math-agent');
const yaml = readFileSync(join(from, 'math-agent.yaml'), 'utf8')
  .replace('total_training_steps: 60', 'total_training_steps: 8').replace('test_freq: 20', 'test_freq: 8').replace('each_validation: 100', 'each_validation: 20');

journey('whoever reads Chinese trains in Chinese', { workspace: { from, files: { 'math-agent.yaml': yaml, 'broken/tuning-fork.yaml': 'tuning_fork:\n  rollout:\n    temprature: 1\n' } }, locale: 'zh-cn' }, async ({ page, workbench, screenshot }) => {
  await workbench.open('workflow.ts');
  await workbench.codeLens('运行 Rollout').click({ timeout: 40_000 });
  await workbench.codeLens(/^上次：/).waitFor({ timeout: 30_000 });
  await until(async () => /次调用.*\n奖励 0\.\d\d ± 0\.\d\d（8）/.test((await workbench.inlineTexts()).join('\n')), 'The values beside the code are not in Chinese.');
  await screenshot('inline-values-chinese');
  await workbench.command('View: Close All Editors');
  await workbench.command('Tuning Fork: 开始训练');
  await workbench.notification('开始训练');
  await until(async () => (await workbench.statusBar()).some((text) => /奖励 [\d.]+ · \d\/8/.test(text)), 'The status bar told nothing in Chinese.', 60_000);
  await page.locator('.statusbar-item').filter({ hasText: /奖励 [\d.]+ · \d\/8/ }).hover();
  await page.locator('.monaco-hover').filter({ hasText: '成功率' }).waitFor();
  await screenshot('training-chinese');
  const end = await workbench.notification(/math_agent 训练完成：8 步/, 60_000);
  assert.match(await end.textContent() ?? '', /验证任务上的奖励：贪心 [\d.]+ .*采样/);
  assert.deepEqual(await end.getByRole('button').allTextContents().then((all) => all.filter((text) => /[\u4e00-\u9fff]/.test(text))), ['显示报告', '使用检查点', '启动服务']);
  await screenshot('dashboard-chinese');
  await end.getByRole('button', { name: '显示报告' }).click();
  await page.locator('.tab.active').filter({ hasText: 'math_agent' }).waitFor();
  await page.frameLocator('iframe.webview:visible').frameLocator('iframe').getByText('奖励（贪心）').waitFor();
  await screenshot('report-chinese');
  await workbench.open('broken/tuning-fork.yaml');
  await workbench.command('Problems: Focus on Problems View');
  await page.locator('.markers-panel .monaco-list-row').filter({ hasText: '`rollout` 里没有键 `temprature`。是不是 `temperature`？' }).waitFor();
  await screenshot('problems-chinese');
  await workbench.pane('工作流').waitFor();
  await workbench.pane('运行记录').waitFor();
  await workbench.command('View: Close All Editors');
  await workbench.command('Tuning Fork: 诊断');
  await page.frameLocator('iframe.webview').frameLocator('iframe').getByText('工作区已受信任').waitFor();
  await workbench.command('Tuning Fork: 打开入门教程');
  await page.locator('.getting-started-step').filter({ hasText: '看奖励上升' }).waitFor();
  await screenshot('walkthrough-chinese');
});
