/** The columns of the trainings that are shown: asked for when a chart first needs them, then only what was added. */
import type { StepColumns, StepFigure } from '../../runtime/protocol/dashboard.ts';

export type Ask = (dir: string, figures: StepFigure[], from: number) => Promise<StepColumns>;

export class Series {
  readonly dir: string;
  step: Int32Array = new Int32Array(0);
  readonly #figures = new Map<StepFigure, Float32Array>();
  readonly #ask: Ask;
  #anew: number | undefined;
  /** Rows there are, as far as is known. */
  #count = 0;
  #bringing: Promise<void> | undefined;

  constructor(dir: string, ask: Ask) {
    this.dir = dir;
    this.#ask = ask;
  }

  /** Empty while it has not come. */
  figure(name: StepFigure): Float32Array {
    return this.#figures.get(name) ?? NOTHING;
  }

  has(names: readonly StepFigure[]): boolean {
    return names.every((name) => this.#figures.has(name));
  }

  /** There are more, or others: the next `bring` brings them. */
  grown(count: number, anew: number): void {
    this.#count = anew === this.#anew ? count : Infinity;
  }

  /** Brings these, and what was added to those that are there. */
  async bring(names: Iterable<StepFigure>): Promise<void> {
    while (this.#bringing !== undefined) await this.#bringing;
    this.#bringing = this.#bring([...names]).finally(() => void (this.#bringing = undefined));
    return this.#bringing;
  }

  async #bring(names: StepFigure[]): Promise<void> {
    const missing = names.filter((name) => !this.#figures.has(name));
    const known = [...this.#figures.keys()];
    if (missing.length > 0 && !this.#take(await this.#ask(this.dir, missing, 0), missing)) return this.#bring([...known, ...missing]);
    if (known.every((name) => this.figure(name).length >= this.#count)) return;
    if (!this.#take(await this.#ask(this.dir, known, this.figure(known[0]!).length), known)) return this.#bring([...known, ...missing]);
  }

  /** False: rows were taken back, so that all must be asked for again. */
  #take({ from, count, anew, step, figures }: StepColumns, names: readonly StepFigure[]): boolean {
    const same = this.#anew === undefined || this.#anew === anew;
    this.#anew = anew;
    this.#count = count;
    if (!same) {
      this.#figures.clear();
      this.step = new Int32Array(0);
      if (from > 0) return false;
    }
    if (from + step.length > this.step.length) this.step = joined(this.step, step, from);
    names.forEach((name, i) => this.#figures.set(name, joined(this.figure(name), figures[i]!, from)));
    return same || names.length === 0;
  }
}

const NOTHING = new Float32Array(0);

function joined<A extends Int32Array | Float32Array>(before: A, more: A, from: number): A {
  if (from === 0) return more;
  if (more.length === 0) return before;
  const whole = new (before.constructor as new (length: number) => A)(from + more.length);
  whole.set(before.subarray(0, from));
  whole.set(more, from);
  return whole;
}
