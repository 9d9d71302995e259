// Routes that say through which tunnel a packet goes (linux/lwtunnel.h): an IP tunnel's end, for a device without one of its own.

import { attr, attrs } from "#codec/attrs.ts";
import { decode, encode } from "#codec/codec.ts";
import { fixed } from "#codec/scalar.ts";
import { familyOf, type Ip } from "#net/ip.ts";
import { ipField } from "./address-field.ts";

/** The tunnel's far end, and the number that tells networks apart in it. */
export type IpEncap = { readonly id: number; readonly dst: Ip };

/** LWTUNNEL_ENCAP_ */
const encapIp = 2;
const encapIp6 = 4;
const idBytes = 8;

/** LWTUNNEL_IP_ and LWTUNNEL_IP6_: the same numbers. The identifier is 64 bits in network byte order. */
const ipEncap = attrs({ id: attr(1, fixed(idBytes)), dst: attr(2, ipField) });

/** What `Route.encap` carries. */
export function toEncap({ id, dst }: IpEncap): { readonly type: number; readonly bytes: Uint8Array } {
  const bytes = new Uint8Array(idBytes);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(id));
  return { type: familyOf(dst) === "ipv4" ? encapIp : encapIp6, bytes: encode(ipEncap, { id: bytes, dst }) };
}

/** The tunnel of a route; undefined for another kind of encapsulation. The kernel tells more than was asked for. */
export function fromEncap(encap: { readonly type: number; readonly bytes: Uint8Array }): IpEncap | undefined {
  if (encap.type !== encapIp && encap.type !== encapIp6) return undefined;
  const { id, dst } = decode(ipEncap, encap.bytes, "encap");
  if (id === undefined || dst === undefined) return undefined;
  return { id: Number(new DataView(id.buffer, id.byteOffset, idBytes).getBigUint64(0)), dst };
}
