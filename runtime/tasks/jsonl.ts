import { TuningForkError, type ErrorInfo } from '../protocol/errors.ts';
import type { Json } from '../protocol/json.ts';
import type { Task } from '../protocol/task.ts';
import { readLines, type Line } from './lines.ts';
import { RowError, taskOfRow, type RowKeys } from './row.ts';
import type { TaskSource } from './source.ts';

export interface JsonlOptions extends RowKeys {
  name: string;
  onBadRow: 'stop' | 'skip';
}

const KEPT_BAD_ROWS = 1000;

export function jsonlTasks(file: string, options: JsonlOptions): TaskSource {
  return new JsonlSource(file, options);
}

class JsonlSource implements TaskSource {
  readonly name: string;
  count: number | undefined;
  readonly #file: string;
  readonly #options: JsonlOptions;
  /** By line, so that a second pass doesn't tell a bad row again. */
  readonly #lines = new Map<string, number>();
  readonly #bad = new Map<number, ErrorInfo | undefined>();

  constructor(file: string, options: JsonlOptions) {
    this.name = options.name;
    this.#file = file;
    this.#options = options;
  }

  get badRows(): readonly ErrorInfo[] {
    return [...this.#bad.values()].filter((error) => error !== undefined);
  }

  get badRowCount(): number {
    return this.#bad.size;
  }

  lineOf(taskId: string): number | undefined {
    return this.#lines.get(taskId);
  }

  async *tasks(): AsyncGenerator<Task, void, void> {
    const lineOfId = new Map<string, number>();
    let index = 0;
    for await (const line of readLines(this.#file)) {
      if (isBlank(line.bytes)) continue;
      const task = this.#task(line, index++, lineOfId);
      if (task !== undefined) yield task;
    }
    this.count = lineOfId.size;
    if (this.count > 0) return;
    const bad = this.badRows[0];
    throw new TuningForkError('data', index === 0 ? 'This file holds no task: it is empty.' : `This file holds no task: all of its ${index} rows are bad. The first: ${bad?.message}`, {
      next: bad?.next ?? 'Write one JSON object a line.', where: bad?.where ?? { file: this.#file },
    });
  }

  #task(line: Line, index: number, lineOfId: Map<string, number>): Task | undefined {
    try {
      const task = taskOfRow(parse(line.bytes), index, this.#options);
      const earlier = lineOfId.get(task.taskId);
      if (earlier !== undefined) throw new RowError(`the task_id ${task.taskId} stands in line ${earlier} already`, 'task_id');
      lineOfId.set(task.taskId, line.number);
      this.#lines.set(task.taskId, line.number);
      return task;
    } catch (error) {
      const cause = error instanceof RowError ? error : new RowError((error as Error).message);
      const bad = this.#badRow(line, cause);
      if (this.#options.onBadRow === 'stop') throw new TuningForkError('data', bad.message, { next: bad.next, where: bad.where });
      this.#bad.set(line.number, this.#bad.size < KEPT_BAD_ROWS ? bad : undefined);
      return undefined;
    }
  }

  #badRow(line: Line, cause: RowError): ErrorInfo {
    const fix = line.number === 1 && /^\s*\[/.test(line.bytes.toString('latin1', 0, 100))
      ? 'This looks like one JSON list; JSONL has one object a line, with no [ ] around and no commas between.'
      : this.#options.onBadRow === 'stop' ? 'Correct the line, or set task_reader.on_bad_row: skip.' : 'Correct the line; it is left out.';
    return {
      code: 'data',
      message: `Bad row: ${cause.message}.`,
      next: fix,
      where: { file: this.#file, line: line.number, column: cause instanceof SyntaxRowError ? cause.column : undefined, key: cause.key },
    };
  }
}

class SyntaxRowError extends RowError {
  readonly column: number | undefined;

  constructor(message: string, column?: number) {
    super(message);
    this.column = column;
  }
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function parse(bytes: Buffer): Json {
  let text: string;
  try {
    text = decoder.decode(bytes);
  } catch {
    throw new SyntaxRowError('this isn’t UTF-8', invalidByte(bytes) + 1);
  }
  try {
    return JSON.parse(text) as Json;
  } catch (error) {
    const { message } = error as Error;
    const position = /at position (\d+)/.exec(message)?.[1];
    // V8 repeats a piece of the text behind its cause.
    const cause = message.replace(/ in JSON at position.*$|, (?:\.\.\.)?".*is not valid JSON$/s, '');
    throw new SyntaxRowError(`this isn’t JSON: ${cause.charAt(0).toLowerCase()}${cause.slice(1)}`, position === undefined ? undefined : Number(position) + 1);
  }
}

/** Index of the first byte that decodes differently. */
function invalidByte(bytes: Buffer): number {
  const again = Buffer.from(bytes.toString('utf8'), 'utf8');
  const at = bytes.findIndex((byte, i) => byte !== again[i]);
  return at < 0 ? bytes.length : at;
}

function isBlank(bytes: Buffer): boolean {
  return bytes.every((byte) => byte === 0x20 || byte === 0x09 || byte === 0x0d);
}
