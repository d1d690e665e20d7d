/** The training dashboard over ten trainings of 10,000 steps each, in a real Chromium, served as `tuning-fork view` does. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { MetricsFile } from '../../runtime/view/metrics-file.ts';
import { Pages } from '../webview/pages.ts';
import { openDashboard, writeTraining } from '../webview/trainings.ts';
import { median, type Figure } from './figure.ts';

const TRAININGS = 10;
const STEPS = 10_000;
const ROUNDS = 5;

export async function bench(): Promise<Figure[]> {
  const pages = await Pages.start({ minify: true });
  try {
    const root = join(pages.dir, 'runs');
    const dirs: string[] = [];
    for (let seed = 1; seed <= TRAININGS; seed++) dirs.push(await writeTraining(root, { experiment: `run-${seed}`, steps: STEPS, seed }));
    const read = await reading(dirs);
    const { page, close } = await openDashboard(pages, dirs[0]!);
    await page.locator('.trainings li').nth(TRAININGS - 1).waitFor();
    const painted: number[] = [];
    const opened: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const began = await page.evaluate(() => {
        document.querySelector<HTMLElement>('.side-head .all')!.click();
        return performance.now();
      });
      painted.push(await whole(page) - began);
      // What is shown is kept.
      await page.reload();
      opened.push(await whole(page));
      await page.locator('.side-head .all').click();
      await page.reload();
      await page.locator('[data-figure="success"] .value', { hasText: '%' }).waitFor();
    }
    await page.locator('.side-head .all').click();
    await whole(page);
    const redrawn = await page.evaluate(async (rounds) => {
      const slider = document.querySelector<HTMLInputElement>('.smoothing input')!;
      const took: number[] = [];
      for (let round = 0; round < rounds; round++) {
        slider.value = String(0.1 + round * 0.1);
        const began = performance.now();
        slider.dispatchEvent(new Event('input'));
        await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
        took.push(performance.now() - began);
      }
      return took;
    }, ROUNDS);
    await close();
    return [
      figure('dashboard_10x10k_ms', median(painted), 300, `in an open dashboard, from the click to ${TRAININGS} trainings of ${STEPS.toLocaleString('en-US')} steps painted in all charts in sight, with the transfer of nine; files read before`),
      figure('dashboard_10x10k_command_ms', median(opened), null, 'the same from the navigation of a new page'),
      figure('dashboard_10x10k_smooth_ms', median(redrawn), 300, 'from a move of the smoothing to the frame: every value anew'),
      { name: 'dashboard_read_mb_per_s', ours: round(read), peer: null, ratio: null, unit: 'MB/s', bound: '', holds: true, note: 'metrics.jsonl into columns, the first time that a training is looked at' },
    ];
  } finally {
    await pages.stop();
  }
}

/** When all trainings were painted, by the page's clock. */
function whole(page: Page): Promise<number> {
  return page.evaluate(async (trainings) => {
    for (;;) {
      const mark = performance.getEntriesByName('painted-dashboard').find((one) => (one as PerformanceMark).detail === trainings);
      if (mark !== undefined) return mark.startTime;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }, TRAININGS);
}

async function reading(dirs: readonly string[]): Promise<number> {
  const began = performance.now();
  let bytes = 0;
  for (const dir of dirs) {
    const file = new MetricsFile(dir);
    await file.refresh();
    bytes += (await stat(file.path)).size;
  }
  return bytes / 1e6 / ((performance.now() - began) / 1_000);
}

function figure(name: string, ours: number, bound: number | null, note: string): Figure {
  return { name, ours: round(ours), peer: null, ratio: null, unit: 'ms', bound: bound === null ? '' : `≤ ${bound}`, holds: bound === null || ours <= bound, note };
}

function round(value: number): number {
  return Number(value.toPrecision(3));
}
