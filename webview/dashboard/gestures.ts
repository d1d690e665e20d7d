/** Pointer, wheel and keys over anything whose width is the range of steps. */
import { clampRange, GUTTER, RIGHT, type Board } from './board.ts';

const DRAG = 4;

export interface Gestures {
  /** While a range is drawn up: its ends in pixels. */
  drawn(from: number, to: number): void;
  clicked(step: number, y: number): void;
}

export function stepAt(board: Board, x: number, width: number): number {
  const { from, to } = board.range;
  return Math.round(from + (x - GUTTER) / Math.max(1, width - GUTTER - RIGHT) * (to - from));
}

export function listen(element: HTMLElement, board: Board, { drawn, clicked }: Gestures, source: object): void {
  let start: { x: number; pan: boolean; range: { from: number; to: number }; moved: boolean } | undefined;
  const place = (event: MouseEvent): { x: number; y: number; width: number } => {
    const box = element.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top, width: box.width };
  };
  const inside = (x: number, width: number): number => Math.max(GUTTER, Math.min(width - RIGHT, x));

  element.addEventListener('pointerdown', (event) => {
    if (event.button !== 0) return;
    const { x } = place(event);
    element.setPointerCapture(event.pointerId);
    start = { x, pan: event.shiftKey, range: board.range, moved: false };
  });
  element.addEventListener('pointermove', (event) => {
    const { x, width } = place(event);
    if (start === undefined || Math.abs(x - start.x) < DRAG && !start.moved) return board.point(x < GUTTER ? null : stepAt(board, inside(x, width), width), source);
    start.moved = true;
    if (!start.pan) return drawn(inside(start.x, width), inside(x, width));
    const moved = (start.x - x) / (width - GUTTER - RIGHT) * (start.range.to - start.range.from);
    board.zoom(clampRange({ from: start.range.from + moved, to: start.range.to + moved }, board.whole));
  });
  element.addEventListener('pointerup', (event) => {
    const { x, y, width } = place(event);
    const began = start;
    start = undefined;
    if (began === undefined) return;
    if (!began.moved) return clicked(stepAt(board, inside(x, width), width), y);
    if (began.pan) return;
    drawn(0, 0);
    const [from, to] = [began.x, x].map((each) => stepAt(board, inside(each, width), width)).sort((a, b) => a - b) as [number, number];
    if (to > from) board.zoom(clampRange({ from, to }, board.whole));
  });
  element.addEventListener('pointercancel', () => {
    start = undefined;
    drawn(0, 0);
  });
  element.addEventListener('pointerleave', () => start === undefined && board.point(null));
  element.addEventListener('dblclick', () => board.zoom(null));
  element.addEventListener('wheel', (event) => {
    const { x, width } = place(event);
    const { range, whole } = board;
    const span = range.to - range.from;
    if (event.ctrlKey || event.metaKey) {
      event.preventDefault();
      const at = range.from + (inside(x, width) - GUTTER) / (width - GUTTER - RIGHT) * span;
      zoomAround(board, at, Math.exp(Math.max(-60, Math.min(60, event.deltaY)) * 0.008));
    } else if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      event.preventDefault();
      const moved = (event.deltaX || event.deltaY) / width * span;
      board.zoom(clampRange({ from: range.from + moved, to: range.to + moved }, whole));
    }
  }, { passive: false });
}

export function zoomAround(board: Board, at: number, by: number): void {
  const { range: { from, to }, whole } = board;
  board.zoom(clampRange({ from: at - (at - from) * by, to: at + (to - at) * by }, whole));
}

/** True: it was one of ours. */
export function onKey(board: Board, event: KeyboardEvent, source: object): boolean {
  const { range, whole, crosshair } = board;
  const here = Math.max(range.from, Math.min(range.to, crosshair ?? (event.key === 'ArrowLeft' ? range.to + 1 : range.from - 1)));
  const move = (step: number): void => {
    const to = Math.round(Math.max(whole.from, Math.min(whole.to, step)));
    const span = range.to - range.from;
    if (to < range.from) board.zoom(clampRange({ from: to, to: to + span }, whole));
    if (to > range.to) board.zoom(clampRange({ from: to - span, to }, whole));
    board.point(to, source);
  };
  const pan = (share: number): void => board.zoom(clampRange({ from: range.from + (range.to - range.from) * share, to: range.to + (range.to - range.from) * share }, whole));
  const begun = crosshair !== null;
  switch (event.key) {
    case 'ArrowRight': move(begun ? here + (event.shiftKey ? 10 : 1) : range.from); break;
    case 'ArrowLeft': move(begun ? here - (event.shiftKey ? 10 : 1) : range.to); break;
    case 'Home': move(whole.from); break;
    case 'End': move(whole.to); break;
    case '+': case '=': zoomAround(board, begun ? here : (range.from + range.to) / 2, 0.6); break;
    case '-': zoomAround(board, begun ? here : (range.from + range.to) / 2, 1 / 0.6); break;
    case 'PageUp': pan(-0.5); break;
    case 'PageDown': pan(0.5); break;
    case '0': board.zoom(null); break;
    case 'Escape': board.point(null); break;
    case 'Enter': if (begun) board.choose(crosshair); break;
    default: return false;
  }
  event.preventDefault();
  return true;
}
