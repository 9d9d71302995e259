// An endpoint's wiring as text: what is made of nothing, and what is put back.

import { describe, expect, test } from "bun:test";
import type { Endpoint } from "#agent/state/endpoint.ts";
import { defaultBlocks } from "#datapath/places.ts";
import { cidr } from "#net/cidr.ts";
import { ip } from "#net/ip.ts";
import { mac } from "#net/mac.ts";
import { formatPart } from "./part.ts";
import { planWiring } from "./plan.ts";
import { wantWiring } from "./want.ts";

const endpoint: Endpoint = {
  id: 5,
  network: "twill",
  containerId: "c1",
  ifname: "eth0",
  netns: "/run/netns/c1",
  pod: undefined,
  ipv4: ip("10.244.1.5"),
  ipv6: ip("fd00::5"),
  mac: mac("02:00:00:00:00:05"),
  hostMac: mac("02:00:00:00:00:06"),
  hostName: "tw5",
  ifindex: 1005,
  mtu: 1450,
  state: "ready",
  shaping: undefined,
  mapsPorts: false,
};
const sources = { ipv4: ip("172.30.0.11"), ipv6: ip("fd00:30::11") };
const want = wantWiring(endpoint, { blocks: defaultBlocks, sources });
const texts = (have: typeof want) => planWiring(want, have).map(formatPart);

describe("planWiring()", () => {
  test("makes an endpoint of nothing, the pair first", () => {
    expect(texts([])).toEqual([
      "link tw5 (02:00:00:00:00:06) to eth0 (02:00:00:00:00:05)",
      "shared blocks 31 and 32 of #1005",
      "node's #1005 up",
      "node's route 10.244.1.5/32 dev #1005 src 172.30.0.11",
      "neighbour 10.244.1.5 lladdr 02:00:00:00:00:05 on the node's #1005",
      "node's route fd00::5/128 dev #1005 src fd00:30::11",
      "neighbour fd00::5 lladdr 02:00:00:00:00:05 on the node's #1005",
      "pod's #1 up",
      "address 10.244.1.5/32 in the pod",
      "address fd00::5/128 in the pod",
      "pod's #1005 up",
      "neighbour 169.254.1.1 lladdr 02:00:00:00:00:06 on the pod's #1005",
      "pod's route 169.254.1.1/32 dev #1005",
      "pod's route 0.0.0.0/0 via 169.254.1.1 dev #1005",
      "neighbour fe80::1 lladdr 02:00:00:00:00:06 on the pod's #1005",
      "pod's route fe80::1/128 dev #1005",
      "pod's route ::/0 via fe80::1 dev #1005",
    ]);
  });

  test("does nothing where all is there, whatever else there is", () => {
    const more = { part: "route", side: "pod", ifindex: 1005, dst: cidr("10.9.0.0/16") } as const;
    expect(texts([...want, more])).toEqual([]);
  });

  test("puts back each part alone", () => {
    for (const part of want.slice(1)) {
      expect(texts(want.filter((other) => other !== part))).toEqual([formatPart(part)]);
    }
  });

  test("leaves the source to the kernel where the node has no address of the family", () => {
    const routes = wantWiring(endpoint, { blocks: defaultBlocks, sources: { ipv6: sources.ipv6 } }).map(formatPart);
    expect(routes).toContain("node's route 10.244.1.5/32 dev #1005");
    expect(routes).toContain("node's route fd00::5/128 dev #1005 src fd00:30::11");
  });

  test("wants nothing of a family that the pod does not have", () => {
    const single = wantWiring({ ...endpoint, ipv6: undefined }, { blocks: undefined, sources }).map(formatPart);
    expect(single.filter((text) => text.includes("::") || text.includes("blocks"))).toEqual([]);
  });
});
