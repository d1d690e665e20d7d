/** Just enough of protobuf's wire format to write a few ONNX messages. */

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
