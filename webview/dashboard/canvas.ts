/** A canvas as large as its element is, in pixels of the screen. */
import { h } from '../shared/dom.ts';

export class Sheet {
  readonly element: HTMLCanvasElement;
  readonly context: CanvasRenderingContext2D;
  width = 0;
  height = 0;

  constructor(name: string) {
    this.element = h('canvas', { class: name, 'aria-hidden': 'true' });
    this.context = this.element.getContext('2d')!;
  }

  /** Emptied, and in CSS pixels. False: there is no room. */
  begin(width: number, height: number): boolean {
    const scale = devicePixelRatio;
    [this.width, this.height] = [width, height];
    const [across, down] = [Math.round(width * scale), Math.round(height * scale)];
    if (this.element.width !== across || this.element.height !== down) {
      this.element.width = across;
      this.element.height = down;
    }
    this.context.setTransform(scale, 0, 0, scale, 0, 0);
    this.context.clearRect(0, 0, width, height);
    return width > 40 && height > 20;
  }
}
