/** From the key to the line: what a person sees stand still. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { launch } from '../vscode/launch.ts';
import { Workbench } from '../vscode/workbench.ts';
import { median, type Figure } from './figure.ts';
import { packedExtension } from './packed.ts';

const ROUNDS = 5;
const example = fileURLToPath(new URL('../../examples/math-agent', import.meta.url));

export async function bench(): Promise<Figure[]> {
  const line = readFileSync(`${example}/workflow.ts`, 'utf8').split('\n').findIndex((text) => text.includes('agent.reply')) + 1;
  await using host = await launch({ vsix: await packedExtension(), workspace: { from: example } });
  const { page } = host;
  const workbench = new Workbench(page);
  await workbench.open('workflow.ts');
  await workbench.codeLens('Debug').waitFor();
  await workbench.breakpoint(line);
  const mark = page.locator('.debug-top-stack-frame-line').first();
  const started: number[] = [];
  const restarted: number[] = [];
  try {
    for (let round = 0; round < ROUNDS; round++) {
      started.push(await seconds(async () => {
        await page.keyboard.press('F5');
        await mark.waitFor({ timeout: 30_000 });
      }));
      restarted.push(await seconds(async () => {
        await page.keyboard.press('Control+Shift+F5');
        await mark.waitFor({ state: 'hidden' });
        await mark.waitFor({ timeout: 30_000 });
      }));
      await page.keyboard.press('Shift+F5');
      await page.locator('.debug-toolbar').waitFor({ state: 'hidden' });
    }
  } catch (error) {
    throw new Error(`${(error as Error).message}\n${host.logs()}`, { cause: error });
  }
  return [
    figure('f5_to_breakpoint_s', started, 3, 'F5 without a launch.json'),
    figure('restart_to_breakpoint_s', restarted, 1.5, 'Restart'),
  ];
}

function figure(name: string, times: readonly number[], bound: number, what: string): Figure {
  const ours = median(times);
  const all = times.map((time) => time.toFixed(2)).join(', ');
  return { name, ours, peer: null, ratio: null, unit: 's', bound: `<= ${bound}`, holds: ours <= bound, note: `${what}, from the key until the line in execute is marked; rounds: ${all}; the first one starts the backbone` };
}

async function seconds(work: () => Promise<void>): Promise<number> {
  const started = performance.now();
  await work();
  return (performance.now() - started) / 1_000;
}
