// Strategic merge patches as the documentation of Kubernetes shows them.
import { describe, expect, test } from "bun:test";
import { schemaOf } from "#lab/apiserver/schema/definitions.ts";
import { anything } from "#lab/apiserver/schema/schema.ts";
import { thrownBy } from "#test/thrown.ts";
import { strategicMergePatch } from "./strategic-merge.ts";

const deployment = schemaOf("apps", "v1", "Deployment") ?? anything;
const pod = schemaOf("", "v1", "Pod") ?? anything;

function podSpec(spec: object): object {
  return { apiVersion: "v1", kind: "Pod", metadata: { name: "p" }, spec };
}

const nginx = { name: "nginx", image: "nginx" };
const redis = { name: "redis", image: "redis" };

// From the Kubernetes documentation: "Update API Objects in Place Using kubectl patch", and "Strategic Merge Patch".
const rows: readonly (readonly [what: string, before: object, patch: object, after: object])[] = [
  [
    "merges containers by name, a new one last",
    { containers: [{ name: "patch-demo-ctr", image: "nginx" }] },
    { containers: [{ name: "patch-demo-ctr-2", image: "redis" }] },
    {
      containers: [
        { name: "patch-demo-ctr", image: "nginx" },
        { name: "patch-demo-ctr-2", image: "redis" },
      ],
    },
  ],
  [
    "changes fields of one container",
    { containers: [nginx, redis] },
    { containers: [{ name: "nginx", image: "nginx:1.25", tty: true }] },
    { containers: [{ name: "nginx", image: "nginx:1.25", tty: true }, redis] },
  ],
  [
    "replaces tolerations: they have no merge key",
    { tolerations: [{ effect: "NoSchedule", key: "dedicated", value: "test-team" }] },
    { tolerations: [{ effect: "NoSchedule", key: "disktype", value: "ssd" }] },
    { tolerations: [{ effect: "NoSchedule", key: "disktype", value: "ssd" }] },
  ],
  [
    "deletes a container by a directive",
    { containers: [nginx, redis] },
    { containers: [{ $patch: "delete", name: "redis" }] },
    { containers: [nginx] },
  ],
  [
    "replaces a list by a directive",
    { containers: [nginx, redis] },
    { containers: [{ name: "log", image: "tailer" }, { $patch: "replace" }] },
    { containers: [{ name: "log", image: "tailer" }] },
  ],
  ["removes a field by null", { nodeName: "a", hostNetwork: true }, { nodeName: null }, { hostNetwork: true }],
  [
    "replaces a map by a directive",
    { nodeSelector: { a: "1", b: "2" } },
    { nodeSelector: { $patch: "replace", c: "3" } },
    { nodeSelector: { c: "3" } },
  ],
  [
    "empties a map by a directive",
    { securityContext: { runAsUser: 1 } },
    { securityContext: { $patch: "delete" } },
    { securityContext: {} },
  ],
  [
    "merges nested lists",
    {
      containers: [
        {
          ...nginx,
          env: [
            { name: "A", value: "1" },
            { name: "B", value: "2" },
          ],
        },
      ],
    },
    {
      containers: [
        {
          name: "nginx",
          env: [
            { name: "B", value: "3" },
            { name: "A", $patch: "delete" },
          ],
        },
      ],
    },
    { containers: [{ ...nginx, env: [{ name: "B", value: "3" }] }] },
  ],
  [
    "orders by $setElementOrder",
    { containers: [nginx, redis] },
    {
      "$setElementOrder/containers": [{ name: "log" }, { name: "redis" }, { name: "nginx" }],
      containers: [{ name: "log" }],
    },
    { containers: [{ name: "log" }, redis, nginx] },
  ],
  [
    "keeps what only the server has before what it stood before",
    { containers: [{ name: "a" }, { name: "sidecar" }, { name: "b" }] },
    { "$setElementOrder/containers": [{ name: "a" }, { name: "b" }, { name: "c" }], containers: [{ name: "c" }] },
    { containers: [{ name: "a" }, { name: "sidecar" }, { name: "b" }, { name: "c" }] },
  ],
  [
    "changes nothing but the order when only that is patched",
    { containers: [nginx, redis] },
    { "$setElementOrder/containers": [{ name: "redis" }, { name: "nginx" }] },
    { containers: [redis, nginx] },
  ],
  [
    "keeps only $retainKeys",
    { volumes: [{ name: "v", emptyDir: {} }] },
    { volumes: [{ name: "v", $retainKeys: ["name", "hostPath"], hostPath: { path: "/x" } }] },
    { volumes: [{ name: "v", hostPath: { path: "/x" } }] },
  ],
  [
    "leaves no directive and no null in what is new",
    {},
    {
      volumes: [{ name: "v", $retainKeys: ["name", "emptyDir"], emptyDir: { medium: null } }],
      nodeSelector: { $patch: "replace", a: "b" },
    },
    { volumes: [{ name: "v", emptyDir: {} }], nodeSelector: { a: "b" } },
  ],
  [
    "merges by container port alone, whatever the protocol",
    { containers: [{ name: "a", ports: [{ containerPort: 53, protocol: "TCP" }] }] },
    { containers: [{ name: "a", ports: [{ containerPort: 53, protocol: "UDP" }] }] },
    { containers: [{ name: "a", ports: [{ containerPort: 53, protocol: "UDP" }] }] },
  ],
];

const refused: readonly (readonly [what: string, patch: unknown])[] = [
  ["no object", []],
  ["an unknown directive", { spec: { $patch: "explode" } }],
  ["an item without its merge key", { spec: { containers: [{ image: "nginx" }] } }],
  ["an item that is no object", { spec: { containers: ["nginx"] } }],
  ["$retainKeys that leaves out what is patched", { spec: { $retainKeys: ["a"], b: 1 } }],
  ["an order that is no list", { spec: { "$setElementOrder/containers": "a", containers: [] } }],
];

describe("strategicMergePatch()", () => {
  for (const [what, before, patch, after] of rows) {
    test(what, () => {
      expect(strategicMergePatch(pod, { ...podSpec(before) }, { spec: patch })).toEqual({ ...podSpec(after) });
    });
  }

  for (const [what, patch] of refused) {
    test(`refuses ${what}`, () => {
      expect(thrownBy(() => strategicMergePatch(pod, { spec: { containers: [] } }, patch))).toMatchObject({
        code: "BadRequest",
      });
    });
  }

  test("adds and deletes finalizers, which are a list of strings", () => {
    const before = { metadata: { finalizers: ["a", "b"] } };
    const patch = { metadata: { finalizers: ["c", "a"], "$deleteFromPrimitiveList/finalizers": ["b"] } };
    expect(strategicMergePatch(pod, before, patch)).toEqual({ metadata: { finalizers: ["a", "c"] } });
  });

  test("changes a Deployment's strategy without leaving the other's fields", () => {
    const before = { spec: { strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: 1 } } } };
    const patch = { spec: { strategy: { $retainKeys: ["type"], type: "Recreate" } } };
    expect(strategicMergePatch(deployment, before, patch)).toEqual({ spec: { strategy: { type: "Recreate" } } });
  });
});
