// A DHCPv4 message (RFC 2131, section 2).

import { type Codec, encode, Reader } from "#codec/codec.ts";
import { fixed, named, u8, u16be, u32be } from "#codec/scalar.ts";
import { struct } from "#codec/struct.ts";
import { type Ip, ip } from "#net/ip.ts";
import { type Mac, macBytes, macFromBytes } from "#net/mac.ts";
import { ipv4Field } from "#net/udp-frame.ts";
import { type OptionList, optionList, readOptions } from "./option-list.ts";

export type Message = {
  readonly op: "request" | "reply" | number;
  /** Ties an answer to its question. */
  readonly xid: number;
  /** Since the client began. */
  readonly seconds: number;
  /** The client asks for answers to the broadcast address. */
  readonly broadcast: boolean;
  readonly ciaddr: Ip;
  readonly yiaddr: Ip;
  readonly siaddr: Ip;
  readonly giaddr: Ip;
  readonly chaddr: Mac;
  readonly options: OptionList;
};

export const unspecified: Ip = ip("0.0.0.0");

/*
 * +----+-------+------+------+------------------+-----------------+
 * | op | htype | hlen | hops |       xid        |   secs, flags   |
 * +----+-------+------+------+------------------+-----------------+
 * |    ciaddr, yiaddr, siaddr, giaddr: 4 bytes each               |
 * |    chaddr: 16 bytes; sname: 64 bytes; file: 128 bytes         |
 * |    cookie 99.130.83.99, options                               |
 * +---------------------------------------------------------------+
 */
const header = struct({
  op: named(u8, { request: 1, reply: 2 }),
  htype: u8,
  hlen: u8,
  hops: u8,
  xid: u32be,
  seconds: u16be,
  flags: u16be,
  ciaddr: ipv4Field,
  yiaddr: ipv4Field,
  siaddr: ipv4Field,
  giaddr: ipv4Field,
  chaddr: fixed(16),
  sname: fixed(64),
  file: fixed(128),
  cookie: u32be,
});

const ethernet = 1;
const macSize = 6;
const cookie = 0x63825363;
const broadcastFlag = 0x8000;
const optionOverload = 52;
/** RFC 1542, section 2.1: some relays drop what is shorter. */
const minMessageBytes = 300;

export const message: Codec<Message> = {
  encode(writer, value) {
    const start = writer.length;
    const chaddr = new Uint8Array(16);
    chaddr.set(macBytes(value.chaddr));
    header.encode(writer, {
      ...value,
      htype: ethernet,
      hlen: macSize,
      hops: 0,
      flags: value.broadcast ? broadcastFlag : 0,
      chaddr,
      sname: new Uint8Array(64),
      file: new Uint8Array(128),
      cookie,
    });
    optionList.encode(writer, value.options);
    writer.reserve(Math.max(0, minMessageBytes - (writer.length - start)));
  },
  decode(reader) {
    const { op, htype, hlen, xid, seconds, flags, ciaddr, yiaddr, siaddr, giaddr, ...rest } = header.decode(reader);
    if (rest.cookie !== cookie) reader.fail(`the magic cookie is 0x${rest.cookie.toString(16)}: this is plain BOOTP`);
    if (htype !== ethernet || hlen !== macSize) reader.fail(`hardware type ${htype} of ${hlen} bytes is not Ethernet`);
    const options = new Map(optionList.decode(reader));
    // RFC 2131, section 4.1: options go on in "file", then in "sname".
    const overload = options.get(optionOverload)?.[0] ?? 0;
    options.delete(optionOverload);
    if ((overload & 1) !== 0) readOptions(new Reader(rest.file, 0, rest.file.length, "file"), options);
    if ((overload & 2) !== 0) readOptions(new Reader(rest.sname, 0, rest.sname.length, "sname"), options);
    const chaddr = macFromBytes(rest.chaddr.subarray(0, macSize));
    const broadcast = (flags & broadcastFlag) !== 0;
    return { op, xid, seconds, broadcast, ciaddr, yiaddr, siaddr, giaddr, chaddr, options };
  },
};

export function encodeMessage(value: Message): Uint8Array {
  return encode(message, value);
}
