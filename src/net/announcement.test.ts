// Announcements, byte by byte.

import { expect, test } from "bun:test";
import { hex, toHex } from "#test/hex.ts";
import { announcement } from "./announcement.ts";
import { ip } from "./ip.ts";
import { mac } from "./mac.ts";

const own = mac("02:00:00:00:00:0a");

test("an IPv4 address is announced by an ARP request for itself", () => {
  expect(toHex(announcement(ip("192.0.2.50"), own))).toBe(
    toHex(
      hex(`ffffffffffff 02000000000a 0806 # to all
        0001 0800 06 04 0001        # Ethernet, IPv4, request
        02000000000a c0000232       # sender
        000000000000 c0000232       # target`),
    ),
  );
});

test("an IPv6 address is announced by an advertisement that overrides", () => {
  expect(toHex(announcement(ip("fd02::50"), own))).toBe(
    toHex(
      hex(`333300000001 02000000000a 86dd
        60000000 0020 3a ff # 32 bytes of ICMPv6, hop limit 255
        fd020000000000000000000000000050 ff020000000000000000000000000001
        88 00 59f0 20000000 # advertisement, override
        fd020000000000000000000000000050
        02 01 02000000000a  # target's link-layer address`),
    ),
  );
});
