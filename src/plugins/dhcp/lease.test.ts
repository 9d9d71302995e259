// What becomes of a server's answer: address, routes, times, DNS; and what a client asks with.
import { describe, expect, test } from "bun:test";
import { cidr } from "#net/cidr.ts";
import { ip } from "#net/ip.ts";
import { mac } from "#net/mac.ts";
import { Random } from "#test/random.ts";
import { backoff } from "./backoff.ts";
import { type Lease, leaseFrom } from "./lease.ts";
import { type Message, unspecified } from "./message.ts";
import { option, writeOption } from "./option.ts";
import { clientIdOf } from "./terms.ts";

const serverMac = mac("02:00:00:00:00:01");
const must = [
  writeOption(option.subnetMask, ip("255.255.240.0")),
  writeOption(option.serverId, ip("10.7.0.1")),
] as const;

type Options = readonly (readonly [number, Uint8Array])[];

function read(...options: Options): Lease {
  const ack: Message = {
    op: "reply",
    xid: 1,
    seconds: 0,
    broadcast: false,
    ciaddr: unspecified,
    yiaddr: ip("10.7.0.100"),
    siaddr: unspecified,
    giaddr: unspecified,
    chaddr: mac("02:00:00:00:00:17"),
    options: new Map(options),
  };
  return leaseFrom(ack, serverMac, 1_000_000);
}

const router = writeOption(option.routers, [ip("10.7.0.1"), ip("10.7.0.2")]);
const fixedRoute = writeOption(option.staticRoutes, [{ dst: cidr("192.168.4.0/24"), gw: ip("10.7.0.9") }]);
const classless = writeOption(option.classlessRoutes, [{ dst: cidr("10.9.0.0/16"), gw: unspecified }]);

describe("leaseFrom()", () => {
  const routes: readonly (readonly [string, Options, Lease["routes"]])[] = [
    ["no router", [...must], []],
    ["a router", [...must, router], [{ dst: cidr("0.0.0.0/0"), gw: ip("10.7.0.1") }]],
    [
      "static routes beside it",
      [...must, router, fixedRoute],
      [
        { dst: cidr("192.168.4.0/24"), gw: ip("10.7.0.9") },
        { dst: cidr("0.0.0.0/0"), gw: ip("10.7.0.1") },
      ],
    ],
    [
      "classless routes, which override both",
      [...must, router, fixedRoute, classless],
      [{ dst: cidr("10.9.0.0/16"), scope: 253 }],
    ],
    [
      "an MTU",
      [...must, router, writeOption(option.interfaceMtu, 1400)],
      [{ dst: cidr("0.0.0.0/0"), gw: ip("10.7.0.1"), mtu: 1400 }],
    ],
  ];
  for (const [what, options, expected] of routes) {
    test(`takes its routes from ${what}`, () => {
      expect(read(...options).routes).toEqual(expected);
    });
  }

  const seconds = (
    codec: typeof option.leaseSeconds | typeof option.renewSeconds | typeof option.rebindSeconds,
    n: number,
  ) => writeOption(codec, n);
  const times: readonly (readonly [string, Options, readonly [number, number, number]])[] = [
    ["none: an hour", [], [1800, 3060, 3600]],
    ["a lease of 100 s", [seconds(option.leaseSeconds, 100)], [50, 85, 100]],
    [
      "the server's own",
      [seconds(option.leaseSeconds, 100), seconds(option.renewSeconds, 20), seconds(option.rebindSeconds, 40)],
      [20, 40, 100],
    ],
    [
      "times out of order",
      [seconds(option.leaseSeconds, 100), seconds(option.renewSeconds, 90), seconds(option.rebindSeconds, 200)],
      [50, 85, 100],
    ],
  ];
  for (const [what, options, [renew, rebind, end]] of times) {
    test(`counts its times from the request, with ${what}`, () => {
      const lease = read(...must, ...options);
      const at = (time: number) => (time - 1_000_000) / 1000;
      expect([at(lease.renewAt), at(lease.rebindAt), at(lease.expiresAt)]).toEqual([renew, rebind, end]);
    });
  }

  test("refuses an answer without mask or server, and a mask with holes", () => {
    expect(() => read(must[1])).toThrow("no subnet mask");
    expect(() => read(must[0])).toThrow("no server identifier");
    expect(() => read(must[1], writeOption(option.subnetMask, ip("255.0.255.0")))).toThrow("not contiguous");
  });
});

test("clientIdOf() is the reference's, cut at 254 bytes", () => {
  const id = { containerId: "abc", network: "net", ifname: "eth0" };
  expect(Buffer.from(clientIdOf(id)).toString()).toBe("\0abc/net/eth0");
  const long = clientIdOf({ ...id, containerId: "c".repeat(300) });
  expect([long.length, long[0], long[253]]).toEqual([254, 0, 0x63]);
});

test("backoff() doubles from half a second to its limit, a fifth up or down", () => {
  const random = new Random(1);
  const delays = backoff(4_000, (bytes) => {
    bytes.set(random.bytes(bytes.length));
    return bytes;
  });
  for (const base of [500, 1_000, 2_000, 4_000, 4_000, 4_000]) {
    const delay = delays.next().value;
    expect(delay).toBeGreaterThanOrEqual(base * 0.8);
    expect(delay).toBeLessThanOrEqual(base * 1.2);
  }
});
