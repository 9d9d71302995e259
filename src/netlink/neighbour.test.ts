// Neighbours and forwarding entries as values, as bytes and as text.
import { describe, expect, test } from "bun:test";
import { Reader } from "#codec/codec.ts";
import { ip } from "#net/ip.ts";
import { mac } from "#net/mac.ts";
import { hex, toHex } from "#test/hex.ts";
import { addFdbEntry, type FdbEntry, readFdbEntry, removeFdbEntry } from "./fdb.ts";
import { addNeighbour, type Neighbour, readNeighbour, removeNeighbour } from "./neighbour.ts";

const macA = mac("02:00:00:00:00:0a");
/** NDA_LLADDR with its padding. */
const lladdr = "0a00 0200 02000000 000a0000";

const neighbours: readonly (readonly [Neighbour & { readonly mac: typeof macA }, text: string, bytes: string])[] = [
  [
    { ifindex: 10, address: ip("10.0.0.9"), mac: macA, state: "permanent" },
    "10.0.0.9 lladdr 02:00:00:00:00:0a dev #10",
    `02000000 0a000000 8000 00 00 # family, ifindex, state, flags, type
     0800 0100 0a000009           # NDA_DST
     ${lladdr}`,
  ],
  [
    { ifindex: 10, address: ip("fd00::9"), mac: macA, state: "stale", router: true },
    "fd00::9 lladdr 02:00:00:00:00:0a dev #10",
    `0a000000 0a000000 0400 80 00
     1400 0100 fd000000 00000000 00000000 00000009
     ${lladdr}`,
  ],
];

const entries: readonly (readonly [FdbEntry, text: string, bytes: string])[] = [
  [
    { ifindex: 13, mac: macA, table: "self", state: "permanent", dst: ip("10.0.0.8"), port: 8472, vni: 9 },
    "02:00:00:00:00:0a dev #13 self dst 10.0.0.8 vni 9",
    `07000000 0d000000 8000 02 00 # NTF_SELF
     0800 0100 0a000008
     ${lladdr}
     0600 0600 21180000           # NDA_PORT, network order
     0800 0700 09000000           # NDA_VNI`,
  ],
  [
    { ifindex: 11, mac: macA, table: "master", state: "noarp", vlan: 42 },
    "02:00:00:00:00:0a dev #11 master vlan 42",
    `07000000 0b000000 4000 04 00 # NTF_MASTER
     ${lladdr}
     0600 0500 2a000000           # NDA_VLAN`,
  ],
];

describe("a neighbour", () => {
  for (const [neighbour, text, bytes] of neighbours) {
    test(`"${text}" is the same as bytes`, () => {
      const request = addNeighbour(neighbour);
      expect(request.text).toBe(`add neighbour ${text}`);
      expect(toHex(request.body)).toBe(toHex(hex(bytes)));
      expect(readNeighbour(new Reader(hex(bytes)))).toEqual(neighbour);
    });
  }

  test("is removed by its address alone", () => {
    const request = removeNeighbour({ ifindex: 10, address: ip("10.0.0.9") });
    expect(toHex(request.body)).toBe(toHex(hex("02000000 0a000000 00000000 0800 0100 0a000009")));
  });

  test("has no hardware address while the kernel looks for it, or when it is none of Ethernet", () => {
    const searched = "02000000 0a000000 01000000 0800 0100 0a000009";
    const wanted: Neighbour = { ifindex: 10, address: ip("10.0.0.9"), state: "incomplete" };
    expect(readNeighbour(new Reader(hex(searched)))).toEqual(wanted);
    expect(readNeighbour(new Reader(hex(`${searched} 0800 0200 0a000001`)))).toEqual(wanted);
  });

  test("is none of a bridge", () => {
    for (const [, , bytes] of entries) expect(readNeighbour(new Reader(hex(bytes)))).toBeUndefined();
  });
});

describe("a forwarding entry", () => {
  for (const [entry, text, bytes] of entries) {
    test(`"${text}" is the same as bytes`, () => {
      const request = addFdbEntry(entry);
      expect(request.text).toBe(`add forwarding entry ${text}`);
      expect(toHex(request.body)).toBe(toHex(hex(bytes)));
      expect(readFdbEntry(new Reader(hex(bytes)))).toEqual(entry);
      expect(removeFdbEntry(entry).text).toBe(`remove forwarding entry ${text}`);
    });
  }

  test("is none of an IP neighbour", () => {
    for (const [, , bytes] of neighbours) expect(readFdbEntry(new Reader(hex(bytes)))).toBeUndefined();
  });
});
