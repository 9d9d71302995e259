// static: every source of addresses, what goes before what, and agreement with the reference plugin.
import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import type { JsonObject } from "#cni/json.ts";
import { type IpamCall, IpamNode } from "#test/ipam-node.ts";
import { referencePlugins } from "#test/peers/reference-plugins.ts";
import { staticIpam } from "./plugin.ts";

const one: JsonObject = { addresses: [{ address: "10.10.0.1/24", gateway: "10.10.0.254" }] };
const args = (...ips: readonly string[]): JsonObject => ({ args: { cni: { ips } } });
const runtime = (...ips: readonly string[]): JsonObject => ({ runtimeConfig: { ips } });

const rows: readonly (readonly [what: string, call: Partial<IpamCall>, ips: readonly string[]])[] = [
  ["the configuration", { ipam: one }, ["10.10.0.1/24 via 10.10.0.254"]],
  [
    "several of a family, and both families",
    {
      ipam: {
        addresses: [{ address: "10.1.0.1/24" }, { address: "10.2.0.1/24" }, { address: "FD00:0::1/64", gateway: "" }],
      },
    },
    ["10.1.0.1/24", "10.2.0.1/24", "fd00::1/64"],
  ],
  [
    "CNI_ARGS after the configuration",
    { ipam: one, args: "IP=10.9.0.5/24, fd00::5/64" },
    ["10.10.0.1/24 via 10.10.0.254", "10.9.0.5/24", "fd00::5/64"],
  ],
  [
    "gateways of CNI_ARGS by network",
    { ipam: one, args: "IgnoreUnknown=1;IP=10.9.0.5/24;GATEWAY=10.9.0.1,10.10.0.9,192.0.2.1" },
    ["10.10.0.1/24 via 10.10.0.254", "10.9.0.5/24 via 10.9.0.1"],
  ],
  ["args.cni.ips instead of both", { ipam: one, args: "IP=10.9.0.5/24", conf: args("10.8.0.1/16") }, ["10.8.0.1/16"]],
  [
    "runtimeConfig.ips instead of all",
    { ipam: one, conf: { ...args("10.8.0.1/16"), ...runtime("10.7.0.1/16", "fd00::7/64") } },
    ["10.7.0.1/16", "fd00::7/64"],
  ],
  ["no address at all", { ipam: {} }, []],
];

type Printed = { readonly ips?: readonly { readonly address: string; readonly gateway?: string }[] };

function shown(json: unknown): string[] {
  const { ips = [] } = json as Printed;
  return ips.map(({ address, gateway }) => `${address}${gateway === undefined ? "" : ` via ${gateway}`}`);
}

describe("ADD gives", () => {
  for (const [what, call, ips] of rows) {
    test(what, async () => {
      using node = new IpamNode();
      const { json } = await node.call(staticIpam, { command: "ADD", ...call });
      expect(shown(json)).toEqual([...ips]);
    });
  }

  test("routes, more than one to the same place too, and DNS", async () => {
    using node = new IpamNode();
    const routes = [
      { dst: "0.0.0.0/0", gw: "10.10.0.254" },
      { dst: "0.0.0.0/0", gw: "10.10.0.253" },
      { dst: "10.0.0.0/8", priority: 7 },
    ];
    const dns = { nameservers: ["192.0.2.1"], domain: "example.com", search: ["a"], options: ["b"] };
    const { json } = await node.call(staticIpam, { command: "ADD", ipam: { ...one, routes, dns } });
    expect(json).toMatchObject({ routes, dns });
  });
});

describe("ADD refuses", () => {
  const bad: readonly (readonly [what: string, call: Partial<IpamCall>, code: number, message: string])[] = [
    [
      "an address without a length",
      { ipam: { addresses: [{ address: "10.1.0.1" }] } },
      7,
      'static: field "ipam.addresses[0].address" must be an address with a prefix length',
    ],
    ["one in CNI_ARGS", { ipam: one, args: "IP=10.1.0.1" }, 4, "static: IP in CNI_ARGS: the input must be"],
    ["a gateway in CNI_ARGS that is none", { ipam: one, args: "GATEWAY=here" }, 4, "static: GATEWAY in CNI_ARGS"],
    ["an unknown key in CNI_ARGS", { ipam: one, args: "FOO=1" }, 4, "unknown args"],
    ["one in args", { ipam: one, conf: args("10.1.0.1") }, 7, 'field "args.cni.ips[0]"'],
    ["one from the runtime", { ipam: one, conf: runtime("nowhere/24") }, 7, 'field "runtimeConfig.ips[0]"'],
    ["a configuration without ipam", { conf: { ipam: null } }, 7, 'field "ipam" is missing'],
    [
      "two of a family before 0.3.0",
      { cniVersion: "0.2.0", ipam: one, args: "IP=10.9.0.5/24" },
      7,
      "does not support more than 1 address per family",
    ],
  ];
  for (const [what, call, code, message] of bad) {
    test(what, async () => {
      using node = new IpamNode();
      const answer = await node.call(staticIpam, { command: "ADD", ...call });
      expect([answer.code, answer.msg]).toEqual([code, expect.stringContaining(message)]);
    });
  }
});

describe("CHECK", () => {
  const results: readonly (readonly [what: string, ips: JsonObject[], message: string])[] = [
    ["passes for what ADD gave", [{ address: "10.10.0.1/24", gateway: "10.10.0.254" }], ""],
    [
      "fails for another gateway",
      [{ address: "10.10.0.1/24", gateway: "10.10.0.9" }],
      "the gateway of 10.10.0.1/24 is 10.10.0.254 in the configuration, 10.10.0.9",
    ],
    ["fails for a missing address", [{ address: "10.10.0.2/24" }], "the result of ADD has no address 10.10.0.1/24"],
  ];
  for (const [what, ips, message] of results) {
    test(what, async () => {
      using node = new IpamNode();
      const conf = { prevResult: { cniVersion: "1.0.0", ips } };
      const { exitCode, msg } = await node.call(staticIpam, { command: "CHECK", ipam: one, conf });
      expect([exitCode, msg]).toEqual([message === "" ? 0 : 1, expect.stringContaining(message)]);
    });
  }
});

test("DEL and GC succeed whatever the configuration says, and STATUS looks at it", async () => {
  using node = new IpamNode();
  const broken = { addresses: "none" };
  const commands = ["DEL", "GC", "STATUS"];
  const codes = await Promise.all(
    commands.map((command) => node.call(staticIpam, { command, cniVersion: "1.1.0", ipam: broken })),
  );
  expect(codes.map(({ code }) => code)).toEqual([0, 0, 7]);
});

describe("the reference gives the same for", () => {
  for (const [what, call] of rows.filter(([, { ipam }]) => ipam === one)) {
    test(what, async () => {
      using node = new IpamNode();
      const theirs = node.exec(join(referencePlugins(), "static"), { command: "ADD", ...call });
      const ours = await node.call(staticIpam, { command: "ADD", ...call });
      expect(shown(ours.json)).toEqual(shown(theirs.json));
    });
  }
});
