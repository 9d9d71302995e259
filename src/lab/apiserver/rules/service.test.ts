// Services as they are stored: what is filled in, kept and refused.

import { describe, expect, test } from "bun:test";
import type { ServiceSpec } from "kubernetes-types/core/v1";
import type { Service } from "#kube/kinds.ts";
import type { KubeObject } from "#kube/object.ts";
import type { RuleContext } from "#lab/apiserver/registry.ts";
import { cidr } from "#net/cidr.ts";
import { NumberPool, ServiceRange } from "./address-pool.ts";
import { serviceRules } from "./service.ts";

/** Always the lowest that is free. */
const first = () => 0;
const nodePorts = new NumberPool(30_000, 30_003, first);
const v4 = new ServiceRange(cidr("10.96.0.0/29"), first);
const v6 = new ServiceRange(cidr("fd00:10:96::/112"), first);
const rules = serviceRules({ ranges: [v4], nodePorts });
const dualRules = serviceRules({ ranges: [v4, v6], nodePorts });

function service(spec: ServiceSpec, name = "web"): Service {
  return { apiVersion: "v1", kind: "Service", metadata: { namespace: "shop", name }, spec };
}

function context(others: readonly KubeObject[] = []): RuleContext {
  return {
    now: "",
    user: { username: "", groups: [] },
    subresource: "",
    random: (bytes) => bytes,
    objects: () => others,
    index: (kind) => {
      const index = new kind();
      for (const other of others) index.add(other);
      return index;
    },
  };
}

function created(spec: ServiceSpec, others: readonly Service[] = [], using = rules): ServiceSpec {
  return (using.prepareCreate?.(service(spec), context(others)) as Service | undefined)?.spec ?? {};
}

function updated(spec: ServiceSpec, old: ServiceSpec, using = rules): ServiceSpec {
  return (using.prepareUpdate?.(service(spec), service(old), context()) as Service | undefined)?.spec ?? {};
}

function faults(spec: ServiceSpec, old?: ServiceSpec, using = rules): readonly string[] {
  const all = using.validate?.(service(spec), old === undefined ? undefined : service(old)) ?? [];
  return all.map(({ field, message }) => `${field}: ${message}`);
}

const http = [{ port: 80 }];

describe("a new service", () => {
  test("has an address, its family and the defaults", () => {
    expect(created({ ports: [{ port: 80 }, { name: "dns", port: 53, protocol: "UDP", targetPort: "dns" }] })).toEqual({
      type: "ClusterIP",
      clusterIP: "10.96.0.1",
      clusterIPs: ["10.96.0.1"],
      ipFamilies: ["IPv4"],
      ipFamilyPolicy: "SingleStack",
      internalTrafficPolicy: "Cluster",
      sessionAffinity: "None",
      ports: [
        { port: 80, protocol: "TCP", targetPort: 80 },
        { name: "dns", port: 53, protocol: "UDP", targetPort: "dns" },
      ],
    });
  });

  test("gets no address that another has, and none when all are taken", () => {
    const others = ["10.96.0.1", "10.96.0.2"].map((address) => service({ clusterIPs: [address] }));
    expect(created({ ports: http }, others).clusterIP).toBe("10.96.0.3");
    const all = [1, 2, 3, 4, 5, 6].map((last) => service({ clusterIPs: [`10.96.0.${last}`] }));
    expect(() => created({ ports: http }, all)).toThrow("all of 10.96.0.0/29 are taken");
  });

  test("keeps the address that it names", () => {
    expect(created({ ports: http, clusterIP: "10.96.0.5" }).clusterIPs).toEqual(["10.96.0.5"]);
  });

  test("refuses the address of another", () => {
    const other = service({ clusterIPs: ["10.96.0.5"] });
    expect(() => created({ ports: http, clusterIP: "10.96.0.5" }, [other])).toThrow("provided IP is already allocated");
  });

  test("refuses the node port of another, but keeps its own", () => {
    const taken = { type: "NodePort", ports: [{ port: 80, nodePort: 30_123 }] };
    expect(() => created(taken, [service(taken, "other")])).toThrow(
      'Service "web" is invalid: spec.ports[0].nodePort: Invalid value: 30123: provided port is already allocated',
    );
    const own = created(taken);
    expect(updated({ ...own, ports: [...(own.ports ?? []), { name: "b", port: 81 }] }, own).ports).toMatchObject([
      { nodePort: 30_123 },
      { nodePort: 30_000 },
    ]);
  });

  test("has none when it is headless or a name", () => {
    expect(created({ clusterIP: "None" }).clusterIPs).toEqual(["None"]);
    expect(created({ type: "ExternalName", externalName: "example.com" })).not.toHaveProperty("clusterIP");
  });

  test("has one node port a port, the same for two protocols of one port", () => {
    const ports = [
      { name: "a", port: 53 },
      { name: "b", port: 53, protocol: "UDP" },
      { name: "c", port: 80 },
    ];
    const spec = created({ type: "NodePort", ports });
    expect(spec.ports?.map(({ nodePort }) => nodePort)).toEqual([30_000, 30_000, 30_001]);
    expect(spec.externalTrafficPolicy).toBe("Cluster");
  });

  test("of type LoadBalancer with local traffic has a port for health checks", () => {
    const spec = created({ type: "LoadBalancer", externalTrafficPolicy: "Local", ports: http });
    expect([spec.ports?.[0]?.nodePort, spec.healthCheckNodePort]).toEqual([30_000, 30_001]);
  });

  const families: readonly (readonly [policy: string | undefined, families: string[] | undefined, given: string[]])[] =
    [
      [undefined, undefined, ["10.96.0.1"]],
      ["SingleStack", ["IPv6"], ["fd00:10:96::1"]],
      ["PreferDualStack", undefined, ["10.96.0.1", "fd00:10:96::1"]],
      ["RequireDualStack", ["IPv6"], ["fd00:10:96::1", "10.96.0.1"]],
    ];
  for (const [ipFamilyPolicy, ipFamilies, given] of families) {
    test(`with ${ipFamilyPolicy ?? "no policy"} and ${ipFamilies ?? "no family"} has ${given}`, () => {
      const spec = { ports: http, ...(ipFamilyPolicy && { ipFamilyPolicy }), ...(ipFamilies && { ipFamilies }) };
      expect(created(spec, [], dualRules).clusterIPs).toEqual(given);
    });
  }

  test("that prefers two families in a cluster of one has one", () => {
    expect(created({ ports: http, ipFamilyPolicy: "PreferDualStack" }).clusterIPs).toEqual(["10.96.0.1"]);
  });
});

describe("an updated service", () => {
  test("keeps its address and node ports when they are left out", () => {
    const old = created({ type: "NodePort", ports: http });
    const { clusterIP, clusterIPs, ports } = updated({ type: "NodePort", ports: http }, old);
    expect({ clusterIP, clusterIPs, nodePort: ports?.[0]?.nodePort }).toEqual({
      clusterIP: "10.96.0.1",
      clusterIPs: ["10.96.0.1"],
      nodePort: 30_000,
    });
  });

  test("loses its node ports with its type", () => {
    const old = created({ type: "NodePort", ports: http });
    const spec = updated({ ...old, type: "ClusterIP" }, old);
    expect(spec.ports?.[0]).not.toHaveProperty("nodePort");
  });

  test("keeps the node port of a port that gets another number, unless another one asks for it", () => {
    const old = created({ type: "NodePort", ports: [{ name: "web", port: 80 }] });
    const moved = updated({ type: "NodePort", ports: [{ name: "web", port: 8080 }] }, old);
    expect(moved.ports).toMatchObject([{ port: 8080, nodePort: 30_000 }]);
    const ports = [
      { name: "web", port: 80 },
      { name: "more", port: 81, nodePort: 30_000 },
    ];
    expect(updated({ type: "NodePort", ports }, old).ports?.[0]?.nodePort).not.toBe(30_000);
  });

  test("loses what only its old type may say, when the type alone is changed", () => {
    const balanced = { type: "LoadBalancer", externalTrafficPolicy: "Local", loadBalancerClass: "a/b", ports: http };
    const old = created(balanced);
    for (const type of ["NodePort", "ClusterIP"] as const) {
      const { externalTrafficPolicy, ...spec } = updated({ ...old, type }, old);
      expect([type, externalTrafficPolicy]).toEqual([type, type === "NodePort" ? "Local" : undefined]);
      for (const field of ["healthCheckNodePort", "loadBalancerClass", "allocateLoadBalancerNodePorts"])
        expect(spec).not.toHaveProperty(field);
      expect(faults(spec, old)).toEqual([]);
    }
    expect(faults(updated({ ...old, type: "ExternalName", externalName: "example.com" }, old), old)).toEqual([]);
  });

  test("loses its addresses when it becomes a name, and gets new ones when it is none any more", () => {
    const old = created({ ports: http });
    const name = updated({ ...old, type: "ExternalName", externalName: "example.com" }, old);
    expect(name).not.toHaveProperty("clusterIP");
    expect(updated({ type: "ClusterIP", ports: http }, name).clusterIP).toBe("10.96.0.1");
  });

  test("is not moved to another address by a client that knows one field of it", () => {
    const old = created({ ports: http });
    const moved = updated({ ...old, clusterIP: "10.96.0.3" }, old);
    expect(faults(moved, old)).toEqual(['spec.clusterIPs[0]: Invalid value: ["10.96.0.3"]: may not change once set']);
  });

  test("goes from one family to two and back", () => {
    const old = created({ ports: http }, [], dualRules);
    const dual = updated({ ...old, ipFamilyPolicy: "PreferDualStack" }, old, dualRules);
    expect(dual.clusterIPs).toEqual(["10.96.0.1", "fd00:10:96::1"]);
    expect(updated({ ...dual, ipFamilyPolicy: "SingleStack" }, dual, dualRules).clusterIPs).toEqual(["10.96.0.1"]);
  });
});

describe("a service is refused", () => {
  const base = created({ ports: http });
  const rows: readonly (readonly [spec: ServiceSpec, fault: string, old?: ServiceSpec])[] = [
    [{ ...base, ports: [] }, "spec.ports: Required value"],
    [{ ...base, type: "Cluster" }, "spec.type: Unsupported value"],
    [{ ...base, ports: [{ port: 0 }] }, "spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive"],
    [{ ...base, ports: [{ port: 80 }, { port: 81 }] }, "spec.ports[0].name: Required value"],
    [
      {
        ...base,
        ports: [
          { name: "a", port: 80 },
          { name: "a", port: 81 },
        ],
      },
      "spec.ports[1].name: Duplicate value",
    ],
    [
      {
        ...base,
        ports: [
          { name: "a", port: 80 },
          { name: "b", port: 80 },
        ],
      },
      "spec.ports[1]: Duplicate value",
    ],
    [{ ...base, ports: [{ port: 80, targetPort: "-x" }] }, "spec.ports[0].targetPort: Invalid value"],
    [{ ...base, type: "NodePort", ports: [{ port: 80, nodePort: 80 }] }, "spec.ports[0].nodePort: Invalid value: 80"],
    [{ ...base, clusterIP: "10.97.0.1", clusterIPs: ["10.97.0.1"] }, "spec.clusterIPs[0]: Invalid value"],
    [{ ...base, clusterIP: "x", clusterIPs: ["x"] }, "spec.clusterIPs[0]: Invalid value"],
    [
      { ...base, clusterIP: "10.96.0.2", clusterIPs: ["10.96.0.2"] },
      'spec.clusterIPs[0]: Invalid value: ["10.96.0.2"]: may not change',
      base,
    ],
    [
      { ...base, type: "NodePort", clusterIP: "None", clusterIPs: ["None"] },
      "may not be set to 'None' for NodePort services",
    ],
    [{ type: "ExternalName" }, "spec.externalName: Required value"],
    [{ ...base, ipFamilies: ["IPv6"] }, 'spec.ipFamilies[0]: Invalid value: "IPv6": not configured on this cluster'],
    [{ ...base, ipFamilyPolicy: "RequireDualStack" }, "spec.ipFamilyPolicy: Invalid value"],
    [{ ...base, externalIPs: ["300.1.1.1"] }, "spec.externalIPs[0]: Invalid value"],
    [{ ...base, externalIPs: ["127.0.0.1"] }, "spec.externalIPs[0]: Invalid value"],
    [
      { type: "ExternalName", externalName: "a.b", clusterIP: "10.96.0.1" },
      "spec.clusterIPs: Forbidden: may not be set for ExternalName services",
    ],
    [
      { ...base, externalTrafficPolicy: "Local" },
      'spec.externalTrafficPolicy: Invalid value: "Local": may only be set for externally-accessible services',
    ],
    [
      { ...base, loadBalancerSourceRanges: ["10.0.0.0/8"] },
      "spec.loadBalancerSourceRanges: Forbidden: may only be used when `type` is 'LoadBalancer'",
    ],
    [
      { ...base, type: "LoadBalancer", loadBalancerSourceRanges: ["10.0.0.0/99"] },
      'spec.loadBalancerSourceRanges[0]: Invalid value: "10.0.0.0/99": must be a valid CIDR value',
    ],
    [{ ...base, loadBalancerClass: "a/b" }, "spec.loadBalancerClass: Forbidden"],
    [{ ...base, allocateLoadBalancerNodePorts: false }, "spec.allocateLoadBalancerNodePorts: Forbidden"],
    [
      { ...base, type: "LoadBalancer", loadBalancerClass: "a/b" },
      "spec.loadBalancerClass: Invalid value",
      { ...base, type: "LoadBalancer" },
    ],
    [{ ...base, ports: [{ port: 80, nodePort: 30_001 }] }, "spec.ports[0].nodePort: Forbidden"],
    [
      { ...base, type: "NodePort", healthCheckNodePort: 30_001 },
      "spec.healthCheckNodePort: Invalid value: 30001: may only be set when `type` is 'LoadBalancer'",
    ],
    [
      { ...base, type: "LoadBalancer", externalTrafficPolicy: "Local", healthCheckNodePort: 30_001 },
      "spec.healthCheckNodePort: Invalid value: 30001: field is immutable",
      { ...base, type: "LoadBalancer", externalTrafficPolicy: "Local", healthCheckNodePort: 30_002 },
    ],
    [
      { ...base, clusterIPs: ["10.96.0.1", "10.96.0.2"], ipFamilies: ["IPv4", "IPv6"] },
      'spec.clusterIPs[1]: Invalid value: "10.96.0.2": expected an IPv6 value as indicated by `ipFamilies[1]`',
    ],
    [{ ...base, ipFamilies: ["IPv4", "IPv4"] }, 'spec.ipFamilies[1]: Duplicate value: "IPv4"'],
    [
      { ...base, sessionAffinity: "ClientIP", sessionAffinityConfig: { clientIP: { timeoutSeconds: 0 } } },
      "timeoutSeconds: Invalid value: 0",
    ],
  ];
  for (const [spec, fault, old] of rows) {
    test(fault, () => expect(faults(spec, old).join("\n")).toContain(fault));
  }

  test("never when it is what was given", () => expect(faults(base, base)).toEqual([]));
});
