// Laws of services: what is said of endpoints in any order, and more than once, means the same; nobody is served who should not be.

import { expect, test } from "bun:test";
import { ip } from "#net/ip.ts";
import { Random } from "#test/random.ts";
import { formatFrontend, frontendsOf, type NodeSide } from "./frontend.ts";
import { packSlice, unpackSlice } from "./packed-slice.ts";
import type { ServiceModel } from "./service.ts";
import type { SliceEndpoint, SliceModel } from "./slice.ts";

const runs = 300;
const side: NodeSide = { node: "node0", zone: "a", portAddresses: [ip("172.30.0.11")] };

function some<T>(random: Random, list: readonly T[]): readonly T[] {
  return list.filter(() => random.below(2) === 0);
}

function randomEndpoint(random: Random): SliceEndpoint {
  return {
    address: ip(`10.244.${random.below(3)}.${random.below(4)}`),
    state: random.below(3) === 0 ? "draining" : "ready",
    node: `node${random.below(3)}`,
    zones: random.below(2) === 0 ? [] : some(random, ["a", "b"]),
    nodes: random.below(2) === 0 ? [] : some(random, ["node0", "node1"]),
  };
}

function randomSlice(random: Random): SliceModel {
  const endpoints = Array.from({ length: random.below(5) }, () => randomEndpoint(random));
  const ports = [{ name: "", protocol: "tcp", port: 8080 + random.below(2) } as const];
  return { service: "shop/web", family: "ipv4", ports, endpoints };
}

function randomService(random: Random): ServiceModel {
  const yes = () => random.below(2) === 0;
  return {
    ...{ name: "shop/web", createdAt: "", addresses: [ip("10.96.0.20")], externalAddresses: [ip("192.0.2.7")] },
    ...{ balancerAddresses: [], ports: [{ name: "", protocol: "tcp", port: 80, nodePort: yes() ? 30080 : 0 }] },
    ...{ affinitySeconds: undefined, internalLocal: yes(), externalLocal: yes(), sourceRanges: undefined },
    ...{ balance: "random", directReturn: false, healthCheckNodePort: 0, faults: [] },
  };
}

function shuffled<T>(random: Random, list: readonly T[]): readonly T[] {
  return list
    .map((value) => ({ value, at: random.u32() }))
    .sort((a, b) => a.at - b.at)
    .map(({ value }) => value);
}

test("slices in any order, some of them twice, mean the same", () => {
  for (let seed = 1; seed <= runs; seed++) {
    const random = new Random(seed);
    const service = randomService(random);
    const slices = Array.from({ length: random.below(4) }, () => randomSlice(random));
    const mixed = shuffled(random, [...slices, ...some(random, slices)]).map((slice) => ({
      ...slice,
      endpoints: shuffled(random, slice.endpoints),
    }));
    expect(frontendsOf(service, mixed, side)).toEqual([...frontendsOf(service, slices, side)]);
  }
});

test("targets are endpoints, of this node where the policy says so, and none drains while a ready one could answer", () => {
  for (let seed = 1; seed <= runs; seed++) {
    const random = new Random(seed);
    const service = randomService(random);
    const slices = Array.from({ length: random.below(4) }, () => randomSlice(random));
    const all = slices.flatMap(({ endpoints, ports: [port] }) =>
      endpoints.map((each) => ({ ...each, port: port?.port })),
    );
    const ready = all.filter(({ state }) => state === "ready");
    for (const frontend of frontendsOf(service, slices, side)) {
      const { inside, outside, kind } = frontend;
      for (const [choice, isLocal] of [
        [inside, kind === "cluster" && service.internalLocal],
        [outside, kind === "cluster" ? service.internalLocal : service.externalLocal],
      ] as const) {
        const known = isLocal ? all.filter(({ node }) => node === side.node) : all;
        const best = ready.filter((each) => known.includes(each));
        // An endpoint that several slices speak of differently counts by the best of them, wherever that says it is.
        for (const { address, port } of choice.targets) {
          const meant = (each: (typeof all)[number]) => each.address === address && each.port === port;
          expect(all.some(meant), `${seed}: ${formatFrontend(frontend)}`).toBe(true);
          if (ready.length > 0 && !isLocal) expect(ready.some(meant)).toBe(true);
        }
        if (!isLocal) expect(choice.targets.length > 0).toBe(all.length > 0);
        if (isLocal && choice.targets.length === 0) expect(choice.otherwise).toBe(all.length > 0 ? "drop" : "refuse");
        if (!isLocal && best.length > 0) expect(choice.targets.length).toBeGreaterThan(0);
      }
    }
  }
});

test("a packed slice is the same slice", () => {
  const random = new Random(96);
  for (let run = 0; run < runs; run++) {
    const slice = randomSlice(random);
    expect(unpackSlice(packSlice(slice, (text) => text))).toEqual(slice);
  }
});
