import assert from 'node:assert/strict';
import { journey, journeyInside } from './journey.ts';

const program = `interface Point { x: number }
function double(point: Point): number {
  const twice: number = point.x * 2;
  return twice;
}
console.log(double({ x: 21 }));
`;

const launchJson = JSON.stringify({ version: '0.2.0', configurations: [{ type: 'node', request: 'launch', name: 'Program', program: '${workspaceFolder}/program.ts' }] });
const workspace = { files: { 'program.ts': program, '.vscode/launch.json': launchJson } };

journeyInside('js-debug stops in a TypeScript file, told by its API', { extension: null, workspace }, new URL('./suites/js-debug.ts', import.meta.url));

journey('js-debug stops in a TypeScript file, by keys', { extension: null, workspace }, async ({ page, workbench }) => {
  await workbench.open('program.ts');
  await workbench.breakpoint(4);
  await page.keyboard.press('F5');
  const { frames, line } = await workbench.stopped();
  assert.equal(line, 4);
  assert.ok(frames.some((frame) => frame.includes('double')), frames.join('\n'));
  await workbench.variable('Local', /twice\s*=\s*42/);
  await workbench.debugButton('Continue').click();
  await page.locator('.debug-toolbar').waitFor({ state: 'hidden' });
});
