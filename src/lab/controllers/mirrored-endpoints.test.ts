// Endpoints that somebody has written, as slices.

import { describe, expect, test } from "bun:test";
import type { EndpointSlice, Endpoints } from "#kube/kinds.ts";
import { planMirror } from "./mirrored-endpoints.ts";
import { formatOperation, type Operation } from "./operation.ts";

function written(subsets: Endpoints["subsets"], labels: Readonly<Record<string, string>> = {}): Endpoints {
  const metadata = { namespace: "shop", name: "db", uid: "uid-endpoints", labels };
  return { apiVersion: "v1", kind: "Endpoints", metadata, ...(subsets === undefined ? {} : { subsets }) };
}

function mirrored(name: string, endpoints: EndpointSlice["endpoints"]): EndpointSlice {
  return {
    ...{ apiVersion: "discovery.k8s.io/v1", kind: "EndpointSlice", metadata: { namespace: "shop", name } },
    ...{ addressType: "IPv4", ports: [{ name: "", port: 5432, protocol: "TCP" }], endpoints },
  };
}

/** What new slices say. */
function show(operations: readonly Operation[]): readonly string[] {
  return operations.map((operation) => {
    if (operation.do !== "create") return formatOperation(operation);
    const { addressType, ports, endpoints } = operation.object as unknown as EndpointSlice;
    const places = endpoints.map(({ addresses, conditions }) => `${addresses}${conditions?.ready ? "" : " not ready"}`);
    return `${addressType} ${(ports ?? []).map(({ name, port }) => `${name}=${port}`)}: ${places.join(", ")}`;
  });
}

const ports = [{ port: 5432 }];
const one = { addresses: ["192.0.2.1"], conditions: { ready: true } };

describe("planMirror()", () => {
  test("has a slice for each family and each set of ports", () => {
    const subsets = [
      { addresses: [{ ip: "192.0.2.1" }, { ip: "2001:db8::1" }], notReadyAddresses: [{ ip: "192.0.2.2" }], ports },
      { addresses: [{ ip: "192.0.2.3" }], ports: [{ name: "a", port: 1 }] },
      { addresses: [{ ip: "192.0.2.4" }], ports },
    ];
    expect(show(planMirror(written(subsets), []))).toEqual([
      "IPv4 =5432: 192.0.2.1, 192.0.2.2 not ready, 192.0.2.4",
      "IPv6 =5432: 2001:db8::1",
      "IPv4 a=1: 192.0.2.3",
    ]);
  });

  test("says where slices come from, and whose they are", () => {
    const [operation] = planMirror(written([{ addresses: [{ ip: "192.0.2.1" }], ports }], { tier: "data" }), []);
    expect(operation).toMatchObject({
      object: {
        metadata: {
          labels: {
            tier: "data",
            "kubernetes.io/service-name": "db",
            "endpointslice.kubernetes.io/managed-by": "endpointslicemirroring-controller.k8s.io",
          },
          ownerReferences: [{ kind: "Endpoints", name: "db", uid: "uid-endpoints" }],
        },
      },
    });
  });

  test("changes what has changed, and removes what is left over", () => {
    const now = mirrored("db-1", [one]);
    expect(planMirror(written([{ addresses: [{ ip: "192.0.2.1" }], ports }]), [now])).toEqual([]);
    const more = [{ addresses: [{ ip: "192.0.2.1" }, { ip: "192.0.2.2" }], ports }];
    expect(show(planMirror(written(more), [now])).join()).toContain("patch");
    expect(show(planMirror(written([]), [now])).join()).toContain("remove");
    expect(show(planMirror(undefined, [now])).join()).toContain("remove");
  });
});
