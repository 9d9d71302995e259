// Server-side apply as the documentation of Kubernetes describes it.
import { describe, expect, test } from "bun:test";
import type { KubeObject } from "#kube/object.ts";
import { schemaOf } from "#lab/apiserver/schema/definitions.ts";
import { thrownBy } from "#test/thrown.ts";
import { serverSideApply } from "./apply.ts";
import { updateManagedFields } from "./update.ts";

const deployments = schemaOf("apps", "v1", "Deployment");
const services = schemaOf("", "v1", "Service");

function deployment(spec: object, metadata: object = {}): KubeObject {
  return { apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "web", namespace: "shop", ...metadata }, spec };
}

function service(spec: object): KubeObject {
  return { apiVersion: "v1", kind: "Service", metadata: { name: "web" }, spec };
}

const noon = "2026-01-01T12:00:00Z";
const later = "2026-01-01T13:00:00Z";

type By = {
  readonly manager?: string;
  readonly force?: boolean;
  readonly now?: string;
  readonly ignored?: readonly string[];
};

function apply(
  live: KubeObject | undefined,
  applied: KubeObject,
  { manager = "a", force = false, now = noon, ignored = [] }: By = {},
): KubeObject {
  const schema = applied.kind === "Service" ? services : deployments;
  return serverSideApply({ schema, live, applied, manager, force, now, subresource: "", ignored });
}

function update(before: KubeObject | undefined, after: KubeObject, manager: string, subresource = ""): KubeObject {
  const schema = after.kind === "Service" ? services : deployments;
  return updateManagedFields({ schema, before, after, manager, apiVersion: after.apiVersion, subresource, now: later });
}

describe("serverSideApply()", () => {
  test("notes the fields of a new object", () => {
    const made = apply(
      undefined,
      deployment(
        {
          replicas: 2,
          template: { spec: { containers: [{ name: "web", image: "nginx", ports: [{ containerPort: 80 }] }] } },
        },
        { labels: { app: "web" } },
      ),
    );
    expect(made.metadata.managedFields).toEqual([
      {
        apiVersion: "apps/v1",
        fieldsType: "FieldsV1",
        fieldsV1: {
          "f:metadata": { "f:labels": { "f:app": {} } },
          "f:spec": {
            "f:replicas": {},
            "f:template": {
              "f:spec": {
                "f:containers": {
                  'k:{"name":"web"}': {
                    ".": {},
                    "f:image": {},
                    "f:name": {},
                    "f:ports": { 'k:{"containerPort":80,"protocol":"TCP"}': { ".": {}, "f:containerPort": {} } },
                  },
                },
              },
            },
          },
        },
        manager: "a",
        operation: "Apply",
        time: noon,
      },
    ]);
  });

  test("gives the live object itself when nothing changes", () => {
    const config = deployment({ replicas: 2, selector: { matchLabels: { app: "web" } } });
    const live = apply(undefined, config);
    expect(apply(live, config, { now: later })).toBe(live);
  });

  test("conflicts with another manager's value, names field and manager", () => {
    const live = apply(undefined, deployment({ replicas: 2 }));
    expect(thrownBy(() => apply(live, deployment({ replicas: 3 }), { manager: "b" }))).toMatchObject({
      code: "Conflict",
      message: 'Apply failed with 1 conflict: conflict with "a": .spec.replicas',
      status: {
        code: 409,
        details: {
          causes: [{ reason: "FieldManagerConflict", message: 'conflict with "a"', field: ".spec.replicas" }],
        },
      },
    });
  });

  test("lists several conflicts by their managers", () => {
    const made = apply(
      undefined,
      deployment({ template: { spec: { containers: [{ name: "web", image: "nginx" }] } } }),
    );
    const live = update(
      made,
      { ...made, spec: { ...(made["spec"] as object), replicas: 2, paused: true } },
      "kubectl-edit",
    );
    const config = deployment({
      replicas: 3,
      paused: false,
      template: { spec: { containers: [{ name: "web", image: "other" }] } },
    });
    expect(thrownBy(() => apply(live, config, { manager: "b" }))).toHaveProperty(
      "message",
      `Apply failed with 3 conflicts: conflicts with "a":
- .spec.template.spec.containers[name="web"].image
conflicts with "kubectl-edit" using apps/v1 at ${later}:
- .spec.paused
- .spec.replicas`,
    );
  });

  test("takes the fields by force, and the other manager loses them", () => {
    const live = apply(undefined, deployment({ replicas: 2, paused: true }));
    const taken = apply(live, deployment({ replicas: 3 }), { manager: "b", force: true });
    expect(taken["spec"]).toEqual({ replicas: 3, paused: true });
    expect(taken.metadata.managedFields).toMatchObject([
      { manager: "a", fieldsV1: { "f:spec": { "f:paused": {} } } },
      { manager: "b", fieldsV1: { "f:spec": { "f:replicas": {} } } },
    ]);
  });

  test("shares a field on which both agree; it stays until both have let go", () => {
    const one = apply(undefined, deployment({ replicas: 2, paused: true }));
    const both = apply(one, deployment({ replicas: 2 }), { manager: "b" });
    const left = apply(both, deployment({ paused: true }));
    expect(left["spec"]).toEqual({ replicas: 2, paused: true });
    expect(apply(left, deployment({}), { manager: "b" })["spec"]).toEqual({ paused: true });
  });

  test("removes a list's item that is no longer applied, with what was defaulted in it, and no other", () => {
    const one = apply(undefined, service({ ports: [{ port: 80 }, { port: 53, protocol: "UDP" }] }));
    const defaulted = {
      ...one,
      spec: {
        ports: [
          { port: 80, protocol: "TCP", nodePort: 30000 },
          { port: 53, protocol: "UDP" },
        ],
      },
    };
    const both = apply(defaulted, service({ ports: [{ port: 443 }] }), { manager: "b" });
    expect(apply(both, service({ ports: [{ port: 53, protocol: "UDP" }] }))["spec"]).toEqual({
      ports: [{ port: 53, protocol: "UDP" }, { port: 443 }],
    });
  });

  test("tells ports by number and protocol, TCP when nothing is said", () => {
    const live = apply(undefined, service({ ports: [{ port: 53, protocol: "UDP", targetPort: 1 }] }));
    const both = apply(live, service({ ports: [{ port: 53, targetPort: 2 }] }), { manager: "b" });
    expect(both["spec"]).toEqual({
      ports: [
        { port: 53, protocol: "UDP", targetPort: 1 },
        { port: 53, targetPort: 2 },
      ],
    });
    expect(
      thrownBy(() => apply(both, service({ ports: [{ port: 53, protocol: "TCP", targetPort: 3 }] }), { manager: "c" })),
    ).toMatchObject({
      message: 'Apply failed with 1 conflict: conflict with "b": .spec.ports[port=53,protocol="TCP"].targetPort',
    });
  });

  test("treats a selector as one value", () => {
    const live = apply(undefined, deployment({ selector: { matchLabels: { app: "web" } } }));
    expect(
      thrownBy(() => apply(live, deployment({ selector: { matchLabels: { tier: "front" } } }), { manager: "b" })),
    ).toMatchObject({
      message: 'Apply failed with 1 conflict: conflict with "a": .spec.selector',
    });
  });

  test("keeps the applied order of a list", () => {
    const containers = (...names: readonly string[]) =>
      deployment({ template: { spec: { containers: names.map((name) => ({ name })) } } });
    const live = apply(undefined, containers("a", "b"));
    expect(apply(live, containers("b", "c", "a"))["spec"]).toEqual(containers("b", "c", "a")["spec"]);
  });

  test("manages nothing of what it is told to ignore", () => {
    const made = apply(undefined, { ...deployment({ replicas: 1 }), status: { replicas: 1 } }, { ignored: ["status"] });
    expect(made.metadata.managedFields).toMatchObject([{ fieldsV1: { "f:spec": { "f:replicas": {} } } }]);
    expect(JSON.stringify(made.metadata.managedFields)).not.toContain("f:status");
  });

  const refused: readonly (readonly [what: string, config: KubeObject, message: string])[] = [
    [
      "an unknown field",
      deployment({ replica: 1 }),
      "failed to create typed patch object (shop/web; apps/v1, Kind=Deployment): .spec.replica: field not declared in schema",
    ],
    [
      "an item without its key",
      deployment({ template: { spec: { containers: [{ image: "x" }] } } }),
      'failed to create typed patch object (shop/web; apps/v1, Kind=Deployment): .spec.template.spec.containers: element 0: associative list with keys has an element that omits key field "name"',
    ],
    [
      "two items with one key",
      deployment({ template: { spec: { containers: [{ name: "x" }, { name: "x" }] } } }),
      "failed to create typed patch object (shop/web; apps/v1, Kind=Deployment): .spec.template.spec.containers: duplicate entries for key",
    ],
    ["managed fields", deployment({}, { managedFields: [{}] }), "metadata.managedFields must be nil"],
  ];
  for (const [what, config, message] of refused) {
    test(`refuses ${what}`, () => {
      expect(thrownBy(() => apply(undefined, config))).toMatchObject({ code: "BadRequest", message });
    });
  }
});

describe("updateManagedFields()", () => {
  test("gives a creator all that the object has, maps and lists included", () => {
    const made = update(undefined, service({ selector: { app: "web" }, ports: [{ port: 80 }] }), "kubectl-create");
    expect(made.metadata.managedFields).toEqual([
      {
        apiVersion: "v1",
        fieldsType: "FieldsV1",
        fieldsV1: {
          "f:spec": {
            "f:ports": { ".": {}, 'k:{"port":80,"protocol":"TCP"}': { ".": {}, "f:port": {} } },
            "f:selector": {},
          },
        },
        manager: "kubectl-create",
        operation: "Update",
        time: later,
      },
    ]);
  });

  test("gives nobody a list that its struct always has", () => {
    const made = update(undefined, deployment({ template: { spec: { containers: [{ name: "web" }] } } }), "m");
    expect(made.metadata.managedFields).toMatchObject([
      {
        fieldsV1: {
          "f:spec": {
            "f:template": { "f:spec": { "f:containers": { 'k:{"name":"web"}': { ".": {}, "f:name": {} } } } },
          },
        },
      },
    ]);
    expect(JSON.stringify(made.metadata.managedFields)).not.toContain('"f:containers":{"."');
  });

  test("moves what an update changes to its manager", () => {
    const live = apply(undefined, deployment({ replicas: 2, paused: true }));
    const scaled = update(live, { ...live, spec: { replicas: 5, paused: true } }, "autoscaler", "scale");
    expect(scaled.metadata.managedFields).toMatchObject([
      { manager: "a", operation: "Apply", fieldsV1: { "f:spec": { "f:paused": {} } } },
      {
        manager: "autoscaler",
        operation: "Update",
        subresource: "scale",
        fieldsV1: { "f:spec": { "f:replicas": {} } },
      },
    ]);
  });

  test("forgets fields that are gone, and managers without fields", () => {
    const live = apply(undefined, deployment({ replicas: 2 }));
    expect(update(live, { ...live, spec: {} }, "kubectl-edit").metadata.managedFields).toBeUndefined();
  });

  test("leaves all as it is when nothing but managed by nobody changes", () => {
    const live = apply(undefined, deployment({ replicas: 2 }));
    const touched = { ...live, metadata: { ...live.metadata, resourceVersion: "7", generation: 3 } };
    expect(update(live, touched, "kubectl-edit").metadata.managedFields).toEqual(live.metadata.managedFields);
  });

  test("takes managed fields that the client sends, and removes all at one empty entry", () => {
    const live = apply(undefined, deployment({ replicas: 2 }));
    const renamed = (live.metadata.managedFields ?? []).map((entry) => ({ ...(entry as object), manager: "b" }));
    const sent = update(live, { ...live, metadata: { ...live.metadata, managedFields: renamed } }, "kubectl");
    expect(sent.metadata.managedFields).toMatchObject([{ manager: "b" }]);
    const reset = update(live, { ...live, metadata: { ...live.metadata, managedFields: [{}] } }, "kubectl");
    expect(reset.metadata.managedFields).toBeUndefined();
    const empty = update(live, { ...live, metadata: { ...live.metadata, managedFields: [] } }, "kubectl");
    expect(empty.metadata.managedFields).toEqual(live.metadata.managedFields);
  });

  test("joins the oldest managers beyond ten", () => {
    let live = deployment({});
    for (let i = 0; i < 14; i++) {
      const labels = { ...live.metadata.labels, [`l${i}`]: "x" };
      const after = { ...live, metadata: { ...live.metadata, labels } };
      const now = `2026-01-01T12:00:${String(i).padStart(2, "0")}Z`;
      live = updateManagedFields({
        schema: deployments,
        before: live,
        after,
        manager: `m${i}`,
        apiVersion: "apps/v1",
        subresource: "",
        now,
      });
    }
    const managers = (live.metadata.managedFields ?? []) as readonly { readonly manager: string }[];
    expect(managers.map(({ manager }) => manager)).toEqual([
      "ancient-changes",
      ...[5, 6, 7, 8, 9, 10, 11, 12, 13].map((i) => `m${i}`),
    ]);
    expect(managers[0]).toMatchObject({ fieldsV1: { "f:metadata": { "f:labels": { "f:l0": {}, "f:l4": {} } } } });
  });
});
