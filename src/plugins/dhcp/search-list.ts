// The domain search list (option 119, RFC 3397): domain names as in DNS messages, with pointers back into the list.

import type { Codec, Reader } from "#codec/codec.ts";
import { u8 } from "#codec/scalar.ts";

const pointer = 0xc0;
const maxLabelBytes = 63;
/** RFC 1035, section 2.3.4. */
const maxNameBytes = 255;

const utf8 = new TextEncoder();
const utf8Decoder = new TextDecoder();

/** Names without a final dot. Written without compression, which is as valid. */
export const searchList: Codec<readonly string[]> = {
  encode(writer, names) {
    for (const name of names) {
      for (const label of name.split(".")) {
        const bytes = utf8.encode(label);
        if (bytes.length === 0 || bytes.length > maxLabelBytes) throw new RangeError(`"${name}" is no domain name`);
        u8.encode(writer, bytes.length);
        writer.append(bytes);
      }
      u8.encode(writer, 0);
    }
  },
  decode(reader) {
    const start = reader.offset;
    const names: string[] = [];
    while (reader.left > 0) {
      const name = readName(reader, start);
      if (name !== "") names.push(name);
    }
    return names;
  },
};

function readName(reader: Reader, start: number): string {
  const labels: string[] = [];
  let total = 0;
  // Where the name goes on after a pointer: each must point before the last one, so that the end is reached.
  let at: number | undefined;
  let limit = reader.offset;
  const byte = () => (at === undefined ? u8.decode(reader) : byteAt(reader, at++));
  for (;;) {
    const length = byte();
    if (length === 0) return labels.join(".");
    if ((length & pointer) === pointer) {
      const target = start + (((length & ~pointer) << 8) | byte());
      if (target >= limit) reader.fail(`a name points to byte ${target - start}, not to an earlier one`);
      at = target;
      limit = target;
      continue;
    }
    if (length > maxLabelBytes) reader.fail(`a label of ${length} bytes is over ${maxLabelBytes}`);
    total += length + 1;
    if (total > maxNameBytes) reader.fail(`a name is longer than ${maxNameBytes} bytes`);
    labels.push(utf8Decoder.decode(Uint8Array.from({ length }, byte)));
  }
}

function byteAt(reader: Reader, offset: number): number {
  if (offset >= reader.end) reader.fail("a name goes past the end of the list");
  return reader.view.getUint8(offset);
}
