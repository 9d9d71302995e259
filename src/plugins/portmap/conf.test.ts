// Tests what portmap reads and refuses, without a kernel.

import { describe, expect, test } from "bun:test";
import type { JsonObject } from "#cni/json.ts";
import type { Call } from "#cni/plugin.ts";
import { emptyResult } from "#cni/result.ts";
import { ifAddr } from "#net/cidr.ts";
import { cniErrorOf } from "#test/thrown.ts";
import { wantedRecord } from "./conf.ts";
import { claimsOf } from "./table.ts";

function call(config: JsonObject): Call {
  const none = { cniArgs: "", path: [], env: new Map<string, string>(), stdin: "", validAttachments: undefined };
  const names = { containerId: "c1", netns: "/run/netns/c1", ifname: "eth0", network: "net", type: "portmap" };
  return { ...none, ...names, command: "ADD", config, cniVersion: "1.1.0", prevResult: undefined };
}

const web = { hostPort: 8080, containerPort: 80, protocol: "tcp" };

function withMapping(mapping: JsonObject): JsonObject {
  return { runtimeConfig: { portMappings: [{ ...web, ...mapping }] } };
}

describe("portmap refuses", () => {
  const field = "portmap: field ";
  const rows: readonly (readonly [what: string, conf: JsonObject, code: number, message: string])[] = [
    ["iptables", { backend: "iptables" }, 2, `${field}"backend" cannot be "iptables": `],
    [
      "a chain for marks",
      { externalSetMarkChain: "KUBE-MARK" },
      2,
      `${field}"externalSetMarkChain" cannot be "KUBE-MARK": `,
    ],
    [
      "IPv4 conditions",
      { conditionsV4: ["!", "-s", "1.2.3.4"] },
      2,
      `${field}"conditionsV4" cannot be ["!","-s","1.2.3.4"]: `,
    ],
    ["IPv6 conditions", { conditionsV6: ["ip6 saddr fd00::1"] }, 2, `${field}"conditionsV6" cannot be `],
    [
      "a mark bit above 31",
      { markMasqBit: 32 },
      7,
      `${field}"markMasqBit" must be a whole number from 0 to 31, found 32`,
    ],
    ["host port 0", withMapping({ hostPort: 0 }), 7, `hostPort" must be a whole number from 1 to 65535, found 0`],
    [
      "a negative port",
      withMapping({ containerPort: -1 }),
      7,
      `containerPort" must be a whole number from 1 to 65535, found -1`,
    ],
    ["a port too high", withMapping({ hostPort: 65536 }), 7, `found 65536`],
    [
      "an unknown protocol",
      withMapping({ protocol: "icmp" }),
      7,
      `protocol" must be one of "tcp", "udp", "dccp", "sctp", found "icmp"`,
    ],
    ["a wrong address", withMapping({ hostIP: "10.0.0.256" }), 7, `hostIP" must be an IP address, found "10.0.0.256"`],
  ];
  for (const [what, conf, code, message] of rows) {
    test(what, () => {
      const error = cniErrorOf(() => wantedRecord(call(conf), emptyResult));
      expect(error.message).toContain(message);
      expect(error.code).toBe(code);
    });
  }
});

describe("portmap accepts", () => {
  test("a mark bit, which it does not need", () => {
    expect(wantedRecord(call({ markMasqBit: 13 }), emptyResult)).toBeUndefined();
  });

  test("the first address of each family of the call's own interface, and host addresses of the same family only", () => {
    const prevResult = {
      ...emptyResult,
      interfaces: [
        { name: "eth0" },
        { name: "eth0", sandbox: "/run/netns/c1" },
        { name: "net1", sandbox: "/run/netns/c1" },
      ],
      ips: [
        { interface: 0, address: ifAddr("10.9.0.1/24") },
        { interface: 2, address: ifAddr("10.8.0.1/24") },
        { interface: 1, address: ifAddr("10.1.0.5/24") },
        { interface: 1, address: ifAddr("10.1.0.6/24") },
      ],
    };
    const conf = { ...withMapping({}), snat: false };
    const record = wantedRecord(call(conf), prevResult);
    expect(record?.addresses).toEqual([ifAddr("10.1.0.5/24")]);
    const other = wantedRecord(call({ ...withMapping({ hostIP: "fd00::1" }) }), prevResult);
    expect(other === undefined ? undefined : claimsOf(other)).toEqual([]);
  });
});
