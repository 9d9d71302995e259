// Rights are handed out by those who have them, to users and to agents in pods; and what is refused is told in Kubernetes' words.

import { describe, expect, test } from "bun:test";
import type { UserInfo } from "#lab/apiserver/request.ts";
import { at, configMap, shopPods, type TestApi } from "#test/lab/api.ts";
import { binding, cluster, jane, rbacPath, role, send, user } from "#test/lab/rbac.ts";

describe("who may hand out rights:", () => {
  const secrets = { apiGroups: [""], resources: ["secrets"], verbs: ["get", "list"] };
  const editor = user("eve");

  async function withEditor(...rules: readonly object[]): Promise<TestApi> {
    const api = await cluster();
    const writes = { apiGroups: ["rbac.authorization.k8s.io"], resources: ["*"], verbs: ["create", "patch", "get"] };
    await send(api, `POST ${rbacPath}/clusterroles`, role("ClusterRole", "writer", [writes, ...rules]));
    const eve = { kind: "User", name: "eve" };
    await send(
      api,
      `POST ${rbacPath}/clusterrolebindings`,
      binding("ClusterRoleBinding", "w", "ClusterRole/writer", eve),
    );
    return api;
  }

  test("nobody gives what he has not", async () => {
    using api = await withEditor();
    const answer = await api.send(`POST ${rbacPath}/namespaces/shop/roles`, role("Role", "r", [secrets]), {
      user: editor,
    });
    expect(answer.status).toBe(403);
    expect(at(answer.body, "message")).toBe(
      'roles.rbac.authorization.k8s.io "r" is forbidden: user "eve" (groups=["system:authenticated"]) is attempting to grant RBAC permissions not currently held:\n{APIGroups:[""], Resources:["secrets"], Verbs:["get" "list"]}',
    );
  });

  test("what one has may be given, also in part", async () => {
    using api = await withEditor({ ...secrets, verbs: ["*"] });
    const part = { ...secrets, resourceNames: ["one"] };
    const roles = `POST ${rbacPath}/namespaces/shop/roles`;
    expect((await api.send(roles, role("Role", "r", [part]), { user: editor })).status).toBe(201);
    expect(
      (await api.send(roles, role("Role", "s", [{ ...secrets, apiGroups: ["*"] }]), { user: editor })).status,
    ).toBe(403);
  });

  test("the verb escalate gives all", async () => {
    using api = await withEditor({
      apiGroups: ["rbac.authorization.k8s.io"],
      resources: ["roles"],
      verbs: ["escalate"],
    });
    const roles = `POST ${rbacPath}/namespaces/shop/roles`;
    expect((await api.send(roles, role("Role", "r", [secrets]), { user: editor })).status).toBe(201);
  });

  test("a binding gives what its role allows", async () => {
    using api = await withEditor();
    const bindings = `POST ${rbacPath}/namespaces/shop/rolebindings`;
    const view = await api.send(bindings, binding("RoleBinding", "v", "ClusterRole/view", jane), { user: editor });
    expect(view.status).toBe(403);
    expect(at(view.body, "message")).toStartWith('rolebindings.rbac.authorization.k8s.io "v" is forbidden: user "eve"');
    const none = await api.send(bindings, binding("RoleBinding", "v", "Role/none", jane), { user: editor });
    expect([none.status, at(none.body, "message")]).toEqual([404, 'roles.rbac.authorization.k8s.io "none" not found']);
  });

  test("the verb bind gives one role", async () => {
    const bind = { apiGroups: ["rbac.authorization.k8s.io"], resources: ["clusterroles"], verbs: ["bind"] };
    using api = await withEditor({ ...bind, resourceNames: ["view"] });
    const bindings = `POST ${rbacPath}/namespaces/shop/rolebindings`;
    const give = async (name: string) =>
      (await api.send(bindings, binding("RoleBinding", name, `ClusterRole/${name}`, jane), { user: editor })).status;
    expect([await give("view"), await give("edit")]).toEqual([201, 403]);
  });

  test("an aggregated role is for those who may do everything", async () => {
    using api = await withEditor();
    const aggregate = role("ClusterRole", "all", [], { aggregationRule: { clusterRoleSelectors: [{}] } });
    const answer = await api.send(`POST ${rbacPath}/clusterroles`, aggregate, { user: editor });
    expect(at(answer.body, "message")).toBe(
      'clusterroles.rbac.authorization.k8s.io "all" is forbidden: must have cluster-admin privileges to use the aggregationRule',
    );
  });

  test("labels of a role may be changed by whoever may write it", async () => {
    using api = await withEditor();
    await send(api, `POST ${rbacPath}/namespaces/shop/roles`, role("Role", "r", [secrets]));
    const headers = { "content-type": "application/merge-patch+json" };
    const line = `PATCH ${rbacPath}/namespaces/shop/roles/r`;
    const labelled = await api.send(line, { metadata: { labels: { a: "b" } } }, { user: editor, headers });
    expect(labelled.status).toBe(200);
    const wider = await api.send(line, { rules: [{ ...secrets, verbs: ["*"] }] }, { user: editor, headers });
    expect(wider.status).toBe(403);
  });
});

describe("who may act as somebody else:", () => {
  const rows: readonly (readonly [as: string, status: number, message?: string])[] = [
    ["system:serviceaccount:shop:default", 200],
    [
      "system:serviceaccount:kube-system:default",
      403,
      'serviceaccounts "default" is forbidden: User "jane" cannot impersonate resource "serviceaccounts" in API group "" in the namespace "kube-system"',
    ],
    [
      "joe",
      403,
      'users "joe" is forbidden: User "jane" cannot impersonate resource "users" in API group "" at the cluster scope',
    ],
  ];
  for (const [as, status, message] of rows) {
    test(`an editor of shop ${status === 200 ? "as" : "not as"} ${as}`, async () => {
      using api = await cluster();
      await send(
        api,
        `POST ${rbacPath}/namespaces/shop/rolebindings`,
        binding("RoleBinding", "e", "ClusterRole/edit", jane),
      );
      const headers = { "impersonate-user": as };
      const answer = await api.send("GET /version", undefined, { user: user("jane"), headers });
      expect([answer.status, at(answer.body, "message")]).toEqual([status, message]);
    });
  }
});

describe("an agent with a role of its own", () => {
  const agentNamespace = "kube-system";
  const manifests: readonly (readonly [path: string, object: object])[] = [
    ["/api/v1/namespaces", { apiVersion: "v1", kind: "Namespace", metadata: { name: agentNamespace } }],
    [
      `/api/v1/namespaces/${agentNamespace}/serviceaccounts`,
      { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "agent" } },
    ],
    [
      `${rbacPath}/clusterroles`,
      role("ClusterRole", "agent", [
        { apiGroups: [""], resources: ["pods", "nodes", "namespaces"], verbs: ["get", "list", "watch"] },
        { apiGroups: ["networking.k8s.io"], resources: ["networkpolicies"], verbs: ["get", "list", "watch"] },
        { apiGroups: [""], resources: ["nodes/status"], verbs: ["patch"] },
      ]),
    ],
    [
      `${rbacPath}/clusterrolebindings`,
      binding("ClusterRoleBinding", "agent", "ClusterRole/agent", {
        ...{ kind: "ServiceAccount", name: "agent", namespace: agentNamespace },
      }),
    ],
  ];

  async function agentOf(api: TestApi): Promise<UserInfo> {
    for (const [path, object] of manifests) await send(api, `POST ${path}`, object);
    const request = { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", spec: {} };
    const line = `POST /api/v1/namespaces/${agentNamespace}/serviceaccounts/agent/token`;
    const token = String(at((await api.send(line, request)).body, "status.token"));
    const agent = api.server.authenticate({ certificate: undefined, authorization: `Bearer ${token}` });
    if (agent === undefined) throw new Error("The token is not accepted");
    return agent;
  }

  test("does what it may with its token, and is told what it may not", async () => {
    using api = await cluster();
    const agent = await agentOf(api);
    await send(api, "POST /api/v1/namespaces/shop/configmaps", configMap("c"));
    const rows: readonly (readonly [line: string, status: number, message?: string])[] = [
      ["GET /api/v1/pods", 200],
      [`GET ${shopPods}`, 200],
      ["GET /apis/networking.k8s.io/v1/networkpolicies", 200],
      [
        "GET /api/v1/namespaces/shop/configmaps",
        403,
        'configmaps is forbidden: User "system:serviceaccount:kube-system:agent" cannot list resource "configmaps" in API group "" in the namespace "shop"',
      ],
      [
        "GET /apis/apps/v1/deployments",
        403,
        'deployments.apps is forbidden: User "system:serviceaccount:kube-system:agent" cannot list resource "deployments" in API group "apps" at the cluster scope',
      ],
      [
        "DELETE /api/v1/namespaces/shop/configmaps/c",
        403,
        'configmaps "c" is forbidden: User "system:serviceaccount:kube-system:agent" cannot delete resource "configmaps" in API group "" in the namespace "shop"',
      ],
      ["GET /metrics", 403, 'forbidden: User "system:serviceaccount:kube-system:agent" cannot get path "/metrics"'],
    ];
    for (const [line, status, message] of rows) {
      const answer = await api.send(line, undefined, { user: agent });
      expect([line, answer.status, at(answer.body, "message")]).toEqual([line, status, message]);
    }
  });

  test("can ask for its own rules", async () => {
    using api = await cluster();
    const agent = await agentOf(api);
    const spec = { namespace: "shop" };
    const review = { apiVersion: "authorization.k8s.io/v1", kind: "SelfSubjectRulesReview", spec };
    const { body } = await api.send("POST /apis/authorization.k8s.io/v1/selfsubjectrulesreviews", review, {
      user: agent,
    });
    const rules = JSON.stringify(at(body, "status.resourceRules"));
    expect(rules).toContain('{"verbs":["patch"],"apiGroups":[""],"resources":["nodes/status"]}');
    expect(rules).toContain("selfsubjectrulesreviews");
  });
});
