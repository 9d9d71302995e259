// Where services of a small cluster are reached on node1, in zone a, as text.

import { describe, expect, test } from "bun:test";
import type { EndpointSlice, Service } from "#kube/kinds.ts";
import { ip } from "#net/ip.ts";
import { slice, service as webService } from "#test/lab/services.ts";
import { formatFrontend, frontendsOf, type NodeSide } from "./frontend.ts";
import { toServiceModel } from "./service.ts";
import { toSliceModel } from "./slice.ts";

type Endpoint = EndpointSlice["endpoints"][number];
type Spec = NonNullable<Service["spec"]> & { readonly annotations?: Readonly<Record<string, string>> };

const side: NodeSide = { node: "node1", zone: "a", portAddresses: [ip("172.30.0.11"), ip("fd00:30::11")] };
const here = { addresses: ["10.244.1.7"], nodeName: "node1" };
const there = { addresses: ["10.244.2.8"], nodeName: "node2" };
const far = { addresses: ["10.244.3.9"], nodeName: "node3" };
const draining = { ready: false, serving: true, terminating: true };
const both = [slice([here, there])];
const nodePort: Spec = { type: "NodePort", ports: [{ port: 80, nodePort: 30080 }] };

function forZones(endpoint: Endpoint, ...zones: readonly string[]): Endpoint {
  return { ...endpoint, hints: { forZones: zones.map((name) => ({ name })) } };
}

function forNodes(endpoint: Endpoint, ...nodes: readonly string[]): Endpoint {
  return { ...endpoint, hints: { forNodes: nodes.map((name) => ({ name })) } as Endpoint["hints"] & object };
}

function show({ annotations = {}, ...spec }: Spec, slices: readonly EndpointSlice[], ingress: readonly object[] = []) {
  const service = webService(spec, { loadBalancer: { ingress: [...ingress] } });
  const model = toServiceModel({ ...service, metadata: { ...service.metadata, annotations } });
  if (model === undefined) return ["nothing"];
  const endpoints = slices.map((slice) => toSliceModel(slice)).filter((each) => each !== undefined);
  return [...frontendsOf(model, endpoints, side).map(formatFrontend), ...model.faults];
}

describe("frontendsOf()", () => {
  const cluster = "cluster tcp 10.96.0.20:80 →";
  const node = "node-port tcp 172.30.0.11:30080 →";
  const [a, b, c] = ["10.244.1.7:8080", "10.244.2.8:8080", "10.244.3.9:8080"];
  type Row = readonly [what: string, spec: Spec, slices: readonly EndpointSlice[], lines: readonly string[]];
  const rows: readonly Row[] = [
    ["no endpoint", {}, [], [`${cluster} refuse`]],
    [
      "slices without ports or with none that has a number",
      {},
      [slice([here], { ports: [{}] })],
      [`${cluster} refuse`],
    ],
    [
      "endpoints that every host has for itself",
      {},
      [slice([{ addresses: ["127.0.0.1"] }, { addresses: ["169.254.169.254"] }])],
      [`${cluster} refuse`],
    ],
    ["slices of names", {}, [slice([here], { addressType: "FQDN" })], [`${cluster} refuse`]],
    ["a headless service", { clusterIP: "None", clusterIPs: ["None"] }, both, ["nothing"]],
    [
      "endpoints of several slices in the order of their addresses, each once",
      {},
      [slice([far, there]), slice([there]), slice([here])],
      [`${cluster} ${a}, ${b}, ${c}`],
    ],
    [
      "both policies Local",
      { ...nodePort, internalTrafficPolicy: "Local", externalTrafficPolicy: "Local" },
      both,
      [`${cluster} ${a}`, `${node} ${a}, ${b}; from outside ${a}; keeps the source`],
    ],
    [
      "policies Local and endpoints elsewhere",
      { ...nodePort, internalTrafficPolicy: "Local", externalTrafficPolicy: "Local" },
      [slice([there])],
      [`${cluster} drop`, `${node} ${b}; from outside drop; keeps the source`],
    ],
    [
      "policies Local and no endpoint at all",
      { ...nodePort, internalTrafficPolicy: "Local", externalTrafficPolicy: "Local" },
      [],
      [`${cluster} refuse`, `${node} refuse; keeps the source`],
    ],
    [
      "a local endpoint that drains, when the ready ones are elsewhere",
      { ...nodePort, externalTrafficPolicy: "Local" },
      [slice([{ ...here, conditions: draining }, there])],
      [`${cluster} ${b}`, `${node} ${b}; from outside ${a}; keeps the source`],
    ],
    [
      "endpoints that drain, when no other is there",
      {},
      [
        slice([
          { ...here, conditions: draining },
          { ...there, conditions: { ready: false } },
        ]),
      ],
      [`${cluster} ${a}`],
    ],
    [
      "endpoints that end and are published though they are not ready",
      { publishNotReadyAddresses: true },
      [slice([{ ...here, conditions: { ready: true, serving: false, terminating: true } }])],
      [`${cluster} ${a}`],
    ],
    ["endpoints for its zone", {}, [slice([forZones(here, "b"), forZones(there, "a", "c")])], [`${cluster} ${b}`]],
    ["all, when one has no hint", {}, [slice([here, forZones(there, "a")])], [`${cluster} ${a}, ${b}`]],
    [
      "all, when none is for its zone",
      {},
      [slice([forZones(here, "b"), forZones(there, "c")])],
      [`${cluster} ${a}, ${b}`],
    ],
    [
      "endpoints for the node itself",
      {},
      [slice([forNodes(here, "node1"), forNodes(there, "node2")])],
      [`${cluster} ${a}`],
    ],
    [
      "endpoints for its zone, when none is for the node",
      {},
      [
        slice([
          {
            ...forNodes(there, "node2"),
            hints: { forNodes: [{ name: "node2" }], forZones: [{ name: "a" }] } as object,
          },
        ]),
      ],
      [`${cluster} ${b}`],
    ],
    [
      "hints that do not bind the policy Local",
      { ...nodePort, externalTrafficPolicy: "Local" },
      [slice([forZones(here, "b"), forZones(there, "a")])],
      [`${cluster} ${b}`, `${node} ${b}; from outside ${a}; keeps the source`],
    ],
    [
      "annotations",
      { ...nodePort, annotations: { "twill.dev/balance": "maglev", "twill.dev/direct-return": "true" } },
      both,
      [`${cluster} ${a}, ${b}; maglev`, `${node} ${a}, ${b}; maglev; returns directly`],
    ],
    [
      "annotations with words that mean nothing",
      { annotations: { "twill.dev/balance": "best" } },
      both,
      [
        `${cluster} ${a}, ${b}`,
        'Service shop/web: annotation twill.dev/balance must be one of random, maglev, found "best"',
      ],
    ],
    [
      "ports that are none",
      {
        ports: [
          { name: "a", port: 0 },
          { name: "b", port: 80, protocol: "ICMP" },
        ],
      },
      both,
      [
        "Service shop/web: TCP port 0 (node port 0) is no port, it is left out",
        "Service shop/web: protocol ICMP of port 80 is not TCP, UDP or SCTP, the port is left out",
      ],
    ],
    [
      "no outer address that every host has for itself",
      { type: "LoadBalancer", externalIPs: ["127.0.0.1", "192.0.2.80"], loadBalancerSourceRanges: ["10.0.0.0/99"] },
      both,
      [
        `${cluster} ${a}, ${b}`,
        `external tcp 192.0.2.80:80 → ${a}, ${b}`,
        "Service shop/web is not served at its external address 127.0.0.1: that is a loopback address",
        'Service shop/web: loadBalancerSourceRanges has "10.0.0.0/99", which is no block: it admits nobody',
      ],
    ],
    ["an endpoint of a port 0", {}, [slice([here], { ports: [{ port: 0 }] })], [`${cluster} refuse`]],
  ];
  for (const [what, spec, slices, lines] of rows) {
    test(`has ${what}`, () => expect(show(spec, slices)).toEqual([...lines]));
  }

  test("has a balancer's addresses, for those whom they are for, and not those that it keeps", () => {
    const spec: Spec = { type: "LoadBalancer", loadBalancerSourceRanges: [" 192.0.2.0/24", "2001:db8::/32"] };
    expect(show(spec, both, [{ ip: "198.51.100.7" }, { ip: "198.51.100.8", ipMode: "Proxy" }])).toEqual([
      `${cluster} ${a}, ${b}`,
      `balancer tcp 198.51.100.7:80 → ${a}, ${b}; only for 192.0.2.0/24, 2001:db8::/32`,
    ]);
    expect(show({}, both, [{ ip: "198.51.100.7" }])).toEqual([`${cluster} ${a}, ${b}`]);
  });

  for (const label of ["service.kubernetes.io/service-proxy-name", "service.kubernetes.io/headless"]) {
    test(`leaves a service with label ${label} to others`, () => {
      const service = webService({});
      expect(
        toServiceModel({ ...service, metadata: { ...service.metadata, labels: { [label]: "" } } }),
      ).toBeUndefined();
    });
  }
});
