// A DHCPv6 message between client and server (RFC 8415, section 8).

import type { Codec } from "#codec/codec.ts";
import { named, u8, u16be } from "#codec/scalar.ts";
import { struct } from "#codec/struct.ts";
import { type OptionList, optionList } from "./option-list.ts";

/** RFC 8415, section 7.3: those of clients and servers; relays have messages of another form. */
export const messageTypes = {
  solicit: 1,
  advertise: 2,
  request: 3,
  confirm: 4,
  renew: 5,
  rebind: 6,
  reply: 7,
  release: 8,
  decline: 9,
  reconfigure: 10,
  informationRequest: 11,
} as const;

export type MessageType = keyof typeof messageTypes;

export type Message = {
  readonly type: MessageType | number;
  /** Ties an answer to its question; 24 bits. */
  readonly xid: number;
  readonly options: OptionList;
};

/*
 * +---------+-----------------------+
 * | type: 8 | transaction id: 24    |
 * +---------+-----------------------+
 * | options                         |
 * +---------------------------------+
 */
const header = struct({ type: named(u8, messageTypes), xidHigh: u8, xidLow: u16be });

export const message: Codec<Message> = {
  encode(writer, { type, xid, options }) {
    header.encode(writer, { type, xidHigh: xid >>> 16, xidLow: xid & 0xffff });
    optionList.encode(writer, options);
  },
  decode(reader) {
    const { type, xidHigh, xidLow } = header.decode(reader);
    return { type, xid: (xidHigh << 16) | xidLow, options: optionList.decode(reader) };
  },
};
