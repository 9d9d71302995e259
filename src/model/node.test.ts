// Tables of Kubernetes nodes and what becomes of them.

import { describe, expect, test } from "bun:test";
import type { Node } from "#kube/kinds.ts";
import { toNodeModel } from "./node.ts";

function node(fields: Pick<Node, "spec" | "status">): Node {
  return { apiVersion: "v1", kind: "Node", metadata: { name: "n1", labels: { zone: "a" } }, ...fields };
}

const address = (type: string, value: string) => ({ type, address: value });

describe("toNodeModel()", () => {
  const rows: readonly (readonly [what: string, node: Pick<Node, "spec" | "status">, model: object])[] = [
    ["takes a node without anything", {}, { addresses: {}, blocks: [] }],
    [
      "takes blocks of both families in their order",
      { spec: { podCIDRs: ["10.244.1.0/24", "fd00:10:244:1::/64"], podCIDR: "10.244.1.0/24" } },
      { addresses: {}, blocks: ["10.244.1.0/24", "fd00:10:244:1::/64"] },
    ],
    [
      "takes the one block of old clusters",
      { spec: { podCIDR: "10.1.0.0/16" } },
      { addresses: {}, blocks: ["10.1.0.0/16"] },
    ],
    [
      "makes a block of an address in it",
      { spec: { podCIDRs: ["10.1.0.9/16"] } },
      { addresses: {}, blocks: ["10.1.0.0/16"] },
    ],
    [
      "leaves out what is no block",
      { spec: { podCIDRs: ["none", "10.1.0.0/16"] } },
      { addresses: {}, blocks: ["10.1.0.0/16"] },
    ],
    [
      "takes the first internal address of each family, and knows all of them",
      {
        status: {
          addresses: [
            address("Hostname", "n1"),
            address("ExternalIP", "203.0.113.1"),
            address("InternalIP", "FD00::1"),
            address("InternalIP", "192.168.0.1"),
            address("InternalIP", "192.168.0.2"),
          ],
        },
      },
      {
        ...{ addresses: { ipv4: "192.168.0.1", ipv6: "fd00::1" }, blocks: [] },
        internal: ["fd00::1", "192.168.0.1", "192.168.0.2"],
      },
    ],
  ];
  for (const [what, fields, model] of rows) {
    test(what, () => {
      const rest = { name: "n1", labels: { zone: "a" }, internal: [], ready: false, leaving: false };
      expect<object>(toNodeModel(node(fields))).toEqual({ ...rest, ...model });
    });
  }

  test("tells nodes that are about to be removed", () => {
    const taints = [{ key: "ToBeDeletedByClusterAutoscaler", effect: "NoSchedule" }];
    const removed = { ...node({}), metadata: { name: "n1", deletionTimestamp: "2026-01-01T00:00:00Z" } };
    expect([node({ spec: { taints } }), removed].map((each) => toNodeModel(each).leaving)).toEqual([true, true]);
  });
});
