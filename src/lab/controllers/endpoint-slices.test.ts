// Slices of a service: what is in them, and that a change touches only what it must.

import { describe, expect, test } from "bun:test";
import type { ServiceSpec } from "kubernetes-types/core/v1";
import type { EndpointSlice, Node, Pod, Service } from "#kube/kinds.ts";
import { nodeNamed, podNamed } from "#test/lab/objects.ts";
import { planSlices } from "./endpoint-slices.ts";
import { formatOperation, type Operation } from "./operation.ts";

function service(spec: ServiceSpec = {}): Service {
  const ports = [{ name: "http", port: 80, targetPort: 8080 }];
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { namespace: "shop", name: "web", uid: "uid-service" },
    spec: { selector: { app: "web" }, ports, ipFamilies: ["IPv4"], ...spec },
  };
}

const nodes = new Map<string, Node>([["n1", nodeNamed("n1", { labels: { "topology.kubernetes.io/zone": "east" } })]]);

/** The slices after a plan. */
function applied(slices: readonly EndpointSlice[], operations: readonly Operation[]): readonly EndpointSlice[] {
  let number = slices.length;
  const kept = slices.filter(
    ({ metadata }) => !operations.some((op) => op.do === "remove" && op.place.name === metadata.name),
  );
  const patched = kept.map((slice) => {
    const change = operations.find((op) => op.do === "patch" && op.place.name === slice.metadata.name);
    return change?.do === "patch" ? { ...slice, ...(change.patch as object) } : slice;
  });
  const made = operations.flatMap((op) => {
    if (op.do !== "create") return [];
    const metadata = { ...op.object.metadata, name: `web-${number++}` };
    return [
      { apiVersion: "discovery.k8s.io/v1", kind: "EndpointSlice", ...op.object, metadata } as unknown as EndpointSlice,
    ];
  });
  return [...patched, ...made];
}

function show(slices: readonly EndpointSlice[]): readonly string[] {
  return slices.flatMap(({ addressType, ports = [], endpoints }) => {
    const open = ports.map(({ name, port }) => `${name}=${port}`).join(",");
    return endpoints.map(({ addresses, conditions, zone, hostname }) => {
      const { ready, serving, terminating } = conditions ?? {};
      const state = [ready && "ready", serving && "serving", terminating && "terminating"].filter(Boolean).join("+");
      return [addressType, addresses[0], open, state, zone, hostname]
        .filter((part) => part !== undefined && part !== "")
        .join(" ");
    });
  });
}

function slicesOf(pods: readonly Pod[], spec: ServiceSpec = {}): readonly string[] {
  return show(applied([], planSlices(service(spec), pods, nodes, [])));
}

describe("planSlices()", () => {
  const rows: readonly (readonly [what: string, pods: readonly Pod[], spec: ServiceSpec, lines: readonly string[]])[] =
    [
      [
        "a ready pod with its zone",
        [podNamed("a", { ip: "10.0.0.1", node: "n1" })],
        {},
        ["IPv4 10.0.0.1 http=8080 ready+serving east"],
      ],
      ["a pod that is not ready", [podNamed("a", { ip: "10.0.0.1", ready: false })], {}, ["IPv4 10.0.0.1 http=8080"]],
      [
        "a pod that goes but still serves",
        [podNamed("a", { ip: "10.0.0.1", terminating: true })],
        {},
        ["IPv4 10.0.0.1 http=8080 serving+terminating"],
      ],
      [
        "pods that are published unready",
        [podNamed("a", { ip: "10.0.0.1", ready: false })],
        { publishNotReadyAddresses: true },
        ["IPv4 10.0.0.1 http=8080 ready"],
      ],
      ["no pod without an address", [podNamed("a")], {}, []],
      ["no pod that has ended", [podNamed("a", { ip: "10.0.0.1", phase: "Succeeded" })], {}, []],
      [
        "both families",
        [podNamed("a", { ip: "10.0.0.1 fd00::1" })],
        { ipFamilies: ["IPv4", "IPv6"] },
        ["IPv4 10.0.0.1 http=8080 ready+serving", "IPv6 fd00::1 http=8080 ready+serving"],
      ],
      [
        "a hostname of the service's own",
        [podNamed("a", { ip: "10.0.0.1", spec: { hostname: "a-0", subdomain: "web" } })],
        {},
        ["IPv4 10.0.0.1 http=8080 ready+serving a-0"],
      ],
    ];
  for (const [what, pods, spec, lines] of rows)
    test(`has ${what}`, () => expect(slicesOf(pods, spec)).toEqual([...lines]));

  const hints: readonly (readonly [distribution: string | undefined, hints: object | undefined])[] = [
    [undefined, undefined],
    ["PreferClose", { forZones: [{ name: "east" }] }],
    ["PreferSameZone", { forZones: [{ name: "east" }] }],
    ["PreferSameNode", { forZones: [{ name: "east" }], forNodes: [{ name: "n1" }] }],
  ];
  for (const [trafficDistribution, expected] of hints) {
    test(`hints at ${JSON.stringify(expected)} for trafficDistribution ${trafficDistribution}`, () => {
      const spec = trafficDistribution === undefined ? {} : { trafficDistribution };
      const pods = [podNamed("a", { ip: "10.0.0.1", node: "n1" })];
      const [slice] = applied([], planSlices(service(spec), pods, nodes, []));
      expect<unknown>(slice?.endpoints[0]?.hints).toEqual(expected);
    });
  }

  test("puts pods whose named port differs into slices of their own", () => {
    const withPort = (name: string, ip: string, containerPort: number) =>
      podNamed(name, { ip, spec: { containers: [{ name: "c", ports: [{ name: "web", containerPort }] }] } });
    const spec = { ports: [{ name: "http", port: 80, targetPort: "web" }] };
    const pods = [withPort("a", "10.0.0.1", 8080), withPort("b", "10.0.0.2", 9090), podNamed("c", { ip: "10.0.0.3" })];
    expect(slicesOf(pods, spec)).toEqual([
      "IPv4 10.0.0.1 http=8080 ready+serving",
      "IPv4 10.0.0.2 http=9090 ready+serving",
      "IPv4 10.0.0.3 ready+serving",
    ]);
  });

  const many = Array.from({ length: 250 }, (_, index) =>
    podNamed(`p${index}`, { ip: `10.0.${index >> 7}.${index & 127}` }),
  );

  test("makes slices of a hundred, and changes one of them for one pod", () => {
    const first = applied([], planSlices(service(), many, nodes, []));
    expect(first.map(({ endpoints }) => endpoints.length)).toEqual([100, 100, 50]);
    expect(planSlices(service(), many, nodes, first)).toEqual([]);
    const less = planSlices(service(), many.slice(1), nodes, first);
    expect(less.map(formatOperation)).toEqual(["patch EndpointSlice shop/web-0 (99 endpoints)"]);
    const more = planSlices(
      service(),
      [...many, podNamed("new", { ip: "10.9.9.9" })],
      nodes,
      applied(first, less).slice(0, 3),
    );
    expect(more.length).toBeLessThanOrEqual(2);
  });

  test("keeps one empty slice of a service without pods, with the ports that it had", () => {
    const first = applied([], planSlices(service(), [podNamed("a", { ip: "10.0.0.1" })], nodes, []));
    const empty = applied(first, planSlices(service(), [], nodes, first));
    expect(empty.map(({ endpoints, ports }) => [endpoints.length, ports?.[0]?.port])).toEqual([[0, 8080]]);
    expect(planSlices(service(), [], nodes, empty)).toEqual([]);
  });

  test("removes what no pod has any more", () => {
    const first = applied([], planSlices(service(), many, nodes, []));
    const few = planSlices(service(), many.slice(0, 1), nodes, first);
    expect(few.map(formatOperation)).toEqual([
      "patch EndpointSlice shop/web-0 (1 endpoints)",
      "remove EndpointSlice shop/web-1 (empty)",
      "remove EndpointSlice shop/web-2 (empty)",
    ]);
  });
});
