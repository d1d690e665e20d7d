/** The training dashboard over ten trainings of 10,000 steps each, in a real Chromium, served as `tuning-fork view` does. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
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
    for (let i = 0; i < TRAININGS; i++) {
      const box = page.locator('.trainings input').nth(i);
      if (!await box.isChecked()) await box.check();
    }
    const whole = (): Promise<number> => page.evaluate(async (trainings) => {
      for (;;) {
        const mark = performance.getEntriesByName('painted-dashboard').find((one) => (one as PerformanceMark).detail === trainings);
        if (mark !== undefined) return mark.startTime;
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    }, TRAININGS);
    await whole();
    const painted: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      await page.reload();
      painted.push(await whole());
    }
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
      figure('dashboard_10x10k_ms', median(painted), 300, `from the navigation of a page to ${TRAININGS} trainings of ${STEPS.toLocaleString('en-US')} steps painted in all charts in sight, with their transfer; files read before`),
      figure('dashboard_10x10k_smooth_ms', median(redrawn), 300, 'from a move of the smoothing to the frame: every value anew'),
      { name: 'dashboard_read_mb_per_s', ours: round(read), peer: null, ratio: null, unit: 'MB/s', bound: '', holds: true, note: 'metrics.jsonl into columns, the first time that a training is looked at' },
    ];
  } finally {
    await pages.stop();
  }
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

function figure(name: string, ours: number, bound: number, note: string): Figure {
  return { name, ours: round(ours), peer: null, ratio: null, unit: 'ms', bound: `≤ ${bound}`, holds: ours <= bound, note };
}

function round(value: number): number {
  return Number(value.toPrecision(3));
}
