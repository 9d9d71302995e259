// Fixed sequences of named fields, as a C struct without hidden padding.

import type { Codec, Infer, Reader, Writer } from "./codec.ts";

type Fields = Readonly<Record<string, Codec<never>>>;
type StructOf<F> = { readonly [K in keyof F as Infer<F[K]> extends undefined ? never : K]: Infer<F[K]> };

/**
 * `struct({ family: u8, pad: padding(1), type: u16, index: i32 })`: fields in the order written. Padding fields do not
 * show in the value.
 */
export function struct<F extends Readonly<Record<string, unknown>>>(
  fields: F & { readonly [K in keyof F]: F[K] extends Codec<infer _> ? F[K] : never },
): Codec<StructOf<F>> {
  const entries = Object.entries(fields as unknown as Fields);
  return {
    encode(writer: Writer, value: StructOf<F>) {
      const record = value as Readonly<Record<string, never>>;
      for (const [name, codec] of entries) codec.encode(writer, record[name] as never);
    },
    decode(reader: Reader) {
      const out: Record<string, unknown> = {};
      for (const [name, codec] of entries) {
        const value: unknown = codec.decode(reader);
        if (value !== undefined) out[name] = value;
      }
      return out as StructOf<F>;
    },
  };
}
