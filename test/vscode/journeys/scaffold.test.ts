import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import type { Locator, Page } from 'playwright-core';
import { journey, TYPES_ARE_LOOKED_AT } from '../journey.ts';
import { repository } from '../launch.ts';
import { until } from '../until.ts';
import { Workbench } from '../workbench.ts';

/** The next step has come up. */
const proposed = (workbench: Workbench, name: string): Promise<void> => until(async () => (await workbench.quickInput().inputValue()) === name, `${name} was not proposed.`);
const offered = (workbench: Workbench, label: string): Promise<void> => until(async () => (await workbench.picks()).some((text) => text.endsWith(label)), `${label} was not offered.`);

/** The menu of quick fixes closes when a language server has news. */
async function fixOf(page: Page, title: string): Promise<Locator> {
  const fix = page.locator('.action-widget').getByText(title);
  await until(async () => {
    if (!await fix.isVisible()) await page.keyboard.press('Control+.');
    return fix.waitFor({ timeout: 2_000 }).then(() => true, () => false);
  }, `"${title}" was not offered.`, 30_000);
  return fix;
}

const nearlyEmpty = { workspace: { files: { 'README.md': '# Mine\n' } }, settings: TYPES_ARE_LOOKED_AT };

journey('a new workflow is opened where one goes on writing, and is right; what breaks it or its configuration is told and mended; keys and values are offered', nearlyEmpty, async ({ page, workbench, workspace, screenshot }) => {
  await workbench.command('Tuning Fork: New Workflow…');
  await offered(workbench, 'Next to Nothing');
  await screenshot('new-workflow-template');
  await workbench.pick('A Game by Turns');
  await proposed(workbench, 'game');
  await page.locator('.quick-input-widget').getByRole('button', { name: 'Back' }).click();
  await workbench.pick('An Agent with a Tool');
  await proposed(workbench, 'tool-agent');
  await workbench.answer('README.md');
  await page.locator('.quick-input-message').filter({ hasText: 'README.md is there already.' }).waitFor();
  await screenshot('new-workflow-name');
  await workbench.answer('sums');
  await offered(workbench, 'workspace');
  await screenshot('new-workflow-place');
  await page.keyboard.press('Enter');

  await page.locator('.tab.active').filter({ hasText: 'workflow.ts' }).waitFor();
  const lines = readFileSync(join(workspace, 'sums/workflow.ts'), 'utf8').split('\n');
  const line = lines.findIndex((text) => text.includes('async execute'));
  await until(async () => (await workbench.statusBar()).some((text) => text.includes(`Ln ${line + 2}, Col 5`)), `The cursor is not in execute: ${(await workbench.statusBar()).join(' ')}`);
  await workbench.codeLens('Run Rollouts').waitFor();
  await workbench.goTo(line + 1, lines[line]!.indexOf('execute') + 1);
  for (let i = 0; i < 'async '.length; i++) await page.keyboard.press('Backspace');
  await workbench.command('Problems: Focus on Problems View');
  const problem = (text: string) => page.locator('.markers-panel .monaco-list-row').filter({ hasText: text });
  const row = problem('`execute` waits for something, so it must be async.');
  await row.waitFor();
  // TypeScript knows the types of the package that is linked: what it says follows from the mistake, and there is nothing else.
  await problem("'Promise<WorkflowOutput>'").waitFor({ timeout: 60_000 });
  const said = (await page.locator('.markers-panel .monaco-list-row').allTextContents()).filter((text) => /(?:not-async|ts\d+)\[Ln/.test(text));
  assert.equal(said.length, 3, said.join('\n'));
  await screenshot('contract-problem');
  await row.dblclick();
  await page.locator('.editor-instance .monaco-editor').first().click();
  await workbench.goTo(line + 1, 5);
  const fix = await fixOf(page, 'Make execute async');
  await screenshot('contract-fix');
  await fix.click();
  await page.locator('.markers-panel').getByText('No problems have been detected').waitFor();
  await page.keyboard.press('Control+s');
  await until(() => readFileSync(join(workspace, 'sums/workflow.ts'), 'utf8') === lines.join('\n'), 'The fix did not bring the method back as it was.');

  await workbench.command('Tuning Fork: Create Config');
  await page.locator('.tab.active').filter({ hasText: 'tool-agent.yaml' }).waitFor();
  const made = readFileSync(join(workspace, 'sums/tool-agent.yaml'), 'utf8');
  for (const part of ['workflow.ts->ToolAgent', 'data/training.jsonl', 'data/validation.jsonl', 'label_key: answer', 'judge.ts->AnswerJudge']) assert.ok(made.includes(part), `${part} is not in\n${made}`);
  await screenshot('created-config');

  const file = join(workspace, 'sums/tuning-fork.yaml');
  const before = readFileSync(file, 'utf8');
  const at = before.split('\n').findIndex((text) => text.includes('temperature'));
  await workbench.open('tuning-fork.yaml', at + 1, 5);
  await page.keyboard.press('Control+Delete');
  await page.keyboard.type('temprature');
  await page.keyboard.press('Escape');
  await workbench.command('Problems: Focus on Problems View');
  const unknown = page.locator('.markers-panel .monaco-list-row').filter({ hasText: 'There is no key `temprature` in `rollout`. Did you mean `temperature`?' });
  await unknown.waitFor();
  await screenshot('config-problem');
  await page.locator('.editor-instance .monaco-editor').first().click();
  await workbench.goTo(at + 1, 6);
  await (await fixOf(page, 'Rename to temperature')).click();
  await unknown.waitFor({ state: 'detached' });

  // A key, then its value.
  await page.keyboard.press('End');
  await page.keyboard.press('Enter');
  await page.keyboard.type('force');
  const suggestion = (label: string) => page.locator('.suggest-widget .monaco-list-row').filter({ hasText: label }).first();
  await suggestion('force_disable_toolcalls').waitFor();
  await screenshot('config-completion');
  await suggestion('force_disable_toolcalls').click();
  await suggestion('true').waitFor();
  await page.keyboard.type('tr');
  await page.keyboard.press('Enter');
  await page.keyboard.press('Control+s');
  await until(() => readFileSync(file, 'utf8').includes('\n    force_disable_toolcalls: true\n'), `The key was not written: ${readFileSync(file, 'utf8')}`);

  await page.locator('.view-line').getByText('num_repeat').hover();
  await page.locator('.monaco-hover').filter({ hasText: 'Rollouts of one task: the size of its group.' }).first().waitFor();
  await screenshot('config-hover');

  await workbench.goTo(readFileSync(file, 'utf8').split('\n').findIndex((text) => text.includes('user_workflow')) + 1, 20);
  await page.keyboard.press('Shift+End');
  await page.keyboard.press('Delete');
  await page.keyboard.press('Control+Space');
  await suggestion('workflow.ts->ToolAgent').waitFor();
  await page.keyboard.press('Enter');
  await page.keyboard.press('Control+s');

  await workbench.command('Tuning Fork: Open Example…');
  await workbench.pick('frozenlake');
  await offered(workbench, 'workspace');
  await page.keyboard.press('Enter');
  await page.locator('.monaco-breadcrumbs').filter({ hasText: 'frozenlake' }).waitFor();
  await until(async () => (await workbench.statusBar()).some((text) => /Ln 10, Col 5/.test(text)), 'The example is not opened in execute.');
  await workbench.codeLens('Run Rollouts').waitFor();
});

const elsewhere = mkdtempSync(join(tmpdir(), 'tf-elsewhere-'));
after(() => rmSync(elsewhere, { recursive: true, force: true }));

/** Types a folder into VS Code's own dialog. */
async function chooseFolder(workbench: Workbench, folder: string): Promise<void> {
  const button = workbench.page.locator('.quick-input-widget').getByRole('button', { name: 'Make It Here' });
  await button.waitFor();
  const input = workbench.quickInput();
  // It completes its own path a moment after it is shown, and what was typed stands behind it then.
  await until(async () => (await input.inputValue()).endsWith('/'), 'The dialog shows no folder.');
  await until(async () => {
    await input.fill(`${folder}/`);
    await workbench.page.waitForTimeout(200);
    return await input.inputValue() === `${folder}/`;
  }, 'The folder could not be typed.');
  await button.click();
  await button.waitFor({ state: 'hidden' });
}

const inExecute = (workbench: Workbench, line: number): Promise<void> => until(async () => (await workbench.statusBar()).some((text) => text.includes(`Ln ${line}, Col 5`)), 'The cursor is not in execute.', 30_000);

journey('without a folder a new workflow asks for its place and is opened there; from a folder, in a window of its own', { folder: null }, async ({ page, workbench, screenshot }) => {
  const make = async (template: string, name: string): Promise<void> => {
    await workbench.command('Tuning Fork: New Workflow…');
    await workbench.pick(template);
    await proposed(workbench, name);
    await page.keyboard.press('Enter');
  };
  await make('An Agent with a Tool', 'tool-agent');
  await chooseFolder(workbench, elsewhere);
  await page.locator('.tab.active').filter({ hasText: 'workflow.ts' }).waitFor({ timeout: 30_000 });
  await inExecute(workbench, 18);
  await workbench.codeLens('Run Rollouts').waitFor();

  const opened = page.context().waitForEvent('page');
  await make('A Game by Turns', 'game');
  await workbench.pick('Another Folder…');
  await chooseFolder(workbench, elsewhere);
  const other = new Workbench(await opened);
  await other.page.locator('.tab.active').filter({ hasText: 'workflow.ts' }).waitFor({ timeout: 30_000 });
  await inExecute(other, 11);
  await screenshot('new-workflow-elsewhere');
});

const bare = Object.fromEntries(['workflow.ts', 'calculator.ts', 'prompt.ts', 'math-agent.yaml'].map((name) => [name, readFileSync(join(repository, 'examples/math-agent', name), 'utf8')]));

journey('where TypeScript does not find the package, a quick fix puts it there, with its types', { workspace: { files: { ...bare, 'package.json': '{ "type": "module" }\n' } }, settings: TYPES_ARE_LOOKED_AT }, async ({ page, workbench, workspace, screenshot }) => {
  const column = bare['workflow.ts']!.split('\n')[0]!.indexOf("'tuning-fork'") + 3;
  await workbench.open('workflow.ts', 1, column);
  await workbench.command('Problems: Focus on Problems View');
  await page.locator('.markers-panel .monaco-list-row').filter({ hasText: "Cannot find module 'tuning-fork'" }).waitFor({ timeout: 60_000 });
  await workbench.goTo(1, column);
  const fix = await fixOf(page, 'Add tuning-fork to This Project');
  await screenshot('add-package');
  await fix.click();
  await page.locator('.markers-panel').getByText('No problems have been detected').waitFor({ timeout: 30_000 });
  const { type, dependencies } = JSON.parse(readFileSync(join(workspace, 'package.json'), 'utf8')) as { type: string; dependencies: Record<string, string> };
  assert.equal(type, 'module');
  assert.match(dependencies['tuning-fork']!, /^file:/);
});
