// Which addresses are special, at the edges of their blocks.

import { expect, test } from "bun:test";
import { ip } from "./ip.ts";
import { specialKind } from "./special.ts";

const rows: Readonly<Record<string, string | undefined>> = {
  "0.0.0.0": "an unspecified address",
  "0.0.0.1": undefined,
  "10.0.0.1": undefined,
  "127.0.0.1": "a loopback address",
  "127.255.255.255": "a loopback address",
  "128.0.0.1": undefined,
  "169.254.169.254": "a link-local address",
  "169.253.0.1": undefined,
  "223.255.255.255": undefined,
  "224.0.0.1": "a multicast address",
  "239.255.255.255": "a multicast address",
  "240.0.0.1": undefined,
  "::": "an unspecified address",
  "::1": "a loopback address",
  "::2": undefined,
  "::ffff:127.0.0.1": "an IPv4 address in IPv6's form",
  "fe80::1": "a link-local address",
  "febf::1": "a link-local address",
  "fec0::1": undefined,
  "fe8::1": undefined,
  "fd00::1": undefined,
  "ff02::1": "a multicast address",
  "ff::1": undefined,
};

for (const [address, kind] of Object.entries(rows)) {
  test(`specialKind(${address}) is ${kind}`, () => expect(specialKind(ip(address))).toBe(kind));
}
