/** Learning curves as a picture that reads on light and dark pages: success of each step's rollouts, a line a seed. */
import type { Learned } from './learning.ts';

const WIDTH = 300;
const HEIGHT = 170;
const LEFT = 44;
const TOP = 34;
const GAP = 24;
/** Steps are noisy; a line follows the mean of so many. */
const SMOOTH = 5;

const COLORS = ['#2f81f7', '#d29922', '#3fb950'];

export function drawCurves(runs: readonly Learned[]): string {
  const examples = [...Map.groupBy(runs, ({ example }) => example)];
  const width = examples.length * (WIDTH + GAP) + LEFT;
  const panels = examples.map(([example, of], index) => panel(example, of, LEFT + index * (WIDTH + GAP)));
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${TOP + HEIGHT + 44}" font-family="system-ui, sans-serif" font-size="12" fill="#8b949e">
<title>Success over training steps, a line a seed; dots: held-out tasks, sampled, before and after</title>
${panels.join('\n')}
</svg>
`;
}

function panel(example: string, runs: readonly Learned[], left: number): string {
  const last = Math.max(...runs.map(({ steps }) => steps.length));
  const x = (step: number): number => left + (step / last) * WIDTH;
  const y = (share: number): number => TOP + (1 - share) * HEIGHT;
  const grid = [0, 0.25, 0.5, 0.75, 1].map((share) =>
    `<line x1="${left}" x2="${left + WIDTH}" y1="${y(share)}" y2="${y(share)}" stroke="#8b949e" stroke-opacity="0.25"/>${left < LEFT + 1 ? `<text x="${left - 8}" y="${y(share) + 4}" text-anchor="end">${share * 100} %</text>` : ''}`);
  const lines = runs.map(({ steps, before, after }, index) => {
    const success = steps.map(({ success: share }) => share ?? 0);
    const smooth = success.map((_, step) => mean(success.slice(Math.max(0, step - SMOOTH + 1), step + 1)));
    const color = COLORS[index % COLORS.length]!;
    const dots = [[0, before], [last, after]] as const;
    return `<polyline fill="none" stroke="${color}" stroke-width="2" points="${smooth.map((share, step) => `${x(step + 1).toFixed(1)},${y(share).toFixed(1)}`).join(' ')}"/>`
      + dots.map(([step, row]) => `<circle cx="${x(step)}" cy="${y(row.sampled.success?.mean ?? 0).toFixed(1)}" r="4" fill="${color}"/>`).join('');
  });
  const seconds = Math.round(mean(runs.map((run) => run.seconds)));
  return `<text x="${left}" y="20" font-weight="600" font-size="14">${example}</text>
${grid.join('\n')}
${lines.join('\n')}
<text x="${left}" y="${TOP + HEIGHT + 20}">0</text><text x="${left + WIDTH}" y="${TOP + HEIGHT + 20}" text-anchor="end">${last} steps, ${seconds} s</text>`;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
