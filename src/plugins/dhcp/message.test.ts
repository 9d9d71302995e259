// DHCPv4 messages and options as rows of bytes.
import { describe, expect, test } from "bun:test";
import { type Codec, DecodeError, decode, encode } from "#codec/codec.ts";
import { cidr } from "#net/cidr.ts";
import { ip } from "#net/ip.ts";
import { mac } from "#net/mac.ts";
import { hex } from "#test/hex.ts";
import { classlessRoutes, staticRoutes } from "./classless-routes.ts";
import { encodeMessage, type Message, message, unspecified } from "./message.ts";
import { option, readOption, writeOption } from "./option.ts";
import { optionList } from "./option-list.ts";
import { searchList } from "./search-list.ts";

const discover: Message = {
  op: "request",
  xid: 0x3903f326,
  seconds: 1,
  broadcast: true,
  ciaddr: unspecified,
  yiaddr: unspecified,
  siaddr: unspecified,
  giaddr: ip("10.7.0.2"),
  chaddr: mac("02:00:00:00:00:17"),
  options: new Map([writeOption(option.messageType, "discover"), writeOption(option.hostName, "pod-1")]),
};
const discoverBytes = hex(`
  01 01 06 00 3903f326 0001 8000 00000000 00000000 00000000 0a070002
  020000000017 00000000000000000000
  ${"00".repeat(192)}
  63825363 35 01 01 0c 05 706f642d31 ff ${"00".repeat(300 - 240 - 11)}
`);

describe("a message", () => {
  test("has these bytes, both ways, and is never shorter than 300", () => {
    expect(encodeMessage(discover)).toEqual(discoverBytes);
    expect(decode(message, discoverBytes)).toEqual(discover);
  });

  test("goes on in file and sname when option 52 says so", () => {
    const bytes = new Uint8Array(discoverBytes);
    bytes.set(hex("34 01 03 ff"), 240);
    bytes.set(hex("03 04 0a070001 ff"), 108);
    bytes.set(hex("06 04 0a070005 ff"), 44);
    const { options } = decode(message, bytes);
    expect(readOption(options, option.routers)).toEqual([ip("10.7.0.1")]);
    expect(readOption(options, option.dnsServers)).toEqual([ip("10.7.0.5")]);
  });

  const spoilt: readonly (readonly [what: string, at: number, bytes: string, problem: string])[] = [
    ["without the cookie", 236, "00000000", "plain BOOTP"],
    ["of another hardware type", 1, "06", "hardware type 6"],
    ["with an option past its end", 240, "0c ff", "needs 255 bytes"],
  ];
  for (const [what, at, change, problem] of spoilt) {
    test(`${what} is refused`, () => {
      const bytes = new Uint8Array(discoverBytes);
      bytes.set(hex(change), at);
      expect(() => decode(message, bytes)).toThrow(problem);
    });
  }
});

type Row = {
  readonly what: string;
  readonly value: unknown;
  readonly bytes: Uint8Array;
  readonly read: (bytes: Uint8Array) => unknown;
  readonly write: () => Uint8Array;
};
function row<T>(what: string, codec: Codec<T>, value: T, bytes: string): Row {
  return {
    what: `${what} of ${bytes}`,
    value,
    bytes: hex(bytes),
    read: (input) => decode(codec, input),
    write: () => encode(codec, value),
  };
}

const routes = [
  { dst: cidr("0.0.0.0/0"), gw: ip("10.7.0.1") },
  { dst: cidr("10.0.0.0/8"), gw: ip("10.7.0.2") },
  { dst: cidr("10.229.0.128/25"), gw: ip("10.7.0.3") },
];
const rows: readonly Row[] = [
  // The destinations of RFC 3442, page 4.
  row("121", classlessRoutes, [routes[0], routes[1]] as never, "00 0a070001 08 0a 0a070002"),
  row("121", classlessRoutes, [routes[2]] as never, "19 0ae50080 0a070003"),
  row("33", staticRoutes, [{ dst: cidr("192.168.4.0/24"), gw: ip("10.7.0.1") }], "c0a80400 0a070001"),
  row("33", staticRoutes, [{ dst: cidr("10.0.0.0/8"), gw: ip("10.7.0.1") }], "0a000000 0a070001"),
  row("119", searchList, ["eng.apple.com", "a.test"], "03656e67 056170706c65 03636f6d 00 0161 0474657374 00"),
  row("6", option.dnsServers.codec, [ip("10.7.0.1"), ip("10.7.0.2")], "0a070001 0a070002"),
  row("15", option.domainName.codec, "pods.test", "706f64732e74657374"),
  row("26", option.interfaceMtu.codec, 1400, "0578"),
  row("51", option.leaseSeconds.codec, 3600, "00000e10"),
  row("53", option.messageType.codec, "ack", "05"),
  row("a list", optionList, new Map([[12, hex("61")]]), "0c 01 61 ff"),
  row("an empty option", optionList, new Map([[80, hex("")]]), "50 00 ff"),
];

describe("an option", () => {
  for (const { what, value, bytes, read, write } of rows) {
    test(`${what} is read and written`, () => {
      expect(read(bytes)).toEqual(value);
      expect(write()).toEqual(bytes);
    });
  }

  test("longer than 255 bytes is sent in pieces and put together again (RFC 3396)", () => {
    const long = new Uint8Array(300).fill(7);
    const bytes = encode(optionList, new Map([[119, long]]));
    expect([bytes.length, bytes[1], bytes[258]]).toEqual([305, 255, 45]);
    expect(decode(optionList, bytes).get(119)).toEqual(long);
  });

  test("119 may point back to an earlier name (RFC 3397's example)", () => {
    const bytes = hex("03656e67 056170706c65 03636f6d 00 096d61726b6574696e67 c004");
    expect(decode(searchList, bytes)).toEqual(["eng.apple.com", "marketing.apple.com"]);
  });

  const wrong: readonly (readonly [
    what: string,
    read: (bytes: Uint8Array) => unknown,
    bytes: string,
    problem: string,
  ])[] = [
    ["119 that points to itself", row("", searchList, [], "").read, "c000", "not to an earlier one"],
    ["119 in a circle", row("", searchList, [], "").read, "0161 c000", "not to an earlier one"],
    ["119 with a label too long", row("", searchList, [], "").read, "40 61", "a label of 64 bytes"],
    ["121 with 33 bits", row("", classlessRoutes, [], "").read, "21 0a000000 0a070001", "a prefix length of 33"],
    ["121 cut off", row("", classlessRoutes, [], "").read, "08 0a 0a07", "needs 4 bytes"],
    ["33 cut off", row("", staticRoutes, [], "").read, "0a000000 0a07", "needs 4 bytes"],
  ];
  for (const [what, read, bytes, problem] of wrong) {
    test(`${what} is refused`, () => {
      expect(() => read(hex(bytes))).toThrow(DecodeError);
      expect(() => read(hex(bytes))).toThrow(problem);
    });
  }
});
