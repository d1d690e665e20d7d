/** Rows of metrics as an event file of TensorBoard: records with masked CRC-32C, each holding one protobuf `Event`. */
import { appendFile, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { MetricsRow } from '../protocol/training.ts';
import { isInUse } from '../trace/replace.ts';
import { concat, float, integer, message, text, type Field } from '../policy/onnx/protobuf.ts';

const TENSORBOARD = 'tensorboard';

/** Field numbers of TensorFlow's event.proto and summary.proto. */
const Event = { wallTime: 1, step: 2, fileVersion: 3, summary: 5 } as const;
const Summary = { value: 1 } as const;
const Value = { tag: 1, simpleValue: 2 } as const;

export class EventFile {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  /** A new file with the rows so far in the place of any older one, so that a training that went on has each step once. */
  static async open(dir: string, rows: readonly MetricsRow[]): Promise<EventFile> {
    const folder = join(dir, TENSORBOARD);
    await mkdir(folder, { recursive: true });
    for (const name of await readdir(folder)) {
      if (!name.startsWith('events.out.tfevents.')) continue;
      // A TensorBoard that shows it keeps it from going on Windows, and then has steps twice.
      await rm(join(folder, name)).catch((error: unknown) => { if (!isInUse(error)) throw error; });
    }
    const at = Date.now();
    const path = join(folder, `events.out.tfevents.${Math.floor(at / 1000)}.${hostname()}`);
    await writeFile(path, concat([record(event(at, 0, text(Event.fileVersion, 'brain.Event:2'))), ...rows.map(recordOf)]));
    return new EventFile(path);
  }

  async add(row: MetricsRow): Promise<void> {
    await appendFile(this.path, recordOf(row));
  }
}

function recordOf(row: MetricsRow): Uint8Array {
  const values = scalarsOf(row).map(([tag, value]) => message(Summary.value, text(Value.tag, tag), float(Value.simpleValue, value)));
  return record(event(row.time.at, row.step, message(Event.summary, ...values)));
}

/** `train/reward_mean`, `eval/greedy_reward`, ...: everything of a row that is a number. */
export function scalarsOf(row: MetricsRow): [tag: string, value: number][] {
  const prefix = row.kind === 'step' ? 'train' : 'eval';
  const found: [string, number][] = [];
  const walk = (value: unknown, path: string[]): void => {
    if (typeof value === 'number' && Number.isFinite(value)) found.push([`${prefix}/${path.map(snake).join('_')}`, value]);
    else if (typeof value === 'object' && value !== null) for (const [key, one] of Object.entries(value)) walk(one, [...path, key]);
  };
  const { step: _step, time: { at: _at, ...time }, ...rest } = row;
  walk({ ...rest, time }, []);
  return found;
}

function snake(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`).replace(/[^\w]/g, '_');
}

function event(at: number, step: number, what: Field): Uint8Array {
  return concat([double(Event.wallTime, at / 1000), integer(Event.step, step), what]);
}

function double(number: number, value: number): Field {
  return concat([Uint8Array.of((number << 3) | 1), new Uint8Array(Float64Array.of(value).buffer)]);
}

/** Length, its checksum, data, its checksum. */
function record(data: Uint8Array): Uint8Array {
  const length = new Uint8Array(8);
  new DataView(length.buffer).setUint32(0, data.length, true);
  return concat([length, checksum(length), data, checksum(data)]);
}

function checksum(bytes: Uint8Array): Uint8Array {
  const crc = crc32c(bytes);
  const masked = (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
  const out = new Uint8Array(4);
  new DataView(out.buffer).setUint32(0, masked, true);
  return out;
}

const table = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  return crc;
});

export function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = (crc >>> 8) ^ table[(crc ^ byte) & 0xff]!;
  return (crc ^ 0xffffffff) >>> 0;
}
