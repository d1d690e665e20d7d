import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { fileError } from './errors.ts';
import { GroupCommit } from './group-commit.ts';
import { readRange } from './member.ts';

interface Line {
  text: string;
  written: ((offset: number, length: number) => void) | undefined;
}

/** Appends lines to one file, many calls in one write. */
export class Appender {
  #handle: FileHandle;
  #path: string;
  #end: number;
  readonly #lines: GroupCommit<Line, void>;

  private constructor(handle: FileHandle, path: string, end: number) {
    this.#handle = handle;
    this.#path = path;
    this.#end = end;
    this.#lines = new GroupCommit(() => this.#path, (batch) => this.#write(batch));
  }

  /** Opens for writing behind byte `end`; what stands there is cut off. */
  static async open(path: string, end: number): Promise<Appender> {
    try {
      return new Appender(await openToAppend(path, end), path, end);
    } catch (error) {
      throw fileError('write', path, error);
    }
  }

  get path(): string {
    return this.#path;
  }

  /** Resolves once the system has the bytes: they outlive this process. `written` is called before that, in order. */
  append(text: string, written?: (offset: number, length: number) => void): Promise<void> {
    return this.#lines.add({ text, written });
  }

  /** Runs `work` when nothing is being written; appends wait for it. */
  exclusively(work: () => Promise<void>): void {
    this.#lines.between(work);
  }

  /** Goes on in another file, which has `end` bytes. Inside `exclusively` only. */
  async moveTo(path: string, handle: FileHandle, end: number): Promise<void> {
    await this.#handle.close();
    this.#handle = handle;
    this.#path = path;
    this.#end = end;
  }

  read(offset: number, length: number): Promise<Buffer> {
    return readRange(this.#handle, offset, length);
  }

  close(): Promise<void> {
    return this.#lines.close(() => this.#handle.close());
  }

  async #write(batch: readonly Line[]): Promise<void[]> {
    const pieces = batch.map(({ text }) => Buffer.from(text));
    await writeAll(this.#handle, pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces), this.#end);
    return batch.map(({ written }, i) => {
      const { length } = pieces[i]!;
      written?.(this.#end, length);
      this.#end += length;
    });
  }
}

/** For writing behind byte `end`; what stands there is cut off. */
export async function openToAppend(path: string, end: number): Promise<FileHandle> {
  const handle = await open(path, end === 0 ? 'w+' : 'r+');
  if (end > 0) await handle.truncate(end);
  return handle;
}

/** A write may take a part only. */
export async function writeAll(handle: FileHandle, bytes: Buffer, position: number): Promise<void> {
  let done = 0;
  while (done < bytes.length) {
    done += (await handle.write(bytes, done, bytes.length - done, position + done)).bytesWritten;
  }
}
