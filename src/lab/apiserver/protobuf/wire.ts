// The wire form of protobuf messages: numbered fields, each a number or a run of bytes.

/** One field as it stands on the wire; `bits` of a fixed-width number are read as unsigned. */
export type WireValue = { readonly number: number } & (
  | { readonly kind: "number"; readonly bits: bigint }
  | { readonly kind: "bytes"; readonly bytes: Uint8Array }
);

/** The fields of a message in their order. Throws RangeError when the bytes end too early or are no message. */
export function readMessage(bytes: Uint8Array): readonly WireValue[] {
  const fields: WireValue[] = [];
  for (let at = 0; at < bytes.length; ) {
    const tag = readVarint(bytes, at);
    const number = Number(tag.value >> 3n);
    const field = readValue(bytes, tag.end, Number(tag.value & 7n), number);
    if (number === 0) throw new RangeError(`field number 0 at byte ${at}`);
    fields.push(field.value);
    at = field.end;
  }
  return fields;
}

type Read<T> = { readonly value: T; readonly end: number };

function readValue(bytes: Uint8Array, at: number, type: number, number: number): Read<WireValue> {
  switch (type) {
    case 0: {
      const { value: bits, end } = readVarint(bytes, at);
      return { value: { number, kind: "number", bits }, end };
    }
    case 1:
    case 5: {
      const size = type === 1 ? 8 : 4;
      const view = take(bytes, at, size);
      const bits = view.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
      return { value: { number, kind: "number", bits }, end: at + size };
    }
    case 2: {
      const length = readVarint(bytes, at);
      const size = Number(length.value);
      return { value: { number, kind: "bytes", bytes: take(bytes, length.end, size) }, end: length.end + size };
    }
    default:
      throw new RangeError(`field ${number} has the unknown wire type ${type}`);
  }
}

function take(bytes: Uint8Array, at: number, size: number): Uint8Array {
  if (size > bytes.length - at) throw new RangeError(`byte ${at} needs ${size} more, ${bytes.length - at} are left`);
  return bytes.subarray(at, at + size);
}

/** Numbers of up to 64 bits, seven of them a byte. */
export function readVarint(bytes: Uint8Array, at: number): Read<bigint> {
  let value = 0n;
  for (let index = 0; index < 10; index++) {
    const byte = bytes[at + index];
    if (byte === undefined) throw new RangeError(`a number at byte ${at} has no end`);
    value |= BigInt(byte & 0x7f) << BigInt(7 * index);
    if (byte < 0x80) return { value: BigInt.asUintN(64, value), end: at + index + 1 };
  }
  throw new RangeError(`a number at byte ${at} has more than 64 bits`);
}

/** A signed number: protobuf sends negative ones with all 64 bits. */
export function signed(bits: bigint): number {
  return Number(BigInt.asIntN(64, bits));
}
