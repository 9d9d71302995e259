// DER (ITU-T X.690) as far as certificates need it: values to bytes.

const Tag = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  objectId: 0x06,
  utf8: 0x0c,
  sequence: 0x30,
  set: 0x31,
  utcTime: 0x17,
  generalizedTime: 0x18,
} as const;

/** Tag, length, content (X.690 8.1). */
export function der(tag: number, ...contents: readonly Uint8Array[]): Uint8Array {
  const content = Buffer.concat(contents);
  return Buffer.concat([Uint8Array.of(tag), length(content.length), content]);
}

function length(value: number): Uint8Array {
  if (value < 0x80) return Uint8Array.of(value);
  const hex = value.toString(16);
  const bytes = Uint8Array.fromHex(hex.padStart(hex.length + (hex.length % 2), "0"));
  return Buffer.concat([Uint8Array.of(0x80 | bytes.length), bytes]);
}

export function sequence(...contents: readonly Uint8Array[]): Uint8Array {
  return der(Tag.sequence, ...contents);
}

/** SET OF with the elements in the order that DER asks for (X.690 11.6). */
export function setOf(...contents: readonly Uint8Array[]): Uint8Array {
  return der(Tag.set, ...contents.toSorted(Buffer.compare));
}

export function boolean(value: boolean): Uint8Array {
  return der(Tag.boolean, Uint8Array.of(value ? 0xff : 0));
}

/** A number that is not negative, from its bytes, the highest first. */
export function integer(bytes: Uint8Array): Uint8Array {
  const first = bytes.findIndex((byte) => byte !== 0);
  const digits = first < 0 ? Uint8Array.of(0) : bytes.subarray(first);
  // The highest bit is the sign.
  return der(Tag.integer, (digits[0] ?? 0) > 0x7f ? Uint8Array.of(0) : new Uint8Array(), digits);
}

export function bitString(bytes: Uint8Array, unusedBits = 0): Uint8Array {
  return der(Tag.bitString, Uint8Array.of(unusedBits), bytes);
}

export function octetString(bytes: Uint8Array): Uint8Array {
  return der(Tag.octetString, bytes);
}

export function utf8(text: string): Uint8Array {
  return der(Tag.utf8, Buffer.from(text));
}

/** `2.5.4.3` (X.690 8.19). */
export function objectId(text: string): Uint8Array {
  const [first = 0, second = 0, ...rest] = text.split(".").map(Number);
  return der(Tag.objectId, Uint8Array.from([first * 40 + second, ...rest].flatMap(base128)));
}

function base128(value: number): number[] {
  const digits = [value & 0x7f];
  for (let rest = value >>> 7; rest > 0; rest >>>= 7) digits.unshift((rest & 0x7f) | 0x80);
  return digits;
}

/** UTCTime until 2049, GeneralizedTime after (RFC 5280, 4.1.2.5). */
export function time(ms: number): Uint8Array {
  const text = `${new Date(ms).toISOString().slice(0, 19).replaceAll(/[-T:]/g, "")}Z`;
  return text < "2050" ? der(Tag.utcTime, Buffer.from(text.slice(2))) : der(Tag.generalizedTime, Buffer.from(text));
}

/** `[n]` around a whole value, or in place of its tag. */
export function explicit(n: number, content: Uint8Array): Uint8Array {
  return der(0xa0 | n, content);
}

export function implicit(n: number, content: Uint8Array): Uint8Array {
  return der(0x80 | n, content);
}
