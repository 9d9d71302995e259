// Results in each of the seven versions, row by row, and what each version cannot express.
import { describe, expect, test } from "bun:test";
import { cidr, ifAddr } from "#net/cidr.ts";
import { ip } from "#net/ip.ts";
import { cniErrorOf } from "#test/thrown.ts";
import { decodeResult, encodeResult } from "./convert.ts";
import type { Json } from "./json.ts";
import { emptyResult, type Result } from "./result.ts";
import { type SpecVersion, specVersions } from "./version.ts";

const full: Result = {
  interfaces: [
    { name: "cni0", mac: "02:00:00:00:00:01", mtu: 1450, pciID: "0000:04:00.5" },
    { name: "eth0", mac: "02:00:00:00:00:02", sandbox: "/run/netns/a", socketPath: "/run/s" },
  ],
  ips: [
    { interface: 1, address: ifAddr("10.1.2.3/24"), gateway: ip("10.1.2.1") },
    { interface: 1, address: ifAddr("10.9.0.3/16") },
    { interface: 0, address: ifAddr("fd00::3/64"), gateway: ip("fd00::1") },
  ],
  routes: [
    { dst: cidr("0.0.0.0/0"), gw: ip("10.1.2.1"), mtu: 1400, advmss: 1360, priority: 5, table: 0, scope: 0 },
    { dst: cidr("::/0") },
  ],
  dns: { nameservers: ["10.1.0.1"], domain: "cluster.local", search: ["svc.cluster.local"], options: ["ndots:5"] },
};

const dns = {
  nameservers: ["10.1.0.1"],
  domain: "cluster.local",
  search: ["svc.cluster.local"],
  options: ["ndots:5"],
};

const routes = [
  { dst: "0.0.0.0/0", gw: "10.1.2.1", mtu: 1400, advmss: 1360, priority: 5, table: 0, scope: 0 },
  { dst: "::/0" },
];

function byFamily(cniVersion: string): object {
  return {
    cniVersion,
    ip4: { ip: "10.1.2.3/24", gateway: "10.1.2.1", routes: [{ dst: "0.0.0.0/0", gw: "10.1.2.1" }] },
    ip6: { ip: "fd00::3/64", gateway: "fd00::1", routes: [{ dst: "::/0" }] },
    dns,
  };
}

function withFamily(cniVersion: string): object {
  return {
    cniVersion,
    interfaces: [
      { name: "cni0", mac: "02:00:00:00:00:01" },
      { name: "eth0", mac: "02:00:00:00:00:02", sandbox: "/run/netns/a" },
    ],
    ips: [
      { version: "4", interface: 1, address: "10.1.2.3/24", gateway: "10.1.2.1" },
      { version: "4", interface: 1, address: "10.9.0.3/16" },
      { version: "6", interface: 0, address: "fd00::3/64", gateway: "fd00::1" },
    ],
    routes,
    dns,
  };
}

function newest(cniVersion: string): object {
  return {
    cniVersion,
    interfaces: [
      { name: "cni0", mac: "02:00:00:00:00:01", mtu: 1450, pciID: "0000:04:00.5" },
      { name: "eth0", mac: "02:00:00:00:00:02", sandbox: "/run/netns/a", socketPath: "/run/s" },
    ],
    ips: [
      { interface: 1, address: "10.1.2.3/24", gateway: "10.1.2.1" },
      { interface: 1, address: "10.9.0.3/16" },
      { interface: 0, address: "fd00::3/64", gateway: "fd00::1" },
    ],
    routes,
    dns,
  };
}

const shapes: { readonly [version in SpecVersion]: (cniVersion: string) => object } = {
  "0.1.0": byFamily,
  "0.2.0": byFamily,
  "0.3.0": withFamily,
  "0.3.1": withFamily,
  "0.4.0": withFamily,
  "1.0.0": newest,
  "1.1.0": newest,
};

describe("encodeResult() writes a full result, keys in order, as", () => {
  for (const version of specVersions) {
    test(version, () => {
      expect(JSON.stringify(encodeResult(full, version))).toBe(JSON.stringify(shapes[version](version)));
    });
  }
});

describe("encodeResult() writes one IPv4 address and nothing else as", () => {
  const bare: Result = { ...emptyResult, ips: [{ address: ifAddr("10.1.2.3/24") }] };
  const rows: { readonly [version in SpecVersion]: string } = {
    "0.1.0": '{"cniVersion":"0.1.0","ip4":{"ip":"10.1.2.3/24"},"dns":{}}',
    "0.2.0": '{"cniVersion":"0.2.0","ip4":{"ip":"10.1.2.3/24"},"dns":{}}',
    "0.3.0": '{"cniVersion":"0.3.0","ips":[{"version":"4","address":"10.1.2.3/24"}],"dns":{}}',
    "0.3.1": '{"cniVersion":"0.3.1","ips":[{"version":"4","address":"10.1.2.3/24"}],"dns":{}}',
    "0.4.0": '{"cniVersion":"0.4.0","ips":[{"version":"4","address":"10.1.2.3/24"}],"dns":{}}',
    "1.0.0": '{"cniVersion":"1.0.0","ips":[{"address":"10.1.2.3/24"}]}',
    "1.1.0": '{"cniVersion":"1.1.0","ips":[{"address":"10.1.2.3/24"}]}',
  };
  for (const version of specVersions) {
    test(version, () => expect(JSON.stringify(encodeResult(bare, version))).toBe(rows[version]));
  }
});

describe("encodeResult() of a result without addresses", () => {
  for (const version of ["0.1.0", "0.2.0"] as const) {
    test(`is refused in ${version}`, () => {
      expect(cniErrorOf(() => encodeResult(emptyResult, version)).message).toBe(
        "cannot convert: no valid IP addresses",
      );
    });
  }
  test("has only dns in 0.4.0", () =>
    expect(encodeResult(emptyResult, "0.4.0")).toEqual({ cniVersion: "0.4.0", dns: {} }));
  test("has nothing in 1.1.0", () => expect(encodeResult(emptyResult, "1.1.0")).toEqual({ cniVersion: "1.1.0" }));
});

test("a route of a family without an address is dropped below 0.3", () => {
  const result: Result = { ...full, ips: [{ address: ifAddr("fd00::3/64") }] };
  expect(encodeResult(result, "0.2.0")).toEqual({
    cniVersion: "0.2.0",
    ip6: { ip: "fd00::3/64", routes: [{ dst: "::/0" }] },
    dns,
  });
});

test("empty text, empty lists and zeros that mean nothing are not written", () => {
  const result: Result = {
    interfaces: [{ name: "a", mac: "", mtu: 0, sandbox: "" }],
    ips: [],
    routes: [{ dst: cidr("10.0.0.0/8"), mtu: 0, priority: 0 }],
    dns: { nameservers: [], domain: "" },
  };
  expect(encodeResult(result, "1.1.0")).toEqual({
    cniVersion: "1.1.0",
    interfaces: [{ name: "a" }],
    routes: [{ dst: "10.0.0.0/8" }],
  });
});

describe("decodeResult()", () => {
  const four: Result = { ...emptyResult, ips: [{ address: ifAddr("10.0.0.2/8") }] };
  const rows: [name: string, json: Json, version: SpecVersion, result: Result][] = [
    ["takes null as the empty result", null, "1.0.0", emptyResult],
    ["takes an empty object as the empty result", {}, "0.4.0", emptyResult],
    ["reads a result without version as the configuration's", { ip4: { ip: "10.0.0.2/8" } }, "0.2.0", four],
    ["takes an empty version as none", { cniVersion: "", ips: [{ address: "10.0.0.2/8" }] }, "1.0.0", four],
    ["prefers the result's own version", { cniVersion: "0.2.0", ip4: { ip: "10.0.0.2/8" } }, "1.0.0", four],
    ["matches keys in any case", { CNIVERSION: "1.0.0", IPs: [{ Address: "10.0.0.2/8" }] }, "0.1.0", four],
    ["takes -1 as no interface", { ips: [{ interface: -1, address: "10.0.0.2/8" }] }, "0.3.0", four],
    ["takes empty text as absent", { ips: [{ address: "10.0.0.2/8", gateway: "" }] }, "0.3.0", four],
    [
      "clears host bits of a route",
      { routes: [{ dst: "10.9.9.9/8", gw: "10.0.0.1" }] },
      "1.0.0",
      { ...emptyResult, routes: [{ dst: cidr("10.0.0.0/8"), gw: ip("10.0.0.1") }] },
    ],
    ["takes null for every field", { interfaces: null, ips: null, routes: null, dns: null }, "1.0.0", emptyResult],
    [
      "reads both families' routes below 0.3",
      byFamily("0.1.0") as Json,
      "0.1.0",
      {
        interfaces: [],
        ips: [
          { address: ifAddr("10.1.2.3/24"), gateway: ip("10.1.2.1") },
          { address: ifAddr("fd00::3/64"), gateway: ip("fd00::1") },
        ],
        routes: [{ dst: cidr("0.0.0.0/0"), gw: ip("10.1.2.1") }, { dst: cidr("::/0") }],
        dns,
      },
    ],
  ];
  for (const [name, json, version, result] of rows) {
    test(name, () => expect(decodeResult(json, version)).toStrictEqual(result));
  }

  const wrong: [name: string, json: Json, code: number, message: string][] = [
    ["an unknown version", { cniVersion: "9.8.7" }, 1, 'prevResult: cniVersion is "9.8.7", known are'],
    ["a version that is no text", { cniVersion: 1 }, 1, "prevResult: cniVersion is 1, known are"],
    ["a list", [], 7, "prevResult: the input must be an object, found a list"],
    [
      "an address without length",
      { ips: [{ address: "10.0.0.1" }] },
      7,
      'prevResult: field "ips[0].address" must be an address with a prefix length, like 10.1.2.3/24, found "10.0.0.1"',
    ],
    ["an interface without name", { interfaces: [{}] }, 7, 'prevResult: field "interfaces[0].name" is missing'],
  ];
  for (const [name, json, code, message] of wrong) {
    test(`refuses ${name}`, () => {
      const error = cniErrorOf(() => decodeResult(json, "1.0.0", "prevResult"));
      expect(error.code).toBe(code);
      expect(error.message).toStartWith(message);
    });
  }
});
