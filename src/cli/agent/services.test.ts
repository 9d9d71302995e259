// Services as `twill services` prints them.

import { describe, expect, test } from "bun:test";
import type { ServiceMessage } from "#api/messages.ts";
import { cidr } from "#net/cidr.ts";
import { ip } from "#net/ip.ts";
import { formatServices } from "./services.ts";

const web: ServiceMessage = {
  name: "shop/web",
  frontends: [
    {
      ...{ kind: "cluster", protocol: "tcp", address: ip("10.96.0.20"), port: 80, inside: 2, outside: 2 },
      ...{ balance: "random", affinitySeconds: null, sourceRanges: null, served: true },
      ...{ keepsSource: false, directReturn: false, announced: null },
    },
    {
      ...{ kind: "balancer", protocol: "tcp", address: ip("2001:db8::7"), port: 80, inside: 2, outside: "drop" },
      ...{ balance: "maglev", affinitySeconds: 60, sourceRanges: [cidr("2001:db8::/32")], served: false },
      ...{ keepsSource: true, directReturn: true, announced: { by: "n2" } },
    },
  ],
  backends: [{ protocol: "tcp", address: ip("10.244.1.7"), port: 8080, local: true, connections: 3 }],
  endpoints: null,
  connections: 3,
  problems: ["Service shop/web is not served at 2001:db8::7 tcp 80: shop/old has it, and is older"],
};

describe("formatServices()", () => {
  test("shows where services are reached, and what is amiss", () => {
    expect(formatServices({ services: [web] }, false).split("\n")).toEqual([
      "SERVICE   KIND      REACHED AT            INSIDE  OUTSIDE  NOTES",
      "shop/web  cluster   tcp 10.96.0.20:80     2       2",
      "shop/web  balancer  tcp [2001:db8::7]:80  2       drop     not served, maglev, clients stay 60 s, sees clients, returns directly, announced by n2, only for 2001:db8::/32",
      "problem    Service shop/web is not served at 2001:db8::7 tcp 80: shop/old has it, and is older",
      "",
    ]);
  });

  test("shows who answers, of one service", () => {
    expect(
      formatServices({ services: [{ ...web, problems: [] }] }, true)
        .split("\n")
        .slice(3),
    ).toEqual([
      "",
      "ENDPOINT             ON         CONNECTIONS",
      "tcp 10.244.1.7:8080  this node  3",
      "3 tracked connections came through it",
      "",
    ]);
    expect(formatServices({ services: [{ ...web, backends: [] }] }, true)).toContain("nobody answers");
  });

  test("shows pods, slices and states where they are known", () => {
    const shared = { protocol: "tcp", port: 8080, connections: 0 } as const;
    const ready = { pod: "shop/web-1", node: "n1", state: "ready", asked: true, slices: ["web-a"] } as const;
    const other = { pod: null, node: null, state: "not ready", asked: false, slices: ["b", "c"] } as const;
    const endpoints = [
      { ...shared, ...ready, address: ip("10.244.1.7") },
      { ...shared, ...other, address: ip("10.9.9.9") },
    ];
    const text = formatServices({ services: [{ ...web, problems: [], endpoints }] }, true);
    expect(text.split("\n").slice(4)).toEqual([
      "ENDPOINT             POD         NODE  STATE      ASKED FROM HERE  CONNECTIONS  SLICES",
      "tcp 10.244.1.7:8080  shop/web-1  n1    ready      yes              0            web-a",
      "tcp 10.9.9.9:8080    -           -     not ready  no               0            b c",
      "3 tracked connections came through it",
      "",
    ]);
  });

  test("says so where there are none, or others serve them", () => {
    expect(formatServices({ services: [] }, false)).toBe("there are no services\n");
    expect(formatServices({ services: null }, false)).toContain("services.enabled is false");
  });
});
