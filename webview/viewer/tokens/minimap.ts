/** The whole timeline at a glance: a pixel row for one or more rows of text, the colours of the mode, what was found. */
import { TOKEN, type Timeline } from '../../../runtime/protocol/viewer.ts';
import { h, styled } from '../../shared/dom.ts';
import type { Colouring } from './colour.ts';
import { ROW, type Rows } from './rows.ts';

export interface Mapped {
  timeline: Timeline;
  rows: Rows;
  colouring: Colouring;
  found: Uint8Array | undefined;
}

const WIDTH = 84;
const ROW_PIXELS = 3;
const AT_LATEST_MS = 100;

export class Minimap {
  readonly element: HTMLElement;
  readonly #canvas = h('canvas', { class: 'minimap-canvas' });
  readonly #window = h('div', { class: 'minimap-window' });
  #mapped: Mapped | undefined;
  #waiting = false;
  #height = 0;
  /** Pixels a row of text has. */
  #scale = ROW_PIXELS;

  constructor(label: string, { go: show }: { go(row: number): void }) {
    this.element = h('div', { class: 'minimap', 'aria-hidden': 'true', title: label }, this.#canvas, this.#window);
    const go = ({ clientY }: PointerEvent): void => show((clientY - this.element.getBoundingClientRect().top) / this.#scale);
    this.element.addEventListener('pointerdown', (event) => {
      event.preventDefault();
      this.element.setPointerCapture(event.pointerId);
      go(event);
    });
    this.element.addEventListener('pointermove', (event) => this.element.hasPointerCapture(event.pointerId) && go(event));
  }

  show(mapped: Mapped): void {
    this.#mapped = mapped;
    this.#measure();
    this.soon();
  }

  /** Drawn when the text stands: it is what one waits for. Also after its size or the theme changed. */
  soon(): void {
    if (this.#waiting) return;
    this.#waiting = true;
    requestIdleCallback(() => {
      this.#waiting = false;
      this.#draw();
    }, { timeout: AT_LATEST_MS });
  }

  #measure(): void {
    this.#height ||= this.element.clientHeight;
    this.#scale = Math.min(ROW_PIXELS, this.#height / Math.max(1, this.#mapped!.rows.count));
  }

  #draw(): void {
    const mapped = this.#mapped;
    this.#height = this.element.clientHeight;
    const height = this.#height;
    if (mapped === undefined || height === 0) return;
    this.#measure();
    const ratio = Math.min(2, devicePixelRatio);
    const [w, hh] = [Math.round(WIDTH * ratio), Math.round(height * ratio)];
    this.#canvas.width = w;
    this.#canvas.height = hh;
    const context = this.#canvas.getContext('2d')!;
    const image = context.createImageData(w, hh);
    paint(new Uint32Array(image.data.buffer), w, hh, this.#scale * ratio, mapped, coloursOf(this.element, mapped.colouring));
    context.putImageData(image, 0, 0);
  }

  /** What of it is in sight. */
  setWindow(first: number, count: number): void {
    styled(this.#window, { top: `${first * this.#scale}px`, height: `${Math.max(8, count * this.#scale)}px` });
  }
}

interface Colours {
  bins: number[];
  context: number;
  sampled: number;
  head: number;
  hit: number;
}

/** The colours that the style sheet gives the looks of the mode. */
function coloursOf(element: HTMLElement, { bins }: Colouring): Colours {
  const probe = h('span', { class: 't' });
  element.append(probe);
  const pixel = (look: string, property: 'color' | 'outline-color', alpha: number): number => {
    probe.className = `t ${look}`;
    const text = getComputedStyle(probe).getPropertyValue(property);
    const scale = text.startsWith('color(') ? 255 : 1;
    const [r = 0, g = 0, b = 0, a = 1] = text.match(/[\d.]+(?:e-?\d+)?/g)?.map(Number) ?? [];
    return ((Math.round(a * alpha * 255) << 24) | (Math.round(b * scale) << 16) | (Math.round(g * scale) << 8) | Math.round(r * scale)) >>> 0;
  };
  const colours = {
    bins: bins.map(({ look }) => (look === '' ? 0 : pixel(look, 'outline-color', 1))),
    context: pixel('', 'color', 0.22), sampled: pixel('', 'color', 0.5), head: pixel('minimap-head', 'outline-color', 1), hit: pixel('minimap-hit', 'outline-color', 1),
  };
  probe.remove();
  return colours;
}

function paint(pixels: Uint32Array, w: number, height: number, scale: number, { timeline, rows, colouring, found }: Mapped, colours: Colours): void {
  const thick = Math.max(1, Math.round(scale) - (scale >= 3 ? 1 : 0));
  const perCell = (w - 6) / rows.columns;
  const bar = (row: number, from: number, to: number, colour: number, strong: boolean): void => {
    const y = Math.floor(row * scale);
    for (let line = y; line < Math.min(height, y + thick); line++) {
      for (let x = from; x < Math.min(w, to); x++) {
        const place = line * w + x;
        // Where rows share pixels, what is coloured wins over plain text.
        if (strong || pixels[place] === 0) pixels[place] = colour;
      }
    }
  };
  for (let row = 0; row < rows.count; row++) if (rows.kind[row] === ROW.head) bar(row, 0, w, colours.head, false);
  const { count, flags } = timeline;
  for (let token = 0; token < count; token++) {
    const row = rows.row[token]!;
    const from = rows.column[token]!;
    const next = token + 1 < count && rows.row[token + 1] === row ? rows.column[token + 1]! : from + 2;
    const colour = colours.bins[colouring.of[token]!]!;
    const plain = (flags[token]! & TOKEN.sampled) !== 0 ? colours.sampled : colours.context;
    bar(row, Math.floor(from * perCell), Math.max(Math.floor(from * perCell) + 1, Math.floor(next * perCell)), colour === 0 ? plain : colour, colour !== 0);
  }
  if (found === undefined) return;
  for (let token = 0; token < count; token++) if (found[token] === 1) bar(rows.row[token]!, w - 5, w, colours.hit, true);
}
