/** The rows of a metrics.jsonl as columns, read as they are written. A training that goes on may take its last rows back. */
import { open, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { STEP_FIGURES, TIME_FIGURES, type StepFigure } from '../protocol/dashboard.ts';
import type { EvaluationRow, StepRow } from '../protocol/training.ts';
import { parseJson } from '../trace/decode.ts';
import { fileError, isMissing } from '../trace/errors.ts';
import { METRICS_FILE } from '../trace/layout.ts';

const CHUNK = 1 << 20;
/** Bytes before the place read up to that must still be the same. */
const SEAM = 64;
const FEED = 0x0a;
/** Rows there is room for at first. */
const ROOM = 256;

export class MetricsFile {
  readonly path: string;
  count = 0;
  /** How often rows were taken back. */
  anew = 0;
  evaluations: EvaluationRow[] = [];
  #steps = new Int32Array(ROOM);
  readonly #figures = STEP_FIGURES.map((name) => ({ name, values: new Float32Array(ROOM) }));
  readonly #times = TIME_FIGURES.map((name) => ({ name, values: new Float32Array(ROOM) }));
  #offset = 0;
  #seam = Buffer.alloc(0);
  #reading: Promise<boolean> | undefined;

  constructor(dir: string) {
    this.path = join(dir, METRICS_FILE);
  }

  get step(): number {
    return this.count === 0 ? 0 : this.#steps[this.count - 1]!;
  }

  steps(from: number): Int32Array {
    return this.#steps.slice(Math.min(from, this.count), this.count);
  }

  figure(name: StepFigure, from: number): Float32Array {
    const { values } = [...this.#figures, ...this.#times].find((one) => one.name === name)!;
    return values.slice(Math.min(from, this.count), this.count);
  }

  /** Takes what was written since; true: something was. */
  refresh(): Promise<boolean> {
    this.#reading ??= this.#read().finally(() => void (this.#reading = undefined));
    return this.#reading;
  }

  async #read(): Promise<boolean> {
    let file: FileHandle;
    try {
      file = await open(this.path);
    } catch (error) {
      if (isMissing(error)) return false;
      throw fileError('read', this.path, error);
    }
    try {
      const { size } = await file.stat();
      if (size < this.#offset || !await this.#sameBefore(file)) this.#forget();
      if (size === this.#offset) return false;
      return await this.#take(file, size);
    } finally {
      await file.close();
    }
  }

  async #sameBefore(file: FileHandle): Promise<boolean> {
    if (this.#seam.length === 0) return true;
    const { buffer } = await file.read(Buffer.alloc(this.#seam.length), 0, this.#seam.length, this.#offset - this.#seam.length);
    return buffer.equals(this.#seam);
  }

  #forget(): void {
    this.anew++;
    this.count = 0;
    this.evaluations = [];
    this.#offset = 0;
    this.#seam = Buffer.alloc(0);
  }

  /** A torn last line is left for the next time. */
  async #take(file: FileHandle, size: number): Promise<boolean> {
    const before = this.#offset;
    let room = CHUNK;
    while (this.#offset < size) {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(Math.min(room, size - this.#offset)), 0, undefined, this.#offset);
      const end = buffer.subarray(0, bytesRead).lastIndexOf(FEED) + 1;
      if (end === 0) {
        if (bytesRead === 0 || this.#offset + bytesRead >= size) break;
        // A line longer than that.
        room *= 4;
        continue;
      }
      for (const line of buffer.toString('utf8', 0, end).split('\n')) if (line !== '') this.#push(line);
      this.#offset += end;
      this.#seam = Buffer.from(buffer.subarray(Math.max(0, end - SEAM), end));
    }
    return this.#offset > before;
  }

  #push(line: string): void {
    const parsed = parseJson(line);
    // A damaged line hides itself alone: the others are still worth looking at.
    if ('cause' in parsed || typeof parsed.value !== 'object' || parsed.value === null) return;
    const row = parsed.value as unknown as StepRow | EvaluationRow;
    if (row.kind === 'evaluation') this.evaluations.push(row);
    else if (row.kind === 'step') this.#pushStep(row);
  }

  #pushStep(row: StepRow): void {
    // Done again: what stood there before no longer counts.
    while (this.count > 0 && row.step <= this.step) {
      this.count--;
      this.anew++;
    }
    const at = this.count++;
    if (at === this.#steps.length) this.#grow();
    this.#steps[at] = row.step;
    for (const { name, values } of this.#figures) values[at] = row[name] ?? NaN;
    for (const { name, values } of this.#times) values[at] = row.time?.[name] ?? NaN;
  }

  #grow(): void {
    const steps = new Int32Array(this.#steps.length * 2);
    steps.set(this.#steps);
    this.#steps = steps;
    for (const column of [...this.#figures, ...this.#times]) {
      const more = new Float32Array(column.values.length * 2);
      more.set(column.values);
      column.values = more;
    }
  }
}
