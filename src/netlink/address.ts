// Addresses of links (rtnetlink(7), RTM_NEWADDR; linux/if_addr.h).

import { attr, attrs } from "#codec/attrs.ts";
import type { Infer } from "#codec/codec.ts";
import { cstring, u8, u32 } from "#codec/scalar.ts";
import { struct } from "#codec/struct.ts";
import { addressOf, familyOfCidr, type IfAddr, joinIfAddr, lengthOf } from "#net/cidr.ts";
import { familyOf, type Ip, ipFromBigint, ipToBigint } from "#net/ip.ts";
import { family, ipField } from "./address-field.ts";
import type { Connection } from "./connection.ts";
import { Flag, makeRequest, type Request } from "./message.ts";

export const AddressType = { new: 20, del: 21, get: 22 } as const;

/** IFA_F_ flags. */
export const AddressFlag = {
  noDad: 0x02,
  dadFailed: 0x08,
  tentative: 0x40,
  permanent: 0x80,
  noPrefixRoute: 0x200,
} as const;

const header = struct({ family, prefixLength: u8, flags: u8, scope: u8, index: u32 });
const addressAttrs = attrs({
  address: attr(1, ipField),
  local: attr(2, ipField),
  label: attr(3, cstring),
  broadcast: attr(4, ipField),
  flags: attr(8, u32),
  priority: attr(9, u32),
});

export const addressMessage = struct({ header, attrs: addressAttrs });
type AddressMessage = Infer<typeof addressMessage>;

export type LinkAddress = {
  readonly index: number;
  readonly address: IfAddr;
  /** The far end of a point-to-point address. */
  readonly peer: Ip | undefined;
  readonly scope: number;
  /** `AddressFlag`s. */
  readonly flags: number;
};

export type AddressOptions = {
  readonly dev?: string;
  /** Skips duplicate address detection: the address works at once. IPv6 only. */
  readonly noDad?: boolean;
  readonly noPrefixRoute?: boolean;
  readonly allow?: readonly string[];
};

/** Fails with EEXIST when the link has the address, unless `allow` has that. */
export function addAddress(index: number, address: IfAddr, options: AddressOptions = {}): Request {
  return request(AddressType.new, Flag.create | Flag.exclusive, "add", index, address, options);
}

/** That the link or the address is gone is no error. */
export function removeAddress(index: number, address: IfAddr, options: AddressOptions = {}): Request {
  const allow = ["EADDRNOTAVAIL", "ENODEV", ...(options.allow ?? [])];
  return request(AddressType.del, 0, "remove", index, address, { ...options, allow });
}

/** All addresses, or those of one link. */
export function listAddresses(connection: Connection, index = 0): readonly LinkAddress[] {
  const body: AddressMessage = { header: { family: "unspec", prefixLength: 0, flags: 0, scope: 0, index }, attrs: {} };
  const found = connection.dump(
    makeRequest(addressMessage, body, { type: AddressType.get, flags: 0, text: "list addresses" }),
    (reader) => toAddress(addressMessage.decode(reader)),
  );
  return found.filter((address) => address !== undefined);
}

/** Undefined for a message without an address. */
export function toAddress({ header, attrs }: AddressMessage): LinkAddress | undefined {
  const address = attrs.local ?? attrs.address;
  if (address === undefined) return undefined;
  return {
    index: header.index,
    address: joinIfAddr(address, header.prefixLength),
    peer: attrs.address === address ? undefined : attrs.address,
    scope: header.scope,
    flags: attrs.flags ?? header.flags,
  };
}

function request(
  type: number,
  flags: number,
  verb: string,
  index: number,
  address: IfAddr,
  options: AddressOptions,
): Request {
  const local = addressOf(address);
  const length = lengthOf(address);
  const bits = (options.noDad ? AddressFlag.noDad : 0) | (options.noPrefixRoute ? AddressFlag.noPrefixRoute : 0);
  // As ip-address(8) and the reference do: IPv4 subnets get their broadcast address.
  const broadcast = familyOf(local) === "ipv4" && length < 31 && verb === "add" ? broadcastOf(address) : undefined;
  return makeRequest(
    addressMessage,
    {
      header: { family: familyOfCidr(address), prefixLength: length, flags: 0, scope: 0, index },
      attrs: { address: local, local, broadcast, ...(bits === 0 ? {} : { flags: bits }) },
    },
    { type, flags, text: `${verb} address ${address} dev ${options.dev ?? `#${index}`}`, allow: options.allow },
  );
}

function broadcastOf(address: IfAddr): Ip {
  const hostMask = (1n << BigInt(32 - lengthOf(address))) - 1n;
  return ipFromBigint(ipToBigint(addressOf(address)) | hostMask, "ipv4");
}
