/**
 * Values with typed arrays as bytes, for hosts that can't hand them over as they are.
 * Layout: length of the JSON (u32, little endian), the JSON, then each array at the next multiple of 8. In the JSON an array is
 * `{"$array": [type, offset behind the JSON, length]}`, with `true` behind it where all values are the one that lies there. Runs in a browser too.
 */
const TYPES = { Int32Array, Uint32Array, Uint8Array, Float32Array, Float64Array } as const;
type TypeName = keyof typeof TYPES;
type Typed = InstanceType<(typeof TYPES)[TypeName]>;

const align = (size: number): number => Math.ceil(size / 8) * 8;

export function encode(value: unknown): Uint8Array<ArrayBuffer> {
  const arrays: { bytes: Uint8Array; offset: number }[] = [];
  let size = 0;
  const json = new TextEncoder().encode(JSON.stringify(value, (_key, part: unknown) => {
    const name = Object.prototype.toString.call(part).slice(8, -1) as TypeName;
    if (!Object.hasOwn(TYPES, name)) return part;
    const array = part as Typed;
    const even = array.length > 1 && isEven(array);
    const byteLength = even ? array.BYTES_PER_ELEMENT : array.byteLength;
    arrays.push({ bytes: new Uint8Array(array.buffer, array.byteOffset, byteLength), offset: size });
    const place = { $array: [name, size, array.length, ...(even ? [true] : [])] };
    size = align(size + byteLength);
    return place;
  }) ?? 'null');
  const head = align(4 + json.length);
  const whole = new Uint8Array(head + size);
  new DataView(whole.buffer).setUint32(0, json.length, true);
  whole.set(json, 4);
  for (const { bytes, offset } of arrays) whole.set(bytes, head + offset);
  return whole;
}

/** What a run does not tell is missing for every token: such a column need not travel. */
function isEven(array: Typed): boolean {
  const [first] = array;
  for (const value of array) if (!Object.is(value, first)) return false;
  return true;
}

/** Arrays are views into `bytes` where those lie as they should, copies otherwise. */
export function decode(bytes: Uint8Array): unknown {
  const { buffer, byteOffset } = bytes.byteOffset % 8 === 0 ? bytes : bytes.slice();
  const length = new DataView(buffer, byteOffset).getUint32(0, true);
  const head = byteOffset + align(4 + length);
  return JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, byteOffset + 4, length)), (_key, part: unknown) => {
    if (typeof part !== 'object' || part === null || !('$array' in part)) return part;
    const [name, offset, count, even = false] = part.$array as [TypeName, number, number, true?];
    const array = new TYPES[name](buffer as ArrayBuffer, head + offset, even ? 1 : count);
    return even ? new TYPES[name](count).fill(array[0]!) : array;
  });
}
