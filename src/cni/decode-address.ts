// Decoders for the addresses that CNI configurations and results carry as strings.

import { type Cidr, type IfAddr, networkOf, parseIfAddr } from "#net/cidr.ts";
import { type Ip, parseIp } from "#net/ip.ts";
import { type Mac, parseMac } from "#net/mac.ts";
import { type Decoder, map, refine, text } from "./decode.ts";

const mapped = "::ffff:";

/** IPv4-mapped addresses become IPv4: Go holds both in one type, and so do the plugins written in it. */
export const ip: Decoder<Ip> = text("an IP address", (value) => {
  const address = parseIp(value);
  if (address === undefined || !address.startsWith(mapped)) return address;
  return parseIp(address.slice(mapped.length)) ?? address;
});

/** An address with its prefix length. */
export const ifAddr: Decoder<IfAddr> = text("an address with a prefix length, like 10.1.2.3/24", parseIfAddr);

/** A block whose host bits may be set; they are cleared, as the kernel's route lookup would. */
export const maskedCidr: Decoder<Cidr> = map(text("an address block, like 10.1.0.0/16", parseIfAddr), (address) =>
  networkOf(address),
);

/** A block with its host bits zero. */
export const cidr: Decoder<Cidr> = map(
  refine(
    text("an address block, like 10.1.0.0/16", parseIfAddr),
    "an address block without host bits, like 10.1.0.0/16",
    (address) => networkOf(address) === (address as string),
  ),
  (address) => networkOf(address),
);

export const mac: Decoder<Mac> = text("a hardware address like 02:42:ac:11:00:02", parseMac);
