/** What a run says, beside the code: from a click to values, edits that grey them, a judge that is saved. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { openRunReader } from '../../../runtime/trace/index.ts';
import { journey } from '../journey.ts';
import { chooseTheme, repository } from '../launch.ts';
import { until } from '../until.ts';
import type { Workbench } from '../workbench.ts';

const workspace = { from: join(repository, 'runtime/cli/init/templates/tool-agent'), files: { 'package.json': '{ "type": "module", "private": true }\n' } };
const settings = { 'files.autoSave': 'off', 'editor.minimap.enabled': false };

const values = async (workbench: Workbench): Promise<string> => (await workbench.inlineTexts()).join('\n');
async function shows(workbench: Workbench, expected: RegExp, timeout?: number): Promise<string> {
  let seen = '';
  await until(async () => expected.test(seen = await values(workbench)), `No inline value like ${expected}; last there was: `, timeout).catch((error: Error) => { throw new Error(`${error.message}${seen}`); });
  return seen;
}

async function rewardColumn(folder: string): Promise<{ line: number; column: number }> {
  const lines = (await readFile(join(folder, 'judge.ts'), 'utf8')).split('\n');
  const line = lines.findIndex((one) => one.includes('box ? 0.1 : 0'));
  return { line: line + 1, column: lines[line]!.indexOf('0.1') + '0.1'.length + 1 };
}

journey('a run shows beside the code; an edit greys it; a saved judge moves it', { workspace, settings }, async ({ page, workbench, screenshot, workspace: folder, dir, reload }) => {
  await workbench.open('workflow.ts');
  await workbench.codeLens('Run Rollouts').click({ timeout: 40_000 });
  await workbench.codeLens(/^last: 0\.\d\d ± 0\.\d\d \(8\)$/).waitFor({ timeout: 30_000 });
  const first = await shows(workbench, /^\d+ calls · \d+ tokens · logprob −0\.\d\d.*\nreward (0\.\d\d) ± 0\.\d\d \(8\)$/);
  await screenshot('inline-values');
  for (const theme of ['light', 'high-contrast'] as const) {
    await chooseTheme(page, theme);
    assert.equal(await values(workbench), first);
    await screenshot(`inline-values-${theme}`);
  }

  await page.locator('[id="status.languageStatus"] a').click();
  const status = page.locator('.hover-language-status').filter({ hasText: /Values of \d.*model embedded/ });
  await status.getByText('Choose Run').waitFor();
  await screenshot('language-status');
  await page.keyboard.press('Escape');

  await workbench.goTo(25, 200);
  await page.keyboard.press('Control+k');
  await page.keyboard.press('Control+i');
  const hover = page.locator('.monaco-hover:visible');
  await hover.getByRole('table').waitFor();
  assert.match((await hover.innerText()).replace(/\s+/g, ' '), /calls prompt answer logprob default \d+ \d+ \d+ −0\.\d\d a rollout Rollouts .* embedded · another run · clear/);
  await page.keyboard.press('Escape');
  await page.keyboard.press('Escape');

  await workbench.goTo(17, 200);
  await page.keyboard.press('Enter');
  await shows(workbench, /\(8\) · before the edit$/);
  await workbench.codeLens(/last:/).locator('.codicon-history').waitFor();
  await page.keyboard.press('Control+z');
  assert.equal(await shows(workbench, /\(8\)$/), first, 'code that is again what it was');

  await workbench.command('Clear Inline Values');
  await until(async () => await values(workbench) === '', 'The values were not cleared.');
  await workbench.command('Choose Run for Inline Values');
  assert.ok((await workbench.picks()).includes('Always the newest'));
  await workbench.pick('Always the newest');
  await shows(workbench, /\(8\)$/);

  const { line, column } = await rewardColumn(folder);
  await workbench.open('judge.ts', line, column);
  await shows(workbench, /^reward 0\.\d\d ± 0\.\d\d \(8\)$/);
  await page.keyboard.press('Backspace');
  await page.keyboard.type('6');
  const saved = performance.now();
  await page.keyboard.press('Control+s');
  await shows(workbench, /^reward 0\.\d\d → 0\.\d\d ± 0\.\d\d \(8\)$/);
  console.log(`A saved judge moved the values after ${Math.round(performance.now() - saved)} ms.`);
  await workbench.codeLens(/^scored again: 0\.\d\d → 0\.\d\d \(8\)$/).waitFor();
  await screenshot('inline-judge');
  await shows(workbench, /→/);
  const [newest, source] = await Promise.all((await runsOf(folder)).reverse().map((run) => openRunReader(run)));
  assert.deepEqual([newest!.info.kind, newest!.info.source], ['rejudge', source!.dir]);
  for (let index = 0; index < source!.count; index++) {
    const stored = await source!.read(index);
    assert.deepEqual((await newest!.read(stored.rollout)).calls, stored.calls, 'the very calls: no model was called');
  }

  // An error in the judge is told at its line; the next save takes its run's place.
  await page.keyboard.type(' + nothing');
  await page.keyboard.press('Control+s');
  await shows(workbench, /failed/);
  await page.keyboard.press('Escape');
  await page.keyboard.press('Control+Shift+m');
  await page.locator('.markers-panel .monaco-list-row').filter({ hasText: /The judge threw ReferenceError: nothing is not defined.*Tuning Fork/ }).first().waitFor();
  await screenshot('inline-judge-error');
  assert.equal((await runsOf(folder)).length, 2, 'what a save made takes the place of what the one before made');

  // After a reload it is read from the disk; so is a run that a terminal has started.
  await reload();
  await shows(workbench, /failed/, 30_000);
  const { TUNING_FORK_RUNTIME_DIR: _ours, ...env } = process.env;
  await promisify(execFile)(process.execPath, [join(repository, 'runtime/cli/bin.mjs'), 'rollout', '--conf', 'tuning-fork.yaml', '--tasks', '1', '--repeats', '3'], { cwd: folder, env: { ...env, TUNING_FORK_RUNTIME_DIR: join(dir, 'rt') } }).catch(() => {});
  await shows(workbench, /(\([12]\) · [12]|no reward · 3) failed|reward.*\(3\)/, 30_000);
});

/** Oldest first. */
async function runsOf(folder: string): Promise<string[]> {
  const found = await readdir(join(folder, 'runs'), { recursive: true });
  return found.filter((one) => one.endsWith('run.json')).map((one) => join(folder, 'runs', one, '..')).sort();
}
