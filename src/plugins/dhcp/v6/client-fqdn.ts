// The Client FQDN option (RFC 4704, section 4): the name that a client goes by.

import type { Codec } from "#codec/codec.ts";
import { u8 } from "#codec/scalar.ts";

export type ClientFqdn = {
  /** 1: the server should make the name's AAAA record. */
  readonly flags: number;
  /** With a final dot when it is complete; without one the server adds its domain. */
  readonly name: string;
};

export const maxLabelBytes = 63;
const utf8 = new TextEncoder();
const utf8Decoder = new TextDecoder();

/** Labels, each after its length; only a complete name ends with the empty label (section 4.2). */
export const clientFqdn: Codec<ClientFqdn> = {
  encode(writer, { flags, name }) {
    u8.encode(writer, flags);
    for (const label of name === "" ? [] : name.split(".")) {
      const bytes = utf8.encode(label);
      if (bytes.length > maxLabelBytes) throw new RangeError(`"${label}" is longer than ${maxLabelBytes} bytes`);
      u8.encode(writer, bytes.length);
      writer.append(bytes);
    }
  },
  decode(reader) {
    const flags = u8.decode(reader);
    const labels: string[] = [];
    while (reader.left > 0) {
      const length = u8.decode(reader);
      if (length > maxLabelBytes) reader.fail(`a label of ${length} bytes is over ${maxLabelBytes}`);
      if (length === 0 && reader.left > 0) reader.fail("labels follow the end of the name");
      labels.push(utf8Decoder.decode(reader.copy(length)));
    }
    return { flags, name: labels.join(".") };
  },
};
