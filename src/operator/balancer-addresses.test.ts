// Which outer addresses services get, and what is said of those that get none.

import { describe, expect, test } from "bun:test";
import type { Service } from "#kube/kinds.ts";
import { cidr } from "#net/cidr.ts";
import { planBalancers, toBalancerWish } from "./balancer-addresses.ts";
import { readBalancerPools } from "./balancer-pools.ts";

type Written = {
  readonly age?: number;
  readonly spec?: Service["spec"];
  readonly annotations?: Readonly<Record<string, string>>;
  readonly has?: string;
};

const both = { ipFamilies: ["IPv4", "IPv6"] };

function service(name: string, { age = 0, spec = {}, annotations = {}, has }: Written = {}): Service {
  const ingress = has?.split(" ").map((ip) => ({ ip })) ?? [];
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { namespace: "shop", name, creationTimestamp: `2026-01-01T00:00:0${age}Z`, annotations },
    spec: { type: "LoadBalancer", ipFamilies: ["IPv4"], ...spec },
    status: { loadBalancer: { ingress } },
  };
}

function show(pools: readonly string[], ...services: readonly Service[]): readonly string[] {
  const { give, refused } = planBalancers(readBalancerPools(pools), services.map(toBalancerWish));
  return [
    ...give.map((each) => `${each.service.name} ${each.addresses.join(" ") || "nothing"}`),
    ...refused.map(({ why }) => why),
  ];
}

describe("planBalancers()", () => {
  const pool = ["192.0.2.1-192.0.2.2", "blue=198.51.100.7,2001:db8::/126"];
  const rows: readonly (readonly [what: string, services: readonly Service[], lines: readonly string[]])[] = [
    [
      "the lowest that is free, the oldest first",
      [service("b", { age: 2 }), service("a", { age: 1, has: "192.0.2.1" })],
      ["shop/b 192.0.2.2"],
    ],
    ["nothing new to who has its own", [service("a", { has: "192.0.2.2" })], []],
    ["nothing to services of another type", [service("a", { spec: { type: "NodePort" } })], []],
    ["nothing to services of another class", [service("a", { spec: { loadBalancerClass: "example.com/lb" } })], []],
    ["services of its class", [service("a", { spec: { loadBalancerClass: "twill.dev/pool" } })], ["shop/a 192.0.2.1"]],
    [
      "back what a service of another type still has",
      [service("a", { spec: { type: "ClusterIP" }, has: "192.0.2.1" })],
      ["shop/a nothing"],
    ],
    [
      "not back what others give",
      [service("a", { spec: { loadBalancerClass: "example.com/lb" }, has: "192.0.2.1" })],
      [],
    ],
    ["what is asked for", [service("a", { spec: { loadBalancerIP: "192.0.2.2" } })], ["shop/a 192.0.2.2"]],
    [
      "both families that are asked for, of any pool",
      [service("a", { annotations: { "twill.dev/load-balancer-addresses": "198.51.100.7, 2001:db8::2" } })],
      ["shop/a 198.51.100.7 2001:db8::2"],
    ],
    [
      "of the pool that is named, each family",
      [service("a", { spec: both, annotations: { "twill.dev/load-balancer-pool": "blue" } })],
      ["shop/a 198.51.100.7 2001:db8::"],
    ],
    ["what its pool has, to a service of two families", [service("a", { spec: both })], ["shop/a 192.0.2.1"]],
    [
      "one of two that have the same, to the older one",
      [service("a", { age: 2, has: "192.0.2.1" }), service("b", { age: 1, has: "192.0.2.1" })],
      ["shop/a 192.0.2.2"],
    ],
    [
      "no address when all are taken",
      [service("a", { age: 1 }), service("b", { age: 2 }), service("c", { age: 3 })],
      [
        "shop/a 192.0.2.1",
        "shop/b 192.0.2.2",
        "Service shop/c gets no ipv4 address: all of pool default are taken, add a range",
      ],
    ],
    [
      "no address that another has, or that is in no pool",
      [
        service("a", { age: 1, has: "192.0.2.1" }),
        service("b", { age: 2, spec: { loadBalancerIP: "192.0.2.1" } }),
        service("c", { age: 3, spec: { loadBalancerIP: "203.0.113.1" } }),
        service("d", { age: 4, spec: { loadBalancerIP: "here" } }),
      ],
      [
        "Service shop/b asks for 192.0.2.1, which shop/a has: they share it where both have the same twill.dev/load-balancer-sharing",
        "Service shop/c asks for 203.0.113.1, which is in no pool",
        'Service shop/d asks for "here", which is no address',
      ],
    ],
    [
      "no address of a pool that there is not",
      [service("a", { annotations: { "twill.dev/load-balancer-pool": "red" } })],
      ['Service shop/a wants addresses of pool "red", which there is not'],
    ],
    [
      "no address of a family that the pool has none of",
      [service("a", { spec: { ipFamilies: ["IPv6"] } })],
      ["Service shop/a gets no address: pool default has none of ipv6"],
    ],
    [
      "the others what a request gives back",
      [service("a", { age: 1, has: "192.0.2.1", spec: { loadBalancerIP: "192.0.2.2" } })],
      ["shop/a 192.0.2.2"],
    ],
  ];
  const shares = { "twill.dev/load-balancer-sharing": "front" };
  const port = (number: number, more: Service["spec"] = {}) => ({ ports: [{ port: number }], ...more });
  const local = { externalTrafficPolicy: "Local", selector: { app: "web" } };
  const sharingRows: typeof rows = [
    [
      "one address to services that say alike, of other ports",
      [
        service("a", { age: 1, annotations: shares, spec: port(80) }),
        service("b", { age: 2, annotations: shares, spec: port(443) }),
        service("c", { age: 3, annotations: shares, spec: { ports: [{ port: 80, protocol: "UDP" }] } }),
        service("d", { age: 4, spec: port(8080) }),
      ],
      ["shop/a 192.0.2.1", "shop/b 192.0.2.1", "shop/c 192.0.2.1", "shop/d 192.0.2.2"],
    ],
    [
      "other addresses to services that say otherwise",
      [
        service("a", { age: 1, annotations: shares, spec: port(80) }),
        service("b", { age: 2, annotations: { "twill.dev/load-balancer-sharing": "back" }, spec: port(443) }),
        service("c", { age: 3, annotations: { "twill.dev/load-balancer-sharing": "" }, spec: port(444) }),
      ],
      [
        "shop/a 192.0.2.1",
        "shop/b 192.0.2.2",
        "Service shop/c gets no ipv4 address: all of pool default are taken, add a range",
      ],
    ],
    [
      "no shared address to one of the same port",
      [
        service("a", { age: 1, annotations: shares, spec: port(80), has: "192.0.2.1" }),
        service("b", { age: 2, annotations: shares, spec: port(80) }),
      ],
      ["Service shop/b cannot share 192.0.2.1 with shop/a: both are for port tcp 80"],
    ],
    [
      "no shared address where only one wants local endpoints, or others",
      [
        service("a", { age: 1, annotations: shares, spec: port(80, local) }),
        service("b", { age: 2, annotations: shares, spec: port(81) }),
        service("c", { age: 3, annotations: shares, spec: port(82, { ...local, selector: { app: "db" } }) }),
        service("d", { age: 4, annotations: shares, spec: port(83, local) }),
      ],
      [
        "shop/a 192.0.2.1",
        "shop/d 192.0.2.1",
        "Service shop/b cannot share 192.0.2.1 with shop/a: with externalTrafficPolicy Local both need it, in one namespace with one selector",
        "Service shop/c cannot share 192.0.2.1 with shop/a: with externalTrafficPolicy Local both need it, in one namespace with one selector",
      ],
    ],
    [
      "a shared address that is asked for, when both say so",
      [
        service("a", { age: 1, annotations: shares, spec: port(80, { loadBalancerIP: "192.0.2.2" }) }),
        service("b", { age: 2, annotations: shares, spec: port(81, { loadBalancerIP: "192.0.2.2" }) }),
        service("c", { age: 3, annotations: shares, spec: port(81, { loadBalancerIP: "192.0.2.2" }) }),
      ],
      [
        "shop/a 192.0.2.2",
        "shop/b 192.0.2.2",
        "Service shop/c asks for 192.0.2.2, which shop/b has: both are for port tcp 81",
      ],
    ],
    [
      "each what it has, also when it could share",
      [
        service("a", { age: 1, annotations: shares, spec: port(80), has: "192.0.2.1" }),
        service("b", { age: 2, annotations: shares, spec: port(81), has: "192.0.2.2" }),
      ],
      [],
    ],
    [
      "another one to who does not share any more, and nothing to who got the same port",
      [
        service("a", { age: 1, annotations: shares, spec: port(80), has: "192.0.2.1" }),
        service("b", { age: 2, spec: port(81), has: "192.0.2.1" }),
        service("c", { age: 3, annotations: shares, spec: port(80), has: "192.0.2.1" }),
      ],
      [
        "shop/b 192.0.2.2",
        "shop/c nothing",
        "Service shop/c cannot share 192.0.2.1 with shop/a: both are for port tcp 80",
      ],
    ],
    [
      "both families to services that share",
      ["a", "b"].map((name, age) =>
        service(name, {
          age,
          annotations: { ...shares, "twill.dev/load-balancer-pool": "blue" },
          spec: port(80 + age, both),
        }),
      ),
      ["shop/a 198.51.100.7 2001:db8::", "shop/b 198.51.100.7 2001:db8::"],
    ],
  ];
  for (const [what, services, lines] of [...rows, ...sharingRows])
    test(`gives ${what}`, () => expect(show(pool, ...services)).toEqual([...lines]));
});

describe("readBalancerPools()", () => {
  const rows: readonly (readonly [text: string, outcome: string])[] = [
    ["192.0.2.0/30", "default 4"],
    ["blue=192.0.2.7,2001:db8::1-2001:db8::ff", "blue 1 255"],
    ["192.0.2.1/30", "Cannot give out 192.0.2.1/30: the block is 192.0.2.0/30, name that"],
    [
      "192.0.2.9-192.0.2.1",
      "Cannot give out 192.0.2.9-192.0.2.1: the first address must be before the last, of one family",
    ],
    ["192.0.2.0/30,192.0.2.3", "Cannot give out 192.0.2.3: it overlaps 192.0.2.0/30, name ranges that do not"],
    [
      "10.244.0.0-10.244.255.1",
      "Cannot give out 10.244.0.0-10.244.255.1: it overlaps 10.244.128.0/17, which pods get; name a range that does not",
    ],
    [
      "ten",
      'Cannot give out "ten": it is no block like 192.0.2.0/28, no address, and no range like 192.0.2.1-192.0.2.9',
    ],
  ];
  for (const [text, outcome] of rows) {
    test(`reads ${text}`, () => {
      const show = () =>
        readBalancerPools([text], [cidr("10.244.128.0/17")]).map(({ name, ranges }) =>
          [name, ...ranges.map(({ first, last }) => last - first + 1n)].join(" "),
        );
      if (outcome.startsWith("Cannot")) expect(show).toThrow(outcome);
      else expect(show()).toEqual([outcome]);
    });
  }
});
