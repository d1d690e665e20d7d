/** How long a person waits: from F5, and from Restart, until the code stands at the breakpoint. */
import { join } from 'node:path';
import { launch, repository } from '../launch.ts';
import { until } from '../until.ts';
import { Workbench } from '../workbench.ts';

export interface DebugTiming {
  f5ToBreakpoint: number;
  restartToBreakpoint: number;
}

/** In seconds, on the example as it is. A VS Code of its own. */
export async function measureDebugging(): Promise<DebugTiming> {
  const host = await launch({ workspace: { from: join(repository, 'examples/math-agent') } });
  try {
    return await timeDebugging(new Workbench(host.page));
  } finally {
    await host.close();
  }
}

/** In a window that shows the example. */
export async function timeDebugging(workbench: Workbench): Promise<DebugTiming> {
  const { page } = workbench;
  await workbench.open('workflow.ts');
  await workbench.breakpoint(19);
  await workbench.codeLens('Debug').waitFor();
  // A person looks at what they have done before they press a key.
  await page.waitForTimeout(1_000);
  const pressed = performance.now();
  await page.keyboard.press('F5');
  await page.locator('.debug-top-stack-frame-line').first().waitFor({ timeout: 30_000 });
  const f5ToBreakpoint = (performance.now() - pressed) / 1_000;
  const button = workbench.debugButton('Restart');
  await button.waitFor();
  const restarted = performance.now();
  await button.click();
  await page.locator('.debug-top-stack-frame-line').first().waitFor({ state: 'hidden' });
  await page.locator('.debug-top-stack-frame-line').first().waitFor({ timeout: 30_000 });
  const restartToBreakpoint = (performance.now() - restarted) / 1_000;
  await until(async () => (await workbench.callStack()).some((row) => row.includes('execute')), 'The call stack was not shown.');
  return { f5ToBreakpoint, restartToBreakpoint };
}
