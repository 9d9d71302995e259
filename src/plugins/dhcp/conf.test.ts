// The ipam section of a dhcp configuration: options by word and number, defaults, and what is refused.
import { describe, expect, test } from "bun:test";
import { readEnvironment } from "#cni/environment.ts";
import type { Json } from "#cni/json.ts";
import { parseCall } from "#cni/parse-call.ts";
import type { Call } from "#cni/plugin.ts";
import { dhcpConf, dhcpEnv } from "#test/dhcp-node.ts";
import { cniErrorOf } from "#test/thrown.ts";
import { ordersOf, readConf } from "./conf.ts";
import { dhcp } from "./plugin.ts";

function callWith(ipam: Json): Call {
  const env = dhcpEnv("ADD", "/run/netns/x");
  const environment = { ...readEnvironment(env), command: "ADD" as const };
  return parseCall({ plugin: "dhcp", env, stdin: dhcpConf(ipam) }, environment, dhcp.versions).call;
}

describe("readConf()", () => {
  const defaults = [1, 121, 3, 33, 6, 15, 119];
  const requests: readonly (readonly [Json, readonly number[]])[] = [
    [{}, defaults],
    [{ request: [] }, defaults],
    [{ request: [{ option: "interface-mtu" }, { option: "routers" }] }, [...defaults, 26]],
    [{ request: [{ option: "subnet-mask", skipDefault: true }] }, [1]],
    [{ request: [{ skipDefault: true }] }, []],
    [{ request: [{ option: "42" }] }, [...defaults, 42]],
  ];
  for (const [ipam, codes] of requests) {
    test(`asks for ${codes} with ${JSON.stringify(ipam)}`, () => {
      expect(readConf(callWith(ipam)).terms.request).toEqual(codes);
    });
  }

  const provided: readonly (readonly [Json, Readonly<Record<number, string>>])[] = [
    [[], { 61: "\0pod-1/lan/eth0" }],
    [[{ option: "host-name", value: "web" }], { 61: "\0pod-1/lan/eth0", 12: "web" }],
    [[{ option: "12", fromArg: "K8S_POD_NAME" }], { 61: "\0pod-1/lan/eth0", 12: "shop-0" }],
    [[{ option: "12", fromArg: "OTHER" }], { 61: "\0pod-1/lan/eth0" }],
    [[{ option: "12", value: "web", fromArg: "K8S_POD_NAME" }], { 61: "\0pod-1/lan/eth0", 12: "web" }],
    [[{ option: "dhcp-client-identifier", value: "mine" }], { 61: "mine" }],
    [
      [
        { option: "vendor-class-identifier", value: "v" },
        { option: "user-class", value: "u" },
      ],
      { 61: "\0pod-1/lan/eth0", 60: "v", 77: "u" },
    ],
  ];
  for (const [provide, texts] of provided) {
    test(`sends ${JSON.stringify(texts)} for ${JSON.stringify(provide)}`, () => {
      const sent = [...readConf(callWith({ provide })).terms.provide];
      expect(Object.fromEntries(sent.map(([code, bytes]) => [code, Buffer.from(bytes).toString()]))).toEqual(texts);
    });
  }

  test("a priority of zero is none, and the socket has a default", () => {
    expect(readConf(callWith({ priority: 0 }))).toMatchObject({
      priority: undefined,
      socketPath: "/run/cni/dhcp.sock",
    });
    expect(readConf(callWith({ priority: 9, daemonSocketPath: "/x" }))).toMatchObject({
      priority: 9,
      socketPath: "/x",
    });
  });

  const wrong: readonly (readonly [Json, string])[] = [
    [{ request: [{ option: "no-such" }] }, "ipam.request[0].option"],
    [{ request: [{ option: "256" }] }, "ipam.request[0].option"],
    [{ provide: [{ value: "x" }] }, "ipam.provide[0].option"],
    [{ provide: [{ option: "12", value: "x".repeat(256) }] }, "at most 255 bytes"],
    [{ priority: -1 }, "ipam.priority"],
    [{ families: [] }, "ipam.families"],
    [{ families: ["inet"] }, "ipam.families[0]"],
    [{ routes: [{ dst: "nowhere" }] }, "ipam.routes[0].dst"],
  ];
  for (const [ipam, problem] of wrong) {
    test(`refuses ${JSON.stringify(ipam).slice(0, 60)}`, () => {
      expect(cniErrorOf(() => readConf(callWith(ipam)))).toMatchObject({
        code: 7,
        message: expect.stringContaining(problem),
      });
    });
  }
});

describe("ordersOf()", () => {
  const orders = (ipam: Json) => ordersOf(callWith(ipam), readConf(callWith(ipam)));
  const rows: readonly (readonly [Json, readonly string[]])[] = [
    [{}, ["ipv4"]],
    [{ families: ["ipv6"] }, ["ipv6"]],
    [{ families: ["ipv6", "ipv4", "ipv6"] }, ["ipv4", "ipv6"]],
  ];
  for (const [ipam, families] of rows) {
    test(`asks for ${families.join(" and ")} with ${JSON.stringify(ipam)}`, () => {
      expect(orders(ipam).map(({ family }) => family) as string[]).toEqual([...families]);
    });
  }

  test("the host name goes with IPv6, too, where it is a domain name", () => {
    const provide = [{ option: "host-name", value: "shop-0.pods" }];
    expect(orders({ families: ["ipv6"], provide })[0]?.terms).toMatchObject({ hostName: "shop-0.pods" });
    for (const value of ["shop..pods", "x".repeat(64)]) {
      const wrong = { families: ["ipv6"], provide: [{ option: "12", value }] };
      expect(cniErrorOf(() => orders(wrong))).toMatchObject({
        code: 7,
        message: expect.stringContaining("ipam.provide"),
      });
    }
  });
});
