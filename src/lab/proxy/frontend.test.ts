// Where services of a small cluster are reached on node1, as text.

import { describe, expect, test } from "bun:test";
import type { EndpointSlice, Service } from "#kube/kinds.ts";
import { side, slice, service as webService } from "#test/lab/services.ts";
import { formatFrontend, frontendsOf } from "./frontend.ts";

const here = { addresses: ["10.244.1.7"], nodeName: "node1" };
const there = { addresses: ["10.244.2.8"], nodeName: "node2" };
const ready = { ready: true };
const ending = { ready: false, serving: true, terminating: true };
const gone = { ready: false, serving: false, terminating: true };
const both = [slice([here, there])];

function show(spec: Service["spec"], slices: readonly EndpointSlice[] = both, status?: Service["status"]): string[] {
  const service = webService(spec, status);
  return frontendsOf(service, slices, side).map(formatFrontend);
}

describe("frontendsOf()", () => {
  type Row = readonly [what: string, spec: Service["spec"], slices: readonly EndpointSlice[], lines: readonly string[]];
  const targets = "10.244.1.7:8080, 10.244.2.8:8080";
  const node = "tcp 172.30.0.11:30080";
  const rows: readonly Row[] = [
    ["a cluster address", {}, both, [`tcp 10.96.0.20:80 → ${targets}`]],
    ["no endpoint", {}, [], ["tcp 10.96.0.20:80 → refuse"]],
    ["a headless service", { clusterIP: "None", clusterIPs: ["None"] }, both, []],
    ["an address that is not given yet", { clusterIP: "", clusterIPs: [] }, both, []],
    ["another name", { type: "ExternalName", externalName: "www.example.com" }, both, []],
    [
      "a port of the node",
      { type: "NodePort", ports: [{ port: 80, nodePort: 30080 }] },
      both,
      [`tcp 10.96.0.20:80 → ${targets}`, `${node} → ${targets}; masquerade`],
    ],
    [
      "the external policy Local",
      { type: "NodePort", externalTrafficPolicy: "Local", ports: [{ port: 80, nodePort: 30080 }] },
      both,
      [`tcp 10.96.0.20:80 → ${targets}`, `${node} → ${targets}; from outside 10.244.1.7:8080`],
    ],
    [
      "the external policy Local without a local endpoint",
      { type: "NodePort", externalTrafficPolicy: "Local", ports: [{ port: 80, nodePort: 30080 }] },
      [slice([there])],
      ["tcp 10.96.0.20:80 → 10.244.2.8:8080", `${node} → 10.244.2.8:8080; from outside drop`],
    ],
    ["the internal policy Local", { internalTrafficPolicy: "Local" }, both, ["tcp 10.96.0.20:80 → 10.244.1.7:8080"]],
    [
      "the internal policy Local without a local endpoint",
      { internalTrafficPolicy: "Local" },
      [slice([there])],
      ["tcp 10.96.0.20:80 → drop"],
    ],
    [
      "external addresses, of families that the service has",
      { externalIPs: ["192.0.2.7", "2001:db8::7"] },
      both,
      [`tcp 10.96.0.20:80 → ${targets}`, `tcp 192.0.2.7:80 → ${targets}; masquerade`],
    ],
    [
      "clients that stay",
      { sessionAffinity: "ClientIP", sessionAffinityConfig: { clientIP: { timeoutSeconds: 60 } } },
      both,
      [`tcp 10.96.0.20:80 → ${targets}; clients stay 60 s`],
    ],
    [
      "both families",
      {
        clusterIPs: ["10.96.0.20", "fd00:10:96::20"],
        type: "NodePort",
        ports: [{ port: 53, protocol: "UDP", nodePort: 30053 }],
      },
      [
        slice([here], { ports: [{ port: 5353, protocol: "UDP" }] }),
        slice([{ addresses: ["fd00:10:244::7"] }], { addressType: "IPv6", ports: [{ port: 5353, protocol: "UDP" }] }),
      ],
      [
        "udp 10.96.0.20:53 → 10.244.1.7:5353",
        "udp [fd00:10:96::20]:53 → [fd00:10:244::7]:5353",
        "udp 172.30.0.11:30053 → 10.244.1.7:5353; masquerade",
        "udp [fd00:30::11]:30053 → [fd00:10:244::7]:5353; masquerade",
      ],
    ],
    [
      "ports by their names",
      {
        ports: [
          { name: "http", port: 80 },
          { name: "stream", port: 80, protocol: "SCTP" },
        ],
      },
      [
        slice([here], {
          ports: [
            { name: "http", port: 8080, protocol: "TCP" },
            { name: "stream", port: 9000, protocol: "SCTP" },
          ],
        }),
        slice([there], { ports: [{ name: "http", port: 8081, protocol: "TCP" }] }),
      ],
      ["tcp 10.96.0.20:80 → 10.244.1.7:8080, 10.244.2.8:8081", "sctp 10.96.0.20:80 → 10.244.1.7:9000"],
    ],
    [
      "endpoints that are ready, not those that end",
      {},
      [
        slice([
          { ...here, conditions: ready },
          { ...there, conditions: ending },
        ]),
      ],
      ["tcp 10.96.0.20:80 → 10.244.1.7:8080"],
    ],
    [
      "endpoints that end and still serve, when there are no others",
      {},
      [
        slice([
          { ...here, conditions: ending },
          { ...there, conditions: gone },
        ]),
      ],
      ["tcp 10.96.0.20:80 → 10.244.1.7:8080"],
    ],
    [
      "endpoints that are published though they are not ready",
      { publishNotReadyAddresses: true },
      [slice([{ ...here, conditions: ready }])],
      ["tcp 10.96.0.20:80 → 10.244.1.7:8080"],
    ],
    [
      "an endpoint in two slices once, ready in one of them",
      {},
      [slice([{ ...here, conditions: ready }]), slice([{ ...here, conditions: ending }])],
      ["tcp 10.96.0.20:80 → 10.244.1.7:8080"],
    ],
    [
      "no endpoint that is not ready",
      {},
      [slice([{ ...here, conditions: { ready: false } }])],
      ["tcp 10.96.0.20:80 → refuse"],
    ],
  ];
  for (const [what, spec, slices, lines] of rows) {
    test(`has ${what}`, () => expect(show(spec, slices)).toEqual([...lines]));
  }

  test("has addresses that a balancer hands on, not those it keeps", () => {
    const ingress = [{ ip: "192.0.2.8" }, { ip: "192.0.2.9", ipMode: "Proxy" }, { hostname: "example.com" }];
    expect(show({ type: "LoadBalancer" }, both, { loadBalancer: { ingress } })).toEqual([
      `tcp 10.96.0.20:80 → ${targets}`,
      `tcp 192.0.2.8:80 → ${targets}; masquerade`,
    ]);
  });

  test("leaves services of other proxies to them, and has only its own where it has a name", () => {
    const service = webService({});
    const labels = { "service.kubernetes.io/service-proxy-name": "other" };
    const others = { ...service, metadata: { ...service.metadata, labels } };
    const named = { ...side, proxyName: "other" };
    const counts = [side, named].map((each) => [service, others].map((one) => frontendsOf(one, both, each).length));
    expect(counts).toEqual([
      [1, 0],
      [0, 1],
    ]);
  });
});
