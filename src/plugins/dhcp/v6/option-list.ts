// The options field of a DHCPv6 message, and of options that hold options (RFC 8415, section 21.1).

import { type Codec, decode, encode } from "#codec/codec.ts";
import { u16be } from "#codec/scalar.ts";

/** Unlike in DHCPv4 the order is kept, and a code may come more than once: an IA_NA holds a list of IAADDRs. */
export type OptionList = readonly RawOption[];
export type RawOption = readonly [code: number, bytes: Uint8Array];

export type Option<T> = { readonly code: number; readonly codec: Codec<T> };

/*
 * +-------------+-------------+----------------------+
 * | code: 16    | length: 16  | as many bytes        |
 * +-------------+-------------+----------------------+
 */
export const optionList: Codec<OptionList> = {
  encode(writer, options) {
    for (const [code, bytes] of options) {
      u16be.encode(writer, code);
      u16be.encode(writer, bytes.length);
      writer.append(bytes);
    }
  },
  decode(reader) {
    const options: RawOption[] = [];
    while (reader.left > 0) {
      const code = u16be.decode(reader);
      const bytes = reader.sub(u16be.decode(reader), `option ${code}`);
      options.push([code, bytes.copy(bytes.left)]);
    }
    return options;
  },
};

/** The first of that kind; undefined when there is none. @throws DecodeError when its bytes do not follow the format. */
export function readOption<T>(options: OptionList, { code, codec }: Option<T>): T | undefined {
  const found = options.find(([number]) => number === code);
  return found === undefined ? undefined : decode(codec, found[1], `option ${code}`);
}

/** All of that kind, in their order. @throws DecodeError */
export function readOptions<T>(options: OptionList, { code, codec }: Option<T>): readonly T[] {
  return options.filter(([number]) => number === code).map(([, bytes]) => decode(codec, bytes, `option ${code}`));
}

export function writeOption<T>({ code, codec }: Option<T>, value: T): RawOption {
  return [code, encode(codec, value)];
}
