// Rights by roles and bindings: who may do what.

import { describe, expect, test } from "bun:test";
import { serviceAccountUser } from "#lab/apiserver/authn/service-account-token.ts";
import type { UserInfo } from "#lab/apiserver/request.ts";
import { Store } from "#lab/apiserver/store/store.ts";
import { at, podNamed, shopPods } from "#test/lab/api.ts";
import { asked, binding, cluster, jane, rbacPath, role, send, staff, user } from "#test/lab/rbac.ts";
import { Rbac } from "./rbac.ts";

describe("rules allow", () => {
  const rows: readonly (readonly [rule: object, allowed: string, refused: string])[] = [
    [{ apiGroups: [""], resources: ["pods"], verbs: ["get"] }, "get pods shop/a", "list pods shop"],
    [{ apiGroups: [""], resources: ["pods"], verbs: ["get"] }, "get pods shop/a", "get pods/log shop/a"],
    [{ apiGroups: [""], resources: ["pods/log"], verbs: ["get"] }, "get pods/log shop/a", "get pods shop/a"],
    [{ apiGroups: [""], resources: ["*/scale"], verbs: ["*"] }, "get rcs/scale shop/a", "get rcs/status shop/a"],
    [{ apiGroups: ["*"], resources: ["*"], verbs: ["get"] }, "get pods/log.apps shop/a", "delete pods.apps shop/a"],
    [{ apiGroups: ["apps"], resources: ["*"], verbs: ["*"] }, "patch x/y.apps shop/a", "patch x.batch shop/a"],
    [
      { apiGroups: [""], resources: ["configmaps"], resourceNames: ["a", "b"], verbs: ["get", "list"] },
      "get configmaps shop/b",
      "get configmaps shop/c",
    ],
    // A list has no name, and a rule with names says nothing of it.
    [
      { apiGroups: [""], resources: ["configmaps"], resourceNames: ["a"], verbs: ["list"] },
      "list configmaps shop/a",
      "list configmaps shop",
    ],
    [{ nonResourceURLs: ["/healthz", "/logs/*"], verbs: ["get"] }, "get /logs/a/b", "get /healthz/etcd"],
    [{ nonResourceURLs: ["*"], verbs: ["get"] }, "get /anything", "post /anything"],
  ];
  for (const [rule, allowed, refused] of rows) {
    test(`${allowed}, not ${refused}: ${JSON.stringify(rule)}`, async () => {
      using api = await cluster();
      await send(api, `POST ${rbacPath}/clusterroles`, role("ClusterRole", "some", [rule]));
      await send(
        api,
        `POST ${rbacPath}/clusterrolebindings`,
        binding("ClusterRoleBinding", "some", "ClusterRole/some", jane),
      );
      using rbac = new Rbac(api.store);
      expect(rbac.decide(asked(user("jane"), allowed))).toEqual({
        allowed: true,
        reason: 'RBAC: allowed by ClusterRoleBinding "some" of ClusterRole "some" to User "jane"',
      });
      expect(rbac.decide(asked(user("jane"), refused))).toEqual({ allowed: false, reason: "" });
      expect(rbac.decide(asked(user("joe"), allowed)).allowed).toBe(false);
    });
  }
});

describe("bindings", () => {
  test("of a namespace count there, those of the cluster everywhere", async () => {
    using api = await cluster();
    using rbac = new Rbac(api.store);
    const may = (by: UserInfo, text: string) => rbac.decide(asked(by, text)).allowed;
    await send(
      api,
      `POST ${rbacPath}/namespaces/shop/rolebindings`,
      binding("RoleBinding", "v", "ClusterRole/view", staff),
    );
    expect(may(user("joe", "staff"), "list pods shop")).toBe(true);
    expect(may(user("joe", "staff"), "list pods other")).toBe(false);
    expect(may(user("joe", "staff"), "list pods")).toBe(false);
    expect(may(user("staff"), "list pods shop")).toBe(false);
    await send(
      api,
      `POST ${rbacPath}/clusterrolebindings`,
      binding("ClusterRoleBinding", "v", "ClusterRole/view", staff),
    );
    expect(may(user("joe", "staff"), "list pods other")).toBe(true);
    expect(may(user("joe", "staff"), "list pods")).toBe(true);
  });

  test("follow their changes, and end with the binding or the role", async () => {
    using api = await cluster();
    using rbac = new Rbac(api.store);
    const allowed = () =>
      ["a", "b"].filter((name) => rbac.decide(asked(user(name), "get pods shop/x")).allowed).join("");
    const [roles, bindings] = [`${rbacPath}/namespaces/shop/roles`, `${rbacPath}/namespaces/shop/rolebindings`];
    await send(api, `POST ${roles}`, role("Role", "r", [{ apiGroups: [""], resources: ["pods"], verbs: ["get"] }]));
    await send(api, `POST ${bindings}`, binding("RoleBinding", "b", "Role/r", { kind: "User", name: "a" }));
    expect(allowed()).toBe("a");
    const both = {
      subjects: ["a", "b"].map((name) => ({ kind: "User", name, apiGroup: "rbac.authorization.k8s.io" })),
    };
    await api.patch(`${bindings}/b`, "merge", both);
    expect(allowed()).toBe("ab");
    await api.patch(`${bindings}/b`, "merge", { subjects: both.subjects.slice(1) });
    expect(allowed()).toBe("b");
    await api.patch(`${roles}/r`, "merge", { rules: [] });
    expect(allowed()).toBe("");
    await api.send(`DELETE ${roles}/r`);
    expect(rbac.decide(asked(user("b"), "get pods shop/x"))).toEqual({
      allowed: false,
      reason: 'RBAC: role.rbac.authorization.k8s.io "r" not found',
    });
    await api.send(`DELETE ${bindings}/b`);
    expect(rbac.decide(asked(user("b"), "get pods shop/x")).reason).toBe("");
  });

  test("are there again after a restart", async () => {
    using api = await cluster();
    await send(
      api,
      `POST ${rbacPath}/clusterrolebindings`,
      binding("ClusterRoleBinding", "v", "ClusterRole/view", jane),
    );
    using again = new Rbac(api.store);
    expect(again.decide(asked(user("jane"), "list pods")).allowed).toBe(true);
  });

  test("keep their role", async () => {
    using api = await cluster();
    const path = `${rbacPath}/clusterrolebindings`;
    await send(api, `POST ${path}`, binding("ClusterRoleBinding", "v", "ClusterRole/view", jane));
    const { status, body } = await api.patch(`${path}/v`, "merge", { roleRef: { name: "edit" } });
    expect([status, at(body, "details.causes.0.field")]).toEqual([422, "roleRef"]);
    expect(at(body, "message")).toContain("cannot change roleRef");
  });
});

describe("a bad role or binding is refused:", () => {
  const rules = (...given: readonly object[]) => role("Role", "bad", given);
  const bound = (roleRef: string, ...subjects: readonly object[]) =>
    binding("RoleBinding", "bad", roleRef, ...subjects);
  const rows: readonly (readonly [object: object, message: string])[] = [
    [
      rules({ apiGroups: [""], resources: ["pods"], verbs: [] }),
      "rules[0].verbs: Required value: verbs must contain at least one value",
    ],
    [
      rules({ resources: ["pods"], verbs: ["get"] }),
      "rules[0].apiGroups: Required value: resource rules must supply at least one api group",
    ],
    [
      rules({ apiGroups: [""], verbs: ["get"] }),
      "rules[0].resources: Required value: resource rules must supply at least one resource",
    ],
    [rules({ nonResourceURLs: ["/x"], verbs: ["get"] }), "namespaced rules cannot apply to non-resource URLs"],
    [bound("Pod/x", jane), 'roleRef.kind: Unsupported value: "Pod": supported values: "Role", "ClusterRole"'],
    [bound("Role/x", { kind: "Robot", name: "x" }), 'subjects[0].kind: Unsupported value: "Robot"'],
  ];
  for (const [object, message] of rows) {
    test(message, async () => {
      using api = await cluster();
      const plural = `${String(at(object, "kind")).toLowerCase()}s`;
      const answer = await api.send(`POST ${rbacPath}/namespaces/shop/${plural}`, object);
      expect(answer.status).toBe(422);
      expect(at(answer.body, "message")).toContain(message);
    });
  }
});

test("an aggregated role with a bad selector is refused", async () => {
  using api = await cluster();
  const matchExpressions = [{ key: "a", operator: "Like", values: ["b"] }];
  const bad = role("ClusterRole", "bad", [], { aggregationRule: { clusterRoleSelectors: [{ matchExpressions }] } });
  const { status, body } = await api.send(`POST ${rbacPath}/clusterroles`, bad);
  expect([status, at(body, "details.causes.0.field")]).toEqual([
    422,
    "aggregationRule.clusterRoleSelectors[0].matchExpressions[0].operator",
  ]);
});

describe("a new cluster", () => {
  const rows: readonly (readonly [by: UserInfo, text: string, allowed: boolean])[] = [
    [user("admin", "system:masters"), "delete nodes /n", true],
    [user("admin", "system:masters"), "get /metrics", true],
    [user("joe"), "get /apis/apps/v1", true],
    [user("joe"), "get /openapi/v3/api/v1", true],
    [user("joe"), "get /metrics", false],
    [user("joe"), "create selfsubjectaccessreviews.authorization.k8s.io", true],
    [user("joe"), "list pods shop", false],
    [{ username: "system:anonymous", groups: ["system:unauthenticated"] }, "get /readyz", true],
    [{ username: "system:anonymous", groups: ["system:unauthenticated"] }, "get /api", false],
    [serviceAccountUser("shop", { name: "default", uid: "1" }), "list pods shop", false],
  ];
  for (const [by, text, allowed] of rows) {
    test(`${allowed ? "lets" : "does not let"} ${by.username} ${text}`, async () => {
      using api = await cluster();
      using rbac = new Rbac(api.store);
      expect(rbac.decide(asked(by, text)).allowed).toBe(allowed);
    });
  }

  const nested: readonly (readonly [role: string, may: string, mayNot: string])[] = [
    ["view", "list pods/log shop", "get secrets shop/s"],
    ["view", "watch networkpolicies.networking.k8s.io shop", "create pods shop"],
    ["edit", "get secrets shop/s", "create roles.rbac.authorization.k8s.io shop"],
    ["edit", "create pods/exec shop/p", "update namespaces shop/shop"],
    ["admin", "create rolebindings.rbac.authorization.k8s.io shop", "create clusterroles.rbac.authorization.k8s.io"],
    ["cluster-admin", "anything at.all shop/x", "nothing"],
  ];
  for (const [name, may, mayNot] of nested) {
    test(`has a role ${name} for whoever shall ${may}, not ${mayNot}`, async () => {
      using api = await cluster();
      using rbac = new Rbac(api.store);
      const given = binding("RoleBinding", "b", `ClusterRole/${name}`, jane);
      await send(api, `POST ${rbacPath}/namespaces/shop/rolebindings`, given);
      expect(rbac.decide(asked(user("jane"), may)).allowed).toBe(true);
      expect(mayNot !== "nothing" && rbac.decide(asked(user("jane"), mayNot)).allowed).toBe(false);
    });
  }
});

describe("an aggregated role", () => {
  test("has the rules of the roles with its label, as they come, change and go", async () => {
    using api = await cluster();
    const labels = { "rbac.authorization.k8s.io/aggregate-to-view": "true" };
    const rule = { apiGroups: ["example.com"], resources: ["things"], verbs: ["get"] };
    const seen = async (name: string) =>
      JSON.stringify(at((await api.send(`GET ${rbacPath}/clusterroles/${name}`)).body, "rules"));
    await send(
      api,
      `POST ${rbacPath}/clusterroles`,
      role("ClusterRole", "things", [rule], { metadata: { name: "things", labels } }),
    );
    for (const name of ["view", "edit", "admin"]) expect(await seen(name)).toContain("example.com");
    await api.patch(`${rbacPath}/clusterroles/things`, "merge", { rules: [{ ...rule, apiGroups: ["example.org"] }] });
    expect(await seen("view")).toContain("example.org");
    expect(await seen("view")).not.toContain("example.com");
    await api.send(`DELETE ${rbacPath}/clusterroles/things`);
    for (const name of ["view", "edit", "admin"]) expect(await seen(name)).not.toContain("example.org");
  });
});

test("roles that aggregate each other settle, with the rules of the plain ones", async () => {
  using api = await cluster();
  const rule = { apiGroups: ["example.com"], resources: ["things"], verbs: ["get"] };
  const aggregating = (name: string, other: string) =>
    role("ClusterRole", name, [rule], {
      metadata: { name, labels: { of: name } },
      aggregationRule: { clusterRoleSelectors: [{ matchLabels: { of: other } }] },
    });
  await send(api, `POST ${rbacPath}/clusterroles`, aggregating("a", "b"));
  await send(api, `POST ${rbacPath}/clusterroles`, aggregating("b", "a"));
  const plain = role("ClusterRole", "c", [{ ...rule, verbs: ["list"] }], {
    metadata: { name: "c", labels: { of: "a" } },
  });
  await send(api, `POST ${rbacPath}/clusterroles`, plain);
  for (const name of ["a", "b"]) {
    const { body } = await api.send(`GET ${rbacPath}/clusterroles/${name}`);
    expect(at(body, "rules")).toEqual([{ ...rule, verbs: ["list"] }]);
  }
});

describe("a node", () => {
  const node = user("system:node:n1", "system:nodes");
  const rows: readonly (readonly [text: string, allowed: boolean])[] = [
    ["list pods", true],
    ["watch services", true],
    ["list endpointslices.discovery.k8s.io", true],
    ["get secrets shop/s", true],
    ["create nodes", true],
    ["patch nodes/status /n1", true],
    ["patch nodes/status /n2", false],
    ["delete nodes /n1", false],
    ["patch leases.coordination.k8s.io kube-node-lease/n1", true],
    ["patch leases.coordination.k8s.io kube-node-lease/n2", false],
    ["create leases.coordination.k8s.io kube-node-lease", true],
    ["create leases.coordination.k8s.io shop", false],
    ["patch pods/status shop/own", true],
    ["patch pods/status shop/other", false],
    ["delete pods shop/own", true],
    ["delete pods shop/other", false],
    ["create events shop", true],
    ["create serviceaccounts/token shop/default", true],
    ["create deployments.apps shop", false],
    ["patch configmaps shop/c", false],
  ];
  for (const [text, allowed] of rows) {
    test(`${allowed ? "may" : "may not"} ${text}`, async () => {
      using api = await cluster();
      await api.send(`POST ${shopPods}`, podNamed("own", { spec: { nodeName: "n1" } }));
      await api.send(`POST ${shopPods}`, podNamed("other", { spec: { nodeName: "n2" } }));
      using rbac = new Rbac(api.store);
      expect(rbac.decide(asked(node, text)).allowed).toBe(allowed);
      // The name alone makes no node.
      expect(rbac.decide(asked(user("system:node:n1"), text)).allowed).toBe(false);
    });
  }
});

test("a request looks at its own user's bindings only", () => {
  using store = new Store({ path: ":memory:" });
  const apiVersion = "rbac.authorization.k8s.io/v1";
  const rules = [{ apiGroups: [""], resources: ["pods"], verbs: ["get"] }];
  store.create("/rbac.authorization.k8s.io/clusterroles//r", {
    apiVersion,
    kind: "ClusterRole",
    metadata: { name: "r" },
    rules,
  });
  const count = 5_000;
  for (let i = 0; i < count; i++) {
    const roleRef = { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "r" };
    const metadata = { name: `b${i}`, namespace: `n${i}` };
    const subjects = [{ kind: "ServiceAccount", name: "s", namespace: `n${i}` }, staff];
    const object = { apiVersion, kind: "RoleBinding", metadata, roleRef, subjects };
    store.create(`/rbac.authorization.k8s.io/rolebindings/n${i}/b${i}`, object);
  }
  using rbac = new Rbac(store);
  const started = performance.now();
  for (let i = 0; i < count; i++) {
    expect(rbac.decide(asked(user("joe", "staff"), `get pods n${i}/x`)).allowed).toBe(true);
  }
  // With a look at all bindings each of these would take milliseconds.
  expect(performance.now() - started).toBeLessThan(1_000);
});
