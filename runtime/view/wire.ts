/**
 * Values with typed arrays as bytes, for hosts that can't hand them over as they are.
 * Layout: length of the JSON (u32, little endian), the JSON, then each array at the next multiple of 8. In the JSON an array is
 * `{"$array": [type, offset behind the JSON, length]}`; one that has few runs of one value, as columns often do, is
 * `{"$runs": [type, offset of the values, offset of where they end, runs, length]}`. Runs in a browser too.
 */
const TYPES = { Int32Array, Uint32Array, Uint8Array, Float32Array, Float64Array } as const;
type TypeName = keyof typeof TYPES;
type Typed = InstanceType<(typeof TYPES)[TypeName]>;

/** Shorter than that, or with more runs than one in so many values, an array travels as it is. */
const WORTH = 16;

const align = (size: number): number => Math.ceil(size / 8) * 8;

export function encode(value: unknown): Uint8Array<ArrayBuffer> {
  const arrays: { bytes: Uint8Array; offset: number }[] = [];
  let size = 0;
  const place = ({ buffer, byteOffset, byteLength }: Typed): number => {
    const offset = size;
    arrays.push({ bytes: new Uint8Array(buffer, byteOffset, byteLength), offset });
    size = align(size + byteLength);
    return offset;
  };
  const json = new TextEncoder().encode(JSON.stringify(value, (_key, part: unknown) => {
    const name = Object.prototype.toString.call(part).slice(8, -1) as TypeName;
    if (!Object.hasOwn(TYPES, name)) return part;
    const array = part as Typed;
    const ends = endsOfRuns(array);
    if (ends === undefined) return { $array: [name, place(array), array.length] };
    const values = new TYPES[name](ends.length);
    ends.forEach((end, run) => (values[run] = array[end - 1]!));
    return { $runs: [name, place(values), place(ends), ends.length, array.length] };
  }) ?? 'null');
  const head = align(4 + json.length);
  const whole = new Uint8Array(head + size);
  new DataView(whole.buffer).setUint32(0, json.length, true);
  whole.set(json, 4);
  for (const { bytes, offset } of arrays) whole.set(bytes, head + offset);
  return whole;
}

/** Undefined: there are too many. */
function endsOfRuns(array: Typed): Uint32Array<ArrayBuffer> | undefined {
  const most = Math.floor(array.length / WORTH);
  const ends: number[] = [];
  for (let end = 1; end <= array.length; end++) {
    if (end < array.length && Object.is(array[end], array[end - 1])) continue;
    if (ends.push(end) > most) return undefined;
  }
  return array.length === 0 ? undefined : Uint32Array.from(ends);
}

/** Arrays are views into `bytes` where those lie as they should, copies otherwise. */
export function decode(bytes: Uint8Array): unknown {
  const { buffer, byteOffset } = bytes.byteOffset % 8 === 0 ? bytes : bytes.slice();
  const length = new DataView(buffer, byteOffset).getUint32(0, true);
  const head = byteOffset + align(4 + length);
  const at = (name: TypeName, offset: number, count: number): Typed => new TYPES[name](buffer as ArrayBuffer, head + offset, count);
  return JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, byteOffset + 4, length)), (_key, part: unknown) => {
    if (typeof part !== 'object' || part === null) return part;
    if ('$array' in part) return at(...part.$array as [TypeName, number, number]);
    if (!('$runs' in part)) return part;
    const [name, values, ends, runs, count] = part.$runs as [TypeName, number, number, number, number];
    const array = new TYPES[name](count);
    const value = at(name, values, runs);
    at('Uint32Array', ends, runs).forEach((end, i, all) => array.fill(value[i]!, all[i - 1] ?? 0, end));
    return array;
  });
}
