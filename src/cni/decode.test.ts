// Decoding of configurations and results: what is read, and how a wrong value is named.
import { describe, expect, test } from "bun:test";
import { cniErrorOf } from "#test/thrown.ts";
import {
  bool,
  boolOrText,
  type Decoder,
  decode,
  type Infer,
  int,
  list,
  map,
  member,
  object,
  oneOf,
  optional,
  parseJson,
  raw,
  rawObject,
  record,
  refine,
  string,
  unlessEmpty,
  withDefault,
} from "./decode.ts";
import { cidr, ifAddr, ip, mac, maskedCidr } from "./decode-address.ts";
import type { Json } from "./json.ts";

const bridgeConf = object({
  bridge: withDefault(string, "cni0"),
  isGateway: withDefault(bool, false),
  mtu: withDefault(int({ min: 0, max: 65535 }), 0),
  vlan: optional(int({ min: 0, max: 4094 })),
  mac: unlessEmpty(mac),
  ipam: optional(
    object({ type: string, ranges: withDefault(list(list(object({ subnet: cidr, gateway: unlessEmpty(ip) }))), []) }),
  ),
});

test("object() fills defaults and leaves absent fields absent", () => {
  expect(decode(bridgeConf, {}, "bridge")).toStrictEqual({ bridge: "cni0", isGateway: false, mtu: 0 });
});

test("object() infers its type: optional fields may be missing, others not", () => {
  const conf: Infer<typeof bridgeConf> = { bridge: "b", isGateway: true, mtu: 1 };
  const vlan: number | undefined = conf.vlan;
  expect(vlan).toBeUndefined();
});

test("object() ignores unknown keys and takes null as absent", () => {
  expect(decode(bridgeConf, { bridge: null, vlan: null, other: [1] }, "bridge")).toStrictEqual({
    bridge: "cni0",
    isGateway: false,
    mtu: 0,
  });
});

describe("object() matches keys in any case", () => {
  const conf = object({ bandWidth: optional(int()) });
  const rows: [text: string, found: number | undefined][] = [
    ['{"bandWidth":1}', 1],
    ['{"BANDWIDTH":1}', 1],
    ['{"bandwidth":1,"BandWidth":2}', 2],
    ['{"BandWidth":2,"bandwidth":1}', 1],
    ['{"bandWidth":1,"BANDWIDTH":2}', 1],
    ['{"BANDWIDTH":2,"bandWidth":1}', 1],
    ['{"band_width":1}', undefined],
  ];
  for (const [text, found] of rows) {
    test(text, () => expect(decode(conf, parseJson(text, "x"), "x").bandWidth).toBe(found));
  }
});

describe("a wrong field is named with its place, the rule and the value", () => {
  const rows: [name: string, decoder: Decoder<unknown>, input: Json, message: string][] = [
    ["type", bridgeConf, { mtu: "abc" }, 'bridge: field "mtu" must be a whole number from 0 to 65535, found "abc"'],
    ["bound", bridgeConf, { vlan: 4095 }, 'bridge: field "vlan" must be a whole number from 0 to 4094, found 4095'],
    ["fraction", bridgeConf, { mtu: 1.5 }, 'bridge: field "mtu" must be a whole number from 0 to 65535, found 1.5'],
    ["bool", bridgeConf, { isGateway: "true" }, 'bridge: field "isGateway" must be true or false, found "true"'],
    ["key in another case", bridgeConf, { ISGATEWAY: 1 }, 'bridge: field "isGateway" must be true or false, found 1'],
    ["missing", bridgeConf, { ipam: {} }, 'bridge: field "ipam.type" is missing: it must be a string'],
    ["list for object", bridgeConf, { ipam: [] }, 'bridge: field "ipam" must be an object, found a list'],
    [
      "deep",
      bridgeConf,
      { ipam: { type: "h", ranges: [[{ subnet: "10.0.0.0/8" }, { subnet: "10.1.2.3/8" }]] } },
      'bridge: field "ipam.ranges[0][1].subnet" must be an address block without host bits, like 10.1.0.0/16, found "10.1.2.3/8"',
    ],
    [
      "mac",
      bridgeConf,
      { mac: "aa" },
      'bridge: field "mac" must be a hardware address like 02:42:ac:11:00:02, found "aa"',
    ],
    ["top", bridgeConf, [], "bridge: the input must be an object, found a list"],
    ["null at the top", string, null, "bridge: the input is missing: it must be a string"],
    ["null in a list", list(string), ["a", null], 'bridge: field "[1]" must be a string, found null'],
    ["word", oneOf("l2", "l3"), "L2", 'bridge: the input must be one of "l2", "l3", found "L2"'],
    ["minimum", int({ min: 1 }), 0, "bridge: the input must be a whole number of at least 1, found 0"],
    ["maximum", int({ max: 1 }), 2, "bridge: the input must be a whole number of at most 1, found 2"],
    ["beyond exact numbers", int(), 2 ** 53, "bridge: the input must be a whole number, found 9007199254740992"],
    ["record", record(int()), { a: 1, "b.c": "x" }, 'bridge: field "b.c" must be a whole number, found "x"'],
    [
      "refine",
      refine(int(), "an even number", (n) => n % 2 === 0),
      3,
      "bridge: the input must be an even number, found 3",
    ],
    ["long", int(), "x".repeat(500), `bridge: the input must be a whole number, found "${"x".repeat(99)}…`],
  ];
  for (const [name, decoder, input, message] of rows) {
    test(name, () => expect(cniErrorOf(() => decode(decoder, input, "bridge"))).toMatchObject({ code: 7, message }));
  }
});

describe("values", () => {
  const rows: [name: string, decoder: Decoder<unknown>, input: Json, output: unknown][] = [
    ["boolOrText true", boolOrText, "True", true],
    ["boolOrText false", boolOrText, "false", false],
    ["boolOrText bool", boolOrText, true, true],
    ["unlessEmpty", unlessEmpty(ip), "", undefined],
    ["ip, canonical", ip, "FD00:0::1", "fd00::1"],
    ["ip, mapped", ip, "::ffff:10.0.0.1", "10.0.0.1"],
    ["ifAddr", ifAddr, "10.1.2.3/24", "10.1.2.3/24"],
    ["maskedCidr", maskedCidr, "10.1.2.3/24", "10.1.2.0/24"],
    ["mac", mac, "02-42-AC-11-00-02", "02:42:ac:11:00:02"],
    ["record drops null and keeps case", record(string), { "net.A": "1", b: null }, { "net.A": "1" }],
    ["raw", raw, { a: [1] }, { a: [1] }],
    ["rawObject", rawObject, { a: [1] }, { a: [1] }],
    ["map", map(int(), (n) => n + 1), 1, 2],
  ];
  for (const [name, decoder, input, output] of rows) {
    test(name, () => expect(decode(decoder, input, "x")).toEqual(output));
  }
});

test("a key named __proto__ is data like any other", () => {
  const decoded = decode(record(raw), parseJson('{"__proto__":{"polluted":true}}', "x"), "x");
  expect(Object.keys(decoded)).toEqual(["__proto__"]);
  expect(Object.getPrototypeOf(decoded)).toBe(Object.prototype);
});

test("parseJson() refuses what is not JSON with code 6", () => {
  expect(cniErrorOf(() => parseJson("", "the file"))).toMatchObject({
    code: 6,
    message: "the file is not JSON: it is empty",
  });
  expect(cniErrorOf(() => parseJson("{", "the file"))).toMatchObject({ code: 6 });
});

test("member() prefers the exact key", () => {
  expect(member({ NAME: "a", name: "b", Name: "c" }, "name")).toBe("b");
  expect(member({ NAME: "a", Name: "c" }, "name")).toBe("c");
  expect(member({}, "toString")).toBeUndefined();
});
