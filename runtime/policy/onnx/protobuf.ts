/** Just enough of protobuf's wire format to read and write a few ONNX messages. */

export type Field = Uint8Array;

export function message(number: number, ...fields: Field[]): Field {
  const length = fields.reduce((sum, field) => sum + field.length, 0);
  return concat([varint((number << 3) | 2), varint(length), ...fields]);
}

export function text(number: number, value: string): Field {
  return message(number, new TextEncoder().encode(value));
}

export function integer(number: number, value: number): Field {
  return concat([varint(number << 3), varint(value)]);
}

export function float(number: number, value: number): Field {
  return concat([varint((number << 3) | 5), new Uint8Array(Float32Array.of(value).buffer)]);
}

export function concat(parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Uint8Array.from([...bytes, rest]);
    bytes.push((rest % 128) | 128);
  }
}

/** A field as it was read: its number, its value, and the bytes it came from, tag included. */
export interface ReadField {
  number: number;
  /** Of an integer. Large ones lose their last digits. */
  integer: number;
  /** Of a message, a text or a number of fixed width. */
  bytes: Uint8Array;
  raw: Field;
}

export function* readFields(bytes: Uint8Array): Generator<ReadField> {
  let at = 0;
  const readVarint = (): number => {
    for (let value = 0, scale = 1; ; scale *= 128) {
      const byte = bytes[at++];
      if (byte === undefined) throw new RangeError('the file ends within a field');
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  };
  while (at < bytes.length) {
    const start = at;
    const tag = readVarint();
    const wire = tag & 7;
    const value = wire === 0 || wire === 2 ? readVarint() : 0;
    const length = wire === 2 ? value : wire === 1 ? 8 : wire === 5 ? 4 : 0;
    if (wire > 5 || wire === 3 || wire === 4 || at + length > bytes.length) throw new RangeError('this is not a protobuf file');
    at += length;
    yield { number: tag >>> 3, integer: wire === 0 ? value : 0, bytes: bytes.subarray(at - length, at), raw: bytes.subarray(start, at) };
  }
}
