import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, afterEach, before, test } from 'node:test';
import type { Page } from 'playwright-core';
import type { TrainingReport } from '../../runtime/protocol/training.ts';
import { readRunInfo } from '../../runtime/trace/index.ts';
import { writeRunInfo } from '../../runtime/trace/run-file.ts';
import { CHINESE, ENGLISH } from '../../webview/dashboard/texts.ts';
import { until } from '../vscode/until.ts';
import { Pages } from './pages.ts';
import { addSteps, evaluationRow, openDashboard, writeTraining, type OpenedDashboard } from './trainings.ts';

let pages: Pages;
let one: string;
let two: string;
const opened: OpenedDashboard[] = [];

async function open(...[dir, options]: [string, Parameters<typeof openDashboard>[2]?]): Promise<OpenedDashboard> {
  const one = await openDashboard(pages, dir, options);
  opened.push(one);
  return one;
}

before(async () => {
  pages = await Pages.start();
  const root = join(pages.dir, 'runs');
  one = await writeTraining(root, { experiment: 'first', steps: 40, rollouts: 8 });
  two = await writeTraining(root, { experiment: 'second', steps: 60, seed: 2 });
});
afterEach(async () => void await Promise.all(opened.splice(0).map(({ close }) => close())));
after(() => pages.stop());

const value = (page: Page, figure: string): Promise<string> => page.locator(`[data-figure="${figure}"] .value`).innerText();
const rows = (dir: string): { step: number; rewardMean: number; entropy: number }[] => readFileSync(join(dir, 'metrics.jsonl'), 'utf8').trim().split('\n').map((line) => JSON.parse(line) as { kind: string; step: number; rewardMean: number; entropy: number }).filter(({ kind }) => kind === 'step');

const told = (page: Page, figure: string, number: number): Promise<void> => page.locator(`[data-figure="${figure}"] .value`, { hasText: new RegExp(`^${Number(number.toFixed(3))}$`) }).waitFor();

async function focused(page: Page, figure: string): Promise<void> {
  await page.locator(`[data-figure="${figure}"] .plot`).focus();
}

async function pixels(page: Page, figure: string): Promise<Set<string>> {
  return new Set(await page.locator(`[data-figure="${figure}"] canvas.lines`).evaluate((canvas: HTMLCanvasElement) => {
    const { data } = canvas.getContext('2d')!.getImageData(0, 0, canvas.width, canvas.height);
    const found = new Set<string>();
    for (let i = 0; i < data.length; i += 4) if (data[i + 3] === 255) found.add([data[i], data[i + 1], data[i + 2]].join());
    return [...found];
  }));
}

test('what is told is what the files say: the newest values, those under the crosshair, and the table of values', async () => {
  const { page, said } = await open(one);
  await page.locator('[data-figure="rewardMean"] .value', { hasText: /\d/ }).waitFor();
  const steps = rows(one);
  const text = (number: number): string => Number(number.toFixed(3)).toString();
  assert.equal(await value(page, 'rewardMean'), text(Math.fround(steps.at(-1)!.rewardMean)));
  await page.locator('.smoothing input').fill('0');
  await focused(page, 'entropy');
  await page.keyboard.press('Home');
  for (let i = 0; i < 5; i++) await page.keyboard.press('ArrowRight');
  const plot = page.locator('[data-figure="entropy"] .plot');
  // The first validation stands at step 0.
  const at = 5;
  const row = steps.find(({ step }) => step === at)!;
  await page.locator('[data-figure="entropy"] .value', { hasText: text(row.entropy) }).waitFor();
  // The crosshair is in all charts.
  assert.equal(await value(page, 'rewardMean'), text(row.rewardMean));
  assert.match((await plot.getAttribute('aria-valuetext'))!, new RegExp(`step ${at}: ${text(row.entropy)}`));
  await page.keyboard.press('t');
  const cells = await page.locator('[data-figure="entropy"] tbody tr').evaluateAll((all) => all.map((tr) => [...tr.children].map((cell) => cell.textContent)));
  assert.deepEqual(cells, steps.map(({ step, entropy }) => [String(step), text(Math.fround(entropy))]));
  assert.deepEqual(said, []);
});

test('zoomed by drag and by keys, all charts together; a double click shows all again; a reload keeps what was chosen', async () => {
  const { page } = await open(one);
  await page.locator('[data-figure="rewardMean"] .value', { hasText: /\d/ }).waitFor();
  const box = (await page.locator('[data-figure="success"] .plot').boundingBox())!;
  await page.mouse.move(box.x + box.width * 0.4, box.y + 50);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.7, box.y + 50, { steps: 5 });
  await page.mouse.up();
  const zoomed = page.locator('.zoomed');
  await zoomed.waitFor();
  const [from, to] = (await zoomed.innerText()).match(/\d+/g)!.map(Number);
  assert.ok(from! > 8 && from! < 18 && to! > 22 && to! < 32, `${from} to ${to}`);
  await page.reload();
  await zoomed.waitFor();
  assert.deepEqual((await zoomed.innerText()).match(/\d+/g)!.map(Number), [from, to]);
  await page.locator('[data-figure="success"] .plot').dblclick();
  await zoomed.waitFor({ state: 'hidden' });
  await focused(page, 'success');
  await page.keyboard.press('+');
  await zoomed.waitFor();
  await page.keyboard.press('0');
  await zoomed.waitFor({ state: 'hidden' });
  await page.keyboard.press('ArrowDown');
  assert.equal(await page.evaluate(() => document.activeElement?.parentElement?.dataset.figure), 'validation');
});

test('several trainings over each other, each in an ink of its own; the crosshair tells all of them', async () => {
  const { page } = await open(one);
  await page.locator('[data-figure="rewardMean"] .value', { hasText: /\d/ }).waitFor();
  const alone = await pixels(page, 'success');
  await page.getByRole('checkbox', { name: /second/ }).check();
  await page.waitForFunction(() => document.querySelectorAll('.trainings .mark:not(.ink--1)').length === 2);
  await page.locator('[data-figure="success"] .plot').hover({ position: { x: 200, y: 40 } });
  await page.locator('[data-figure="success"] .tip p').nth(2).waitFor();
  const both = await pixels(page, 'success');
  const vermilion = '194,87,0';
  assert.equal(alone.has(vermilion), false);
  assert.equal(both.has(vermilion), true);
  const dashes = await page.locator('.trainings .mark path').evaluateAll((all) => all.map((path) => path.getAttribute('stroke-dasharray')));
  assert.equal(new Set(dashes).size, 2);
  await page.locator('.trainings .name').first().click();
  await page.locator('.facts', { hasText: 'step 60 of 60' }).waitFor();
});

test('a step leads to its worst and slowest rollouts, a cell of the rewards to those, and each to its trace', async () => {
  const { page, asked } = await open(one);
  await page.locator('.step h3', { hasText: 'Rollouts of step 40' }).waitFor();
  await focused(page, 'rewardMean');
  await page.keyboard.press('End');
  await page.keyboard.press('ArrowLeft');
  await page.keyboard.press('Enter');
  await page.locator('.step h3', { hasText: 'Rollouts of step 39' }).waitFor();
  assert.equal(await page.locator('.step .value').innerText(), '8 rollouts');
  await page.locator('[data-figure="heat"] .plot').focus();
  await page.keyboard.press('Home');
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('ArrowUp');
  await page.keyboard.press('Enter');
  await page.locator('.step p', { hasText: 'with a reward of 0 to 0.05' }).waitFor();
  await page.locator('button.rollout').first().click();
  await page.waitForURL(/\d\/#/);
  assert.match(asked[0]!.do === 'rollout' ? asked[0]!.rollout : '', /^s\d+t\dn\d$/);
});

test('a training that goes on grows in sight; one that has begun anew is not mixed with what it was', async () => {
  const root = join(pages.dir, 'live', 'runs');
  const dir = await writeTraining(root, { experiment: 'live', steps: 5, state: 'running', planned: 50 });
  const { page, asked } = await open(dir, { capabilities: ['control', 'rollout', 'code'] });
  await page.locator('.facts', { hasText: 'step 5 of 50' }).waitFor();
  await addSteps(dir, 6, 9);
  await page.locator('.facts', { hasText: 'step 9 of 50' }).waitFor();
  const newest = rows(dir).at(-1)!;
  await told(page, 'rewardMean', newest.rewardMean);
  for (const name of ['Pause', 'Save checkpoint', 'Stop']) await page.getByRole('button', { name, exact: true }).click();
  await until(() => asked.map((action) => action.do).join() === 'pause,checkpoint,stop', 'The host was not asked for all.');
  await writeFile(join(dir, 'metrics.jsonl'), '');
  await addSteps(dir, 1, 3);
  await page.locator('.facts', { hasText: 'step 3 of 50' }).waitFor();
  await told(page, 'rewardMean', rows(dir).at(-1)!.rewardMean);
  const plain = await open(dir);
  await plain.page.locator('.facts').waitFor();
  assert.equal(await plain.page.getByRole('button', { name: 'Stop', exact: true }).count(), 0);
});

const HOSTILE = '<img src=x onerror="document.title=\'taken\'"><script>document.title="taken"</script>\u202Eevil';

test('what a model or a task says is text, wherever it is shown', async () => {
  const root = join(pages.dir, 'hostile', 'runs');
  const dir = await writeTraining(root, { experiment: 'h', steps: 3 });
  const transcript = { rollout: 's0t0n0', reward: 0, success: false, messages: [{ role: HOSTILE, text: HOSTILE }] };
  const task = { taskId: HOSTILE, taskIndex: 0, before: 0, after: 1 };
  const report: TrainingReport = {
    v: 1, run: 'r', workflow: HOSTILE, model: HOSTILE, steps: 3, before: evaluationRow(0, 0.2), after: evaluationRow(3, 0.7), gain: { greedy: { mean: 0.5, low: 0.4, high: 0.6 }, sampled: null }, gained: [task], spoiled: [], curve: [],
    pairs: [{ task, before: transcript, after: transcript }], checkpoints: { best: null, last: null }, notices: [{ code: 'training', message: HOSTILE, next: HOSTILE }], duration: 5_000,
  };
  await writeFile(join(dir, 'report.json'), JSON.stringify(report));
  await writeRunInfo(dir, { ...await readRunInfo(dir), workflow: HOSTILE, policy: HOSTILE, config: { key: HOSTILE } });
  const { page, said } = await open(dir);
  await page.locator('.report').waitFor();
  await page.locator('.pair summary').click();
  assert.ok((await page.locator('.pair pre').first().innerText()).includes('<img src=x'));
  assert.equal(await page.locator('img').count(), 0);
  assert.equal(await page.locator('#app script').count(), 0);
  assert.doesNotMatch(await page.title(), /taken/);
  assert.deepEqual(said, []);
  assert.match(await page.locator('.gain tbody tr').first().innerText(), /0\.2 .*0\.7 .*\+0\.5/s);
});

test('axe finds nothing serious, in light, dark and high contrast; in Chinese every text is', async () => {
  const axe = readFileSync(join(import.meta.dirname, '../../node_modules/axe-core/axe.min.js'), 'utf8');
  for (const options of [{ colorScheme: 'light' }, { colorScheme: 'dark' }, { colorScheme: 'dark', contrast: 'more' }] as const) {
    const { page } = await open(one, { ...options, bypassCSP: true });
    await page.locator('[data-figure="rewardMean"] .value', { hasText: /\d/ }).waitFor();
    await page.evaluate(axe);
    const found = await page.evaluate(async () => {
      const { violations } = await (globalThis as unknown as { axe: { run(): Promise<{ violations: { id: string; impact: string; nodes: { html: string; failureSummary: string }[] }[] }> } }).axe.run();
      return violations.filter(({ impact }) => impact === 'serious' || impact === 'critical').map(({ id, nodes }) => `${id}: ${nodes.map(({ html, failureSummary }) => `${html.slice(0, 160)} ${failureSummary}`).join(' | ')}`);
    });
    assert.deepEqual(found, [], JSON.stringify(options));
    }
  const { page } = await open(two, { language: 'zh-cn' });
  await page.locator('[data-figure="rewardMean"] h3', { hasText: '奖励' }).waitFor();
  const placeholders = (text: string): string[] => (text.match(/\{\d\}/g) ?? []).sort();
  for (const [key, text] of Object.entries(ENGLISH)) assert.deepEqual(placeholders(CHINESE[key as keyof typeof ENGLISH]), placeholders(text), key);
});
