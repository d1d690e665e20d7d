import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { openRunReader, type RolloutRecord } from '../../../runtime/trace/index.ts';
import { journey } from '../journey.ts';
import { repository } from '../launch.ts';
import { until } from '../until.ts';
import { expand, type Workbench } from '../workbench.ts';
import { timeDebugging } from './debug-timing.ts';

const workspace = { from: join(repository, 'examples/math-agent') };
const ready = (workbench: Workbench): Promise<void> => workbench.codeLens('Debug').waitFor();

async function held(workbench: Workbench): Promise<void> {
  await until(async () => (await workbench.callStack()).some((row) => row.startsWith('model default · call')), 'No rollout was held.', 30_000);
}

/** What is on screen is drawn again and again while it changes. */
async function standsAt(workbench: Workbench, line: number): Promise<void> {
  await until(() => workbench.stopped().then((at) => at.line === line, () => false), `Line ${line} was not shown as the one where it stands.`, 30_000);
}

async function records(dir: string): Promise<RolloutRecord[]> {
  const runs = globSync(join(dir, 'runs/*/*/*/run.json')).sort((a, b) => (created(a) < created(b) ? -1 : 1)).map((path) => join(path, '..'));
  const all = await Promise.all(runs.map(async (run) => {
    const reader = await openRunReader(run);
    return Promise.all(Array.from({ length: reader.count }, (_, index) => reader.read(index)));
  }));
  return all.flat();
}

function created(path: string): string {
  return (JSON.parse(readFileSync(path, 'utf8')) as { created: string }).created;
}

journey('F5 without a launch.json stops in execute with its locals on the first run, and restart stops there again; the finished rollout is walked through, forwards and backwards, line by line', { workspace }, async ({ page, workbench, screenshot }) => {
  const { f5ToBreakpoint, restartToBreakpoint } = await timeDebugging(workbench);
  console.log(`f5_to_breakpoint_s ${f5ToBreakpoint.toFixed(2)}, restart_to_breakpoint_s ${restartToBreakpoint.toFixed(2)}`);
  await standsAt(workbench, 19);
  await until(async () => (await workbench.callStack()).some((row) => row.includes('MathAgent.execute')), 'The function was not shown.');
  await expand(workbench.row(page.locator('.debug-variables'), 'Local'));
  await workbench.row(page.locator('.debug-variables'), /^agent/).waitFor();
  await workbench.row(page.locator('.debug-variables'), /^task/).waitFor();
  await screenshot('debug-breakpoint');
  await workbench.debugButton('Continue').click();
  await page.locator('.debug-toolbar').waitFor({ state: 'hidden', timeout: 30_000 });
  const ended = page.locator('.repl').getByText(/training-0 \(s0t0n0\): reward/);
  await ended.first().waitFor();

  await page.locator('.editor-instance .monaco-editor').first().click();
  await page.keyboard.press('Control+F5');
  await page.locator('.debug-toolbar').waitFor();
  await page.locator('.debug-toolbar').waitFor({ state: 'hidden', timeout: 30_000 });
  await workbench.command('Tuning Fork: Walk Through Rollout');
  await workbench.pick('training-0 · s0t0n0');
  await until(async () => (await workbench.callStack()).some((row) => row.includes('call 0')), 'The first call was not shown.');
  await standsAt(workbench, 19);
  await workbench.debugButton('Step Over').click();
  await until(async () => (await workbench.callStack()).some((row) => row.startsWith('tool calculator')), 'The tool was not shown.');
  await screenshot('debug-walk');
  await workbench.debugButton('Step Back').click();
  await until(async () => (await workbench.callStack()).some((row) => row.startsWith('model default · call 0')), 'It did not step back.');
  await workbench.debugButton('Continue').click();
  await until(async () => (await workbench.callStack()).some((row) => row.startsWith('judge')), 'It did not come to its end.');
  await workbench.debugButton('Stop').click();
  await page.locator('.debug-toolbar').waitFor({ state: 'hidden' });
});

for (const theme of ['dark', 'light'] as const) {
  journey(`a rollout is held before a model call and looked at; ${theme === 'dark' ? 'its messages are edited, and it is forked' : 'its sampling is changed for all calls, and it is answered in place of the model'} (${theme})`, { workspace, theme }, async ({ page, workbench, screenshot, workspace: dir }) => {
    await workbench.open('workflow.ts');
    await ready(workbench);
    await workbench.command('Tuning Fork: Hold Rollouts at…');
    await workbench.pick('Before a model call');
    await workbench.row(page.locator('.debug-breakpoints'), 'model').waitFor();
    await page.keyboard.press('F5');
    await held(workbench);
    await standsAt(workbench, 19);
    await expand(workbench.row(page.locator('.debug-variables'), 'Messages'));
    await workbench.row(page.locator('.debug-variables'), /^\[1\] user/).waitFor();
    await screenshot(`debug-held-${theme}`);
    if (theme === 'light') {
      await workbench.command('Tuning Fork: Edit Sampling of the Held Call');
      await workbench.pick('temperature');
      await workbench.answer('0.5');
      await workbench.pick('Continue and keep them for later calls');
      await until(async () => (await workbench.callStack()).some((row) => row.startsWith('model default · call 1')), 'It did not come to its second call.', 30_000);
      await workbench.variable('Sampling', /^temperature =0\.5/);
      await workbench.command('Tuning Fork: Force an Answer to the Held Call…');
      await workbench.answer('\\boxed{17}');
      await page.locator('.debug-toolbar').waitFor({ state: 'hidden', timeout: 30_000 });
      const [{ calls, reward }] = await records(dir) as [RolloutRecord];
      assert.deepEqual(calls.map(({ why, sampling }) => [why, sampling.temperature]), [['intervened', 0.5], ['intervened', 0.5]]);
      assert.deepEqual([calls[1]!.reply.content, reward], ['\\boxed{17}', 1]);
      return;
    }

    await workbench.command('Tuning Fork: Show the Exact Prompt');
    await page.locator('.tab.active').filter({ hasText: 'prompt.txt' }).waitFor();
    await screenshot('debug-prompt');
    await page.keyboard.press('Control+F4');

    await workbench.command('Tuning Fork: Edit Messages of the Held Call');
    await page.locator('.tab.active').filter({ hasText: 'messages.json' }).waitFor();
    await page.locator('.monaco-editor.focused').waitFor();
    await page.keyboard.press('Control+a');
    const messages = JSON.stringify([{ role: 'system', content: 'Answer.' }, { role: 'user', content: 'What is 1+1?' }], null, 2);
    await page.evaluate(`navigator.clipboard.writeText(${JSON.stringify(messages)})`);
    await page.keyboard.press('Control+v');
    await page.keyboard.press('Control+s');
    await (await workbench.notification(/can go on with the messages/)).getByRole('button', { name: 'Continue with These' }).click();
    await until(async () => (await workbench.callStack()).some((row) => row.startsWith('model default · call 1')), 'It did not come to its second call.', 30_000);
    await screenshot('debug-second-call');

    await workbench.command('Tuning Fork: Fork from Here…');
    await workbench.answer('2');
    await workbench.notification(/Forks of s0t0n0 from call 1 reached these rewards/, 30_000);
    await screenshot('debug-forked');
    await workbench.debugButton('Stop').click();
    await page.locator('.debug-toolbar').waitFor({ state: 'hidden', timeout: 30_000 });
    const all = await records(dir);
    const parent = all.find(({ rollout }) => rollout === 's0t0n0')!;
    assert.equal(parent.calls[0]!.history.add.at(-1)!.content, 'What is 1+1?');
    assert.equal(parent.calls[0]!.why, 'intervened');
    const forks = all.filter((record) => record.parent !== undefined);
    assert.deepEqual(forks.map(({ parent }) => parent), [{ rollout: 's0t0n0', call: 1 }, { rollout: 's0t0n0', call: 1 }]);
  });
}

journey('what is typed into the Breakpoints view holds a rollout, or is told to be mistyped; the token pointed at opens in the viewer and is forked from; a low reward stops', { workspace, theme: 'high-contrast' }, async ({ page, workbench, screenshot }) => {
  const breakpoints = page.locator('.debug-breakpoints');
  const variables = page.locator('.debug-variables');
  const viewer = page.frameLocator('iframe.webview').first().frameLocator('iframe');
  const choose = async (entry: string): Promise<void> => {
    await page.locator('.monaco-menu').getByText(entry).hover();
    await page.keyboard.press('Enter');
  };
  const stands = (row: string): Promise<void> => until(async () => (await workbench.callStack()).some((one) => one.startsWith(row)), `It did not stand at "${row}".`, 30_000);
  await workbench.open('workflow.ts');
  await ready(workbench);
  await workbench.command('Tuning Fork: Hold Rollouts at…');
  await workbench.pick('After an answer');
  await workbench.row(breakpoints, 'answer').waitFor();
  const header = page.locator('.pane-header').filter({ hasText: 'Breakpoints' });
  for (const typed of ['judge', 'modle:default']) {
    await header.hover();
    await header.getByRole('button', { name: /Add Function Breakpoint/ }).click();
    await breakpoints.locator('.monaco-inputbox input').fill(typed);
    await page.keyboard.press('Enter');
    await workbench.row(breakpoints, typed).waitFor();
  }
  await page.keyboard.press('F5');
  await stands('model default · call 0 →');
  await page.locator('.repl').getByText('"modle:default" holds nothing. Did you mean "model:default"?').waitFor();

  await expand(workbench.row(variables, 'Tokens'));
  await expand(workbench.row(variables, /^answer/));
  await screenshot('debug-answer-high-contrast');
  const token = workbench.row(variables, /^\[2\] ="/);
  await token.click({ button: 'right' });
  await choose('Open in Trace Viewer');
  await until(async () => /"name":/.test(await viewer.locator('.token-glyphs').innerText({ timeout: 30_000 })), 'The viewer was not at the token.');
  await screenshot('debug-viewer-high-contrast');
  await token.click({ button: 'right' });
  await choose('Fork from Here…');
  await workbench.answer('2');
  await viewer.getByText('2 forked at call 0, token 2').waitFor({ timeout: 30_000 });

  const lowRewards = workbench.row(breakpoints, 'Low Rewards');
  await breakpoints.hover();
  await page.mouse.wheel(0, -2_000);
  await lowRewards.click({ button: 'right' });
  await choose('Edit Condition');
  await breakpoints.locator('.monaco-inputbox input').fill('2');
  await page.keyboard.press('Enter');
  await lowRewards.getByRole('checkbox').click();
  for (const row of ['model default · call 1 →', 'judge', 'judge · r=']) {
    await workbench.debugButton('Continue').click();
    await stands(row);
  }
  await workbench.debugButton('Continue').click();
  await page.locator('.debug-toolbar').waitFor({ state: 'hidden', timeout: 30_000 });
});
