// VLANs of bridge ports as values, as bytes and as text.
import { describe, expect, test } from "bun:test";
import { Reader } from "#codec/codec.ts";
import { hex, toHex } from "#test/hex.ts";
import {
  addPortVlan,
  type PortVlan,
  type PortVlanRange,
  readPort,
  removePortVlan,
  type VlanPort,
} from "./bridge-vlan.ts";

const rows: readonly (readonly [VlanPort, PortVlanRange, text: string, bytes: string, read: readonly PortVlan[]])[] = [
  [
    { ifindex: 10 },
    { vid: 42, pvid: true, untagged: true },
    "42 pvid untagged dev #10",
    `07000000 0a000000 00000000 00000000 # struct ifinfomsg of AF_BRIDGE
     0c00 1a80                           # IFLA_AF_SPEC
       0800 0200 0600 2a00               # IFLA_BRIDGE_VLAN_INFO: flags, vid`,
    [{ vid: 42, pvid: true, untagged: true }],
  ],
  [
    { ifindex: 12, self: true },
    { vid: 100, rangeEnd: 102 },
    "100-102 dev #12 self",
    `07000000 0c000000 00000000 00000000
     1c00 1a80
       0600 0000 02000000                # IFLA_BRIDGE_FLAGS: BRIDGE_FLAGS_SELF
       0800 0200 0800 6400               # BRIDGE_VLAN_INFO_RANGE_BEGIN
       0800 0200 1000 6600               # BRIDGE_VLAN_INFO_RANGE_END`,
    [{ vid: 100 }, { vid: 101 }, { vid: 102 }],
  ],
  [
    { ifindex: 10 },
    { vid: 7, rangeEnd: 7 },
    "7 dev #10",
    "07000000 0a000000 00000000 00000000 0c00 1a80 0800 0200 0000 0700",
    [{ vid: 7 }],
  ],
];

describe("a VLAN of a port", () => {
  for (const [port, vlan, text, bytes, read] of rows) {
    test(`"${text}" is the same as bytes`, () => {
      const request = addPortVlan(port, vlan);
      expect(request.text).toBe(`add vlan ${text}`);
      expect(toHex(request.body)).toBe(toHex(hex(bytes)));
      expect(removePortVlan(port, vlan).body).toEqual(request.body);
      expect(readPort(new Reader(hex(bytes)))).toEqual({ ifindex: port.ifindex, vlans: read });
    });
  }

  test("a link without VLANs has none", () => {
    expect(readPort(new Reader(hex("07000000 0a000000 00000000 00000000")))).toEqual({ ifindex: 10, vlans: [] });
  });

  const refused: readonly (readonly [PortVlanRange, why: string])[] = [
    [{ vid: 0 }, "A VLAN has a number from 1 to 4094, not 0"],
    [{ vid: 4095 }, "A VLAN has a number from 1 to 4094, not 4095"],
    [{ vid: 1.5 }, "A VLAN has a number from 1 to 4094, not 1.5"],
    [{ vid: 9, rangeEnd: 8 }, "The VLAN range 9-8 ends before it begins"],
    [{ vid: 8, rangeEnd: 9, pvid: true }, "A port has one pvid: the range 8-9 cannot be it"],
  ];
  for (const [vlan, why] of refused) {
    test(`refuses ${JSON.stringify(vlan)}`, () => {
      expect(() => addPortVlan({ ifindex: 10 }, vlan)).toThrow(why);
    });
  }
});
