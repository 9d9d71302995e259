// What requests do besides writing: bind, evict, issue tokens, answer questions.

import { describe, expect, test } from "bun:test";
import { at, podNamed, shopPods, TestApi } from "#test/lab/api.ts";

const budgets = "/apis/policy/v1/namespaces/shop/poddisruptionbudgets";

function binding(name: string, node: string): object {
  return {
    apiVersion: "v1",
    kind: "Binding",
    metadata: { name },
    target: { apiVersion: "v1", kind: "Node", name: node },
  };
}

describe("a binding", () => {
  test("gives a pod its node, once", async () => {
    using api = await TestApi.withShop();
    await api.send(`POST ${shopPods}`, podNamed("a"));
    expect(await api.send(`POST ${shopPods}/a/binding`, binding("a", "n1"))).toMatchObject({ status: 201 });
    const { body } = await api.send(`GET ${shopPods}/a`);
    expect(at(body, "spec.nodeName")).toBe("n1");
    expect(at(body, "status.conditions")).toMatchObject([{ type: "PodScheduled", status: "True" }]);
    expect(await api.send(`POST ${shopPods}/a/binding`, binding("a", "n2"))).toMatchObject({ status: 409 });
    await api.send(`POST ${shopPods}`, podNamed("b"));
    expect((await api.send("POST /api/v1/namespaces/shop/bindings", binding("b", "n2"))).status).toBe(201);
    expect(at((await api.send(`GET ${shopPods}/b`)).body, "spec.nodeName")).toBe("n2");
  });

  test("is refused for a pod that is not there, on its way out, or without a node", async () => {
    using api = await TestApi.withShop();
    const finalizers = ["a.example/x"];
    await api.send(`POST ${shopPods}`, podNamed("a", { metadata: { finalizers } }));
    const nowhere = { ...binding("a", ""), target: {} };
    expect((await api.send(`POST ${shopPods}/b/binding`, binding("b", "n1"))).status).toBe(404);
    expect((await api.send(`POST ${shopPods}/a/binding`, nowhere)).status).toBe(400);
    await api.send(`DELETE ${shopPods}/a`);
    expect((await api.send(`POST ${shopPods}/a/binding`, binding("a", "n1"))).status).toBe(409);
  });
});

describe("an eviction", () => {
  const eviction = { apiVersion: "policy/v1", kind: "Eviction", metadata: { name: "a" } };
  const evict = `POST ${shopPods}/a/eviction`;

  /** A running pod `a`, and a budget that covers it. */
  async function withBudget(status: object | undefined, spec: object = {}, ready = "True"): Promise<TestApi> {
    const api = await TestApi.withShop();
    await api.send(
      `POST ${shopPods}`,
      podNamed("a", { metadata: { labels: { app: "web" } }, spec: { nodeName: "n1" } }),
    );
    const conditions = [{ type: "Ready", status: ready }];
    await api.patch(`${shopPods}/a/status`, "merge", { status: { phase: "Running", conditions } });
    if (status === undefined) return api;
    const selector = { matchLabels: { app: "web" } };
    const budget = { apiVersion: "policy/v1", kind: "PodDisruptionBudget", metadata: { name: "web" } };
    await api.send(`POST ${budgets}`, { ...budget, spec: { minAvailable: 1, selector, ...spec } });
    await api.patch(`${budgets}/web/status`, "merge", { status });
    return api;
  }

  const healthy = {
    observedGeneration: 1,
    disruptionsAllowed: 1,
    currentHealthy: 2,
    desiredHealthy: 1,
    expectedPods: 2,
  };

  test("deletes the pod with the grace that it asks for", async () => {
    using api = await withBudget(undefined);
    const body = { ...eviction, deleteOptions: { gracePeriodSeconds: 7 } };
    expect(await api.send(evict, body)).toMatchObject({ status: 201, body: { status: "Success" } });
    expect(at((await api.send(`GET ${shopPods}/a`)).body, "metadata.deletionGracePeriodSeconds")).toBe(7);
  });

  test("spends the budget", async () => {
    using api = await withBudget(healthy);
    expect((await api.send(evict, eviction)).status).toBe(201);
    expect(at((await api.send(`GET ${budgets}/web`)).body, "status")).toMatchObject({
      disruptionsAllowed: 0,
      disruptedPods: { a: "2030-01-01T00:00:00Z" },
    });
  });

  const rows: readonly (readonly [what: string, status: object, spec: object, ready: string, code: number])[] = [
    ["is refused when nothing is left", { ...healthy, disruptionsAllowed: 0 }, {}, "True", 429],
    ["is refused while the budget is not observed", { ...healthy, observedGeneration: 0 }, {}, "True", 429],
    [
      "passes for a pod that does not work when enough others do",
      { ...healthy, disruptionsAllowed: 0 },
      {},
      "False",
      201,
    ],
    [
      "is refused for a pod that does not work when too few do",
      { ...healthy, disruptionsAllowed: 0, currentHealthy: 0 },
      {},
      "False",
      429,
    ],
    [
      "passes for a pod that does not work when the policy says so",
      { ...healthy, disruptionsAllowed: 0, currentHealthy: 0 },
      { unhealthyPodEvictionPolicy: "AlwaysAllow" },
      "False",
      201,
    ],
    ["passes when the budget covers other pods", healthy, { selector: { matchLabels: { app: "db" } } }, "True", 201],
  ];
  for (const [what, status, spec, ready, code] of rows) {
    test(what, async () => {
      using api = await withBudget(status, spec, ready);
      const answer = await api.send(evict, eviction);
      expect(answer.status).toBe(code);
      if (code === 429) {
        expect(answer.body).toMatchObject({
          reason: "TooManyRequests",
          message: "Cannot evict pod as it would violate the pod's disruption budget.",
          details: { causes: [{ reason: "DisruptionBudget" }] },
        });
      }
    });
  }

  test("that is dry spends nothing and deletes nothing", async () => {
    using api = await withBudget(healthy);
    const before = api.store.revision;
    expect((await api.send(evict, { ...eviction, deleteOptions: { dryRun: ["All"] } })).status).toBe(201);
    expect(api.store.revision).toBe(before);
  });
});

describe("a token", () => {
  const accounts = "/api/v1/namespaces/shop/serviceaccounts";
  const tokenRequest = { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", spec: {} };

  async function withAccount(): Promise<TestApi> {
    const api = await TestApi.withShop();
    await api.send(`POST ${accounts}`, { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "web" } });
    return api;
  }

  function userOf(api: TestApi, token: unknown) {
    return api.server.authenticate({ certificate: undefined, authorization: `Bearer ${token}` });
  }

  test("is a service account's until it expires", async () => {
    using api = await withAccount();
    const { status, body } = await api.send(`POST ${accounts}/web/token`, tokenRequest);
    expect(status).toBe(201);
    expect(at(body, "status.expirationTimestamp")).toBe("2030-01-01T01:00:00Z");
    const token = at(body, "status.token");
    expect(userOf(api, token)).toMatchObject({
      username: "system:serviceaccount:shop:web",
      groups: ["system:serviceaccounts", "system:serviceaccounts:shop", "system:authenticated"],
    });
    api.nowMs += 3_600_000;
    expect(userOf(api, token)).toBeUndefined();
  });

  test("ends with its account, and with the pod that it is bound to", async () => {
    using api = await withAccount();
    await api.send(`POST ${shopPods}`, podNamed("a"));
    const plain = at((await api.send(`POST ${accounts}/web/token`, tokenRequest)).body, "status.token");
    const spec = { boundObjectRef: { apiVersion: "v1", kind: "Pod", name: "a" } };
    const bound = at((await api.send(`POST ${accounts}/web/token`, { ...tokenRequest, spec })).body, "status.token");
    expect(userOf(api, bound)?.extra).toMatchObject({ "authentication.kubernetes.io/pod-name": ["a"] });
    await api.send(`DELETE ${shopPods}/a`);
    expect([userOf(api, plain) !== undefined, userOf(api, bound) !== undefined]).toEqual([true, false]);
    await api.send(`DELETE ${accounts}/web`);
    expect(userOf(api, plain)).toBeUndefined();
  });

  const bad: readonly (readonly [what: string, change: (token: string) => string])[] = [
    ["another signature", (token) => `${token.slice(0, -4)}AAAA`],
    ["another body", (token) => token.replace(/\.(.)/, (_, c) => `.${c === "e" ? "f" : "e"}`)],
    ["no algorithm", (token) => token.replace(/^[^.]+/, Buffer.from('{"alg":"none"}').toString("base64url"))],
    ["no signature", (token) => token.replace(/\.[^.]*$/, "")],
    ["nothing of a token", () => "x"],
  ];
  for (const [what, change] of bad) {
    test(`with ${what} is nobody's`, async () => {
      using api = await withAccount();
      const { body } = await api.send(`POST ${accounts}/web/token`, tokenRequest);
      expect(userOf(api, change(String(at(body, "status.token"))))).toBeUndefined();
    });
  }

  test("for another audience is no token for this server", async () => {
    using api = await withAccount();
    const { body } = await api.send(`POST ${accounts}/web/token`, { ...tokenRequest, spec: { audiences: ["vault"] } });
    expect(userOf(api, at(body, "status.token"))).toBeUndefined();
  });

  test("for less than ten minutes is refused", async () => {
    using api = await withAccount();
    const answer = await api.send(`POST ${accounts}/web/token`, { ...tokenRequest, spec: { expirationSeconds: 10 } });
    expect(answer).toMatchObject({ status: 422, body: { details: { causes: [{ field: "spec.expirationSeconds" }] } } });
  });

  test("is reviewed for others", async () => {
    using api = await withAccount();
    const token = at((await api.send(`POST ${accounts}/web/token`, tokenRequest)).body, "status.token");
    const review = (value: unknown) =>
      api.send("POST /apis/authentication.k8s.io/v1/tokenreviews", {
        ...{ apiVersion: "authentication.k8s.io/v1", kind: "TokenReview", metadata: {} },
        spec: { token: value },
      });
    expect(at((await review(token)).body, "status")).toMatchObject({
      authenticated: true,
      user: { username: "system:serviceaccount:shop:web" },
    });
    expect(at((await review("x")).body, "status.authenticated")).toBe(false);
  });
});

describe("a question about rights", () => {
  const onlyJane = {
    decide: ({ user }: { user: { username: string } }) => ({ allowed: user.username === "jane", reason: "not jane" }),
    rulesOf: () => ({ resourceRules: [], nonResourceRules: [] }),
  };
  const jane = { user: { username: "jane", groups: [] } };
  const attributes = { resourceAttributes: { verb: "get", resource: "pods", namespace: "shop" } };

  function review(kind: string, spec: object): readonly [string, object] {
    const body = { apiVersion: "authorization.k8s.io/v1", kind, spec };
    return [`POST /apis/authorization.k8s.io/v1/${kind.toLowerCase()}s`, body];
  }

  test("is answered for the caller and for others", async () => {
    using api = new TestApi({ authorizer: onlyJane });
    expect((await api.send(...review("SelfSubjectAccessReview", attributes), jane)).body).toMatchObject({
      status: { allowed: true },
    });
    const ofJoe = review("SubjectAccessReview", { ...attributes, user: "joe" });
    expect((await api.send(...ofJoe, jane)).body).toMatchObject({ status: { allowed: false, reason: "not jane" } });
    expect((await api.send(...review("SubjectAccessReview", attributes), jane)).status).toBe(400);
  });

  test("comes before everything else", async () => {
    using api = new TestApi({ authorizer: onlyJane });
    const answer = await api.send(`GET ${shopPods}/a`);
    expect(answer).toMatchObject({ status: 403, body: { reason: "Forbidden", details: { kind: "pods", name: "a" } } });
    expect(at(answer.body, "message")).toBe(
      'pods "a" is forbidden: User "tester" cannot get resource "pods" in API group "" in the namespace "shop": not jane',
    );
    expect((await api.send("GET /version")).status).toBe(403);
    expect((await api.send("GET /version", undefined, jane)).status).toBe(200);
  });

  test("is asked of whom a caller acts as", async () => {
    using api = new TestApi({ authorizer: onlyJane });
    const asJoe = { "impersonate-user": "joe", "impersonate-group": "staff, admins" };
    expect((await api.send("GET /version", undefined, { ...jane, headers: asJoe })).status).toBe(403);
    expect((await api.send("GET /version", undefined, { headers: { "impersonate-user": "jane" } })).status).toBe(403);
    using open = new TestApi();
    const self = { apiVersion: "authentication.k8s.io/v1", kind: "SelfSubjectReview" };
    const { body } = await open.send("POST /apis/authentication.k8s.io/v1/selfsubjectreviews", self, {
      headers: asJoe,
    });
    expect(at(body, "status.userInfo")).toEqual({
      username: "joe",
      groups: ["staff", "admins", "system:authenticated"],
    });
  });
});
