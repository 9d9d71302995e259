// Writes protobuf messages: fields by number, each text, bytes, a number that is not negative, or a message.

export type Written = string | number | boolean | Uint8Array;

/** A message of fields in the order given; undefined ones are left out. */
export function writeMessage(fields: readonly (readonly [number: number, value: Written | undefined])[]): Uint8Array {
  const parts: Uint8Array[] = [];
  for (const [number, value] of fields) {
    if (value === undefined) continue;
    if (typeof value === "number" || typeof value === "boolean") {
      parts.push(writeVarint(number << 3), writeVarint(Number(value)));
    } else {
      const bytes = typeof value === "string" ? Buffer.from(value) : value;
      parts.push(writeVarint((number << 3) | 2), writeVarint(bytes.length), bytes);
    }
  }
  return Buffer.concat(parts);
}

function writeVarint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 0x7f; rest = Math.floor(rest / 0x80)) bytes.push((rest & 0x7f) | 0x80);
  return Uint8Array.from([...bytes, rest]);
}
