/** Where steps and values lie: two sheets, what moves above what stays, and the scales beside them. */
import { ABOVE, BELOW, GUTTER, RIGHT, type Board } from './board.ts';
import { Sheet } from './canvas.ts';
import { wholeTicks } from './plot.ts';

export class Plane {
  readonly element: HTMLElement;
  readonly #board: Board;
  readonly #lines = new Sheet('lines');
  readonly #over = new Sheet('over');
  width = 0;
  height = 0;
  /** The least and the greatest value that have a place. */
  scale: readonly [number, number] = [0, 1];

  constructor(board: Board, element: HTMLElement, resized: () => void) {
    this.#board = board;
    this.element = element;
    element.prepend(this.#lines.element, this.#over.element);
    new ResizeObserver(([entry]) => {
      [this.width, this.height] = [Math.round(entry!.contentRect.width), Math.round(entry!.contentRect.height)];
      resized();
    }).observe(element);
  }

  /** Emptied; undefined: there is no room. */
  lines(): CanvasRenderingContext2D | undefined {
    return this.#emptied(this.#lines);
  }

  over(): CanvasRenderingContext2D | undefined {
    return this.#emptied(this.#over);
  }

  #emptied(sheet: Sheet): CanvasRenderingContext2D | undefined {
    return this.width > 0 && sheet.begin(this.width, this.height) ? sheet.context : undefined;
  }

  /** Pixels that the range of steps has. */
  get inner(): number {
    return this.width - GUTTER - RIGHT;
  }

  /** Where the steps are written. */
  get bottom(): number {
    return this.height - BELOW;
  }

  x(step: number): number {
    const { from, to } = this.#board.range;
    return GUTTER + (step - from) / Math.max(1e-9, to - from) * this.inner;
  }

  y(value: number): number {
    const [low, high] = this.scale;
    return ABOVE + (high - value) / (high - low) * (this.bottom - ABOVE);
  }

  /** From here on nothing is drawn over the scales, but `edge` pixels at each side. */
  clip(c: CanvasRenderingContext2D, edge = 0): void {
    c.beginPath();
    c.rect(GUTTER - edge, 0, this.inner + edge * 2, this.bottom + 1);
    c.clip();
  }

  scales(c: CanvasRenderingContext2D, values: readonly number[], text: (value: number) => string, grid: boolean): void {
    const { paint, range } = this.#board;
    c.font = paint.font;
    c.lineWidth = 1;
    c.textBaseline = 'middle';
    c.textAlign = 'right';
    c.strokeStyle = paint.grid;
    c.fillStyle = paint.dim;
    for (const value of values) {
      const y = Math.round(this.y(value)) + 0.5;
      c.fillText(text(value), GUTTER - 8, y);
      if (!grid) continue;
      c.beginPath();
      c.moveTo(GUTTER, y);
      c.lineTo(this.width - RIGHT, y);
      c.stroke();
    }
    c.textBaseline = 'alphabetic';
    c.textAlign = 'center';
    for (const step of wholeTicks(range.from, range.to, Math.max(2, Math.floor(this.inner / 90)))) {
      const told = String(step);
      const half = c.measureText(told).width / 2;
      c.fillText(told, Math.max(GUTTER + half, Math.min(this.width - half - 1, this.x(step))), this.height - 4);
    }
  }

  /** In place of what there is not. */
  tell(c: CanvasRenderingContext2D, text: string): void {
    const { paint } = this.#board;
    c.font = paint.font;
    c.fillStyle = paint.dim;
    c.textAlign = 'center';
    c.fillText(text, GUTTER + this.inner / 2, this.height / 2 - 12);
  }
}
