/** A figure of all trainings as lines on its plane, each in its ink. */
import type { EvaluationRow } from '../../runtime/protocol/training.ts';
import { GUTTER, type Board, type Line } from './board.ts';
import type { Figure } from './figures.ts';
import type { Plane } from './plane.ts';
import { extremes, means, type Path } from './plot.ts';
import { stacked, type Values } from './values.ts';

interface Drawing {
  c: CanvasRenderingContext2D;
  plane: Plane;
  board: Board;
  values: Values;
}

/** Marks at the first and the last step are whole. */
const EDGE = 7;
/** More lines than that are drawn without what they were smoothed from. */
const FEW = 4;

export function drawCurves(kind: Figure['kind'], drawing: Drawing): void {
  const { c, plane, board: { lines, main } } = drawing;
  c.save();
  plane.clip(c, EDGE);
  c.translate(GUTTER, 0);
  if (kind === 'validation') for (const line of lines) validations(drawing, line);
  else if (kind === 'stack') stack(drawing);
  else {
    if (main !== undefined) band(drawing, main);
    for (const line of lines) if (line !== main) curve(drawing, line, lines.length > FEW);
    if (main !== undefined) curve(drawing, main, false);
  }
  c.restore();
}

/** Round corners under dashes take a browser ten times as long. */
function dashed(c: CanvasRenderingContext2D, dash: readonly number[]): void {
  c.setLineDash(dash as number[]);
  c.lineJoin = dash.length === 0 ? 'round' : 'bevel';
  c.lineCap = dash.length === 0 ? 'round' : 'butt';
}

function stroke({ c, plane }: Drawing, { x, y, count }: Path): void {
  let down = false;
  c.beginPath();
  for (let i = 0; i < count; i++) {
    const value = y[i]!;
    if (Number.isNaN(value)) {
      down = false;
      continue;
    }
    if (down) c.lineTo(x[i]!, plane.y(value));
    else c.moveTo(x[i]!, plane.y(value));
    // A point between gaps is still to be seen.
    if (!down && (i + 1 === count || Number.isNaN(y[i + 1]!))) c.lineTo(x[i]! + 0.01, plane.y(value));
    down = true;
  }
  c.stroke();
}

function curve(drawing: Drawing, line: Line, quiet: boolean): void {
  const { c, plane: { inner }, board: { paint, range, smoothing, main }, values } = drawing;
  const { raw, smooth } = values.of(line);
  const { step } = line.series;
  c.strokeStyle = line.ink.colour;
  for (const [i, own] of raw.entries()) {
    if (smoothing > 0 && !quiet) {
      c.globalAlpha = paint.contrast ? 0.5 : line === main ? 0.3 : 0.2;
      c.lineWidth = 1;
      dashed(c, []);
      stroke(drawing, extremes(step, own, range, inner));
    }
    c.globalAlpha = 1;
    c.lineWidth = (line === main ? 1.75 : 1.25) + (paint.contrast ? 0.75 : 0);
    dashed(c, line.ink.dash);
    stroke(drawing, smoothing > 0 ? means(step, smooth[i]!, range, inner, quiet ? 2 : 1) : extremes(step, own, range, inner));
  }
}

function band(drawing: Drawing, line: Line): void {
  const { c, plane, board: { paint, range }, values } = drawing;
  const [down, up] = values.edges(line).map((edge) => means(line.series.step, edge, range, plane.inner));
  if (down === undefined || up === undefined) return;
  c.fillStyle = c.strokeStyle = line.ink.colour;
  if (paint.contrast) {
    c.lineWidth = 1;
    dashed(c, [1, 3]);
    stroke(drawing, up);
    stroke(drawing, down);
    return;
  }
  c.globalAlpha = 0.1;
  c.beginPath();
  for (let i = 0; i < up.count; i++) if (!Number.isNaN(up.y[i]!)) c.lineTo(up.x[i]!, plane.y(up.y[i]!));
  for (let i = down.count - 1; i >= 0; i--) if (!Number.isNaN(down.y[i]!)) c.lineTo(down.x[i]!, plane.y(down.y[i]!));
  c.fill();
  c.globalAlpha = 1;
}

const STACK_DASHES: readonly (readonly number[])[] = [[], [7, 3], [2, 2.5], [9, 3, 2, 3]];

function stack(drawing: Drawing): void {
  const { c, plane, board: { main, paint, range }, values } = drawing;
  if (main === undefined) return;
  const edges = stacked(values.of(main).raw).map((sums) => means(main.series.step, sums, range, plane.inner));
  for (const [i, { x, y, count }] of edges.entries()) {
    const under = edges[i - 1];
    c.fillStyle = c.strokeStyle = paint.parts[i]!;
    c.beginPath();
    for (let at = 0; at < count; at++) c.lineTo(x[at]!, plane.y(y[at]!));
    for (let at = count - 1; at >= 0; at--) c.lineTo(x[at]!, plane.y(under?.y[at] ?? 0));
    c.closePath();
    if (!paint.contrast) {
      c.globalAlpha = 0.75;
      c.fill();
      c.globalAlpha = 1;
    }
    c.lineWidth = paint.contrast ? 2 : 1;
    dashed(c, paint.contrast ? STACK_DASHES[i]! : []);
    stroke(drawing, { x, y, count });
  }
}

/** Greedy filled, sampled hollow, each with its interval. */
function validations(drawing: Drawing, { evaluations, ink }: Line): void {
  const { c, plane, board: { paint } } = drawing;
  c.strokeStyle = ink.colour;
  for (const [way, shift] of [['sampled', 2.5], ['greedy', -1.5]] as const) {
    const seen = evaluations.filter((row: EvaluationRow) => row[way].reward !== null);
    const at = (row: EvaluationRow): number => plane.x(row.step) - GUTTER + shift;
    dashed(c, ink.dash);
    c.lineWidth = way === 'greedy' ? 1.5 : 1;
    stroke(drawing, { x: Float32Array.from(seen, at), y: Float32Array.from(seen, (row) => row[way].reward!.mean), count: seen.length });
    dashed(c, []);
    for (const row of seen) {
      const { mean, low, high } = row[way].reward!;
      const x = at(row);
      c.lineWidth = 1;
      c.beginPath();
      c.moveTo(x, plane.y(low));
      c.lineTo(x, plane.y(high));
      c.stroke();
      c.lineWidth = 1.5;
      c.fillStyle = way === 'greedy' ? ink.colour : paint.background;
      c.beginPath();
      c.arc(x, plane.y(mean), 3.25, 0, Math.PI * 2);
      c.fill();
      c.stroke();
    }
  }
}
