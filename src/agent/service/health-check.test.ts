// What balancers and kubelets are answered, byte for byte where they look at bytes.

import { describe, expect, test } from "bun:test";
import { answerHealthCheck, answerHealthz, HealthChecks, pathOf } from "./health-check.ts";

describe("answerHealthCheck()", () => {
  test("says how many endpoints there are, as kube-proxy does", async () => {
    const response = answerHealthCheck({ service: "shop/web", port: 30000, localEndpoints: 2 }, true);
    expect([response.status, response.headers.get("X-Load-Balancing-Endpoint-Weight")]).toEqual([200, "2"]);
    expect(await response.text()).toBe(
      '{\n\t"service": {\n\t\t"namespace": "shop",\n\t\t"name": "web"\n\t},\n\t"localEndpoints": 2,\n\t"serviceProxyHealthy": true\n}',
    );
  });

  for (const [localEndpoints, healthy] of [
    [0, true],
    [1, false],
  ] as const) {
    test(`sends clients elsewhere with ${localEndpoints} endpoints, healthy ${healthy}`, () => {
      expect(answerHealthCheck({ service: "shop/web", port: 1, localEndpoints }, healthy).status).toBe(503);
    });
  }
});

test("pathOf() reads requests without a Host header", () => {
  expect([pathOf({ url: "/healthz" }), pathOf({ url: "http://n1:10256/livez?x=1" })]).toEqual(["/healthz", "/livez"]);
});

describe("answerHealthz()", () => {
  const state = { healthy: true, eligible: true, updatedMs: 0, nowMs: 1000 };
  const rows: readonly (readonly [path: string, changes: Partial<typeof state>, status: number])[] = [
    ["/healthz", {}, 200],
    ["/healthz", { eligible: false }, 503],
    ["/livez", { eligible: false }, 200],
    ["/livez", { healthy: false }, 503],
    ["/", {}, 404],
  ];
  for (const [path, changes, status] of rows) {
    test(`answers ${path} of ${JSON.stringify(changes)} with ${status}`, () => {
      expect(answerHealthz(path, { ...state, ...changes }).status).toBe(status);
    });
  }

  test("says when it was well", async () => {
    expect(await answerHealthz("/healthz", state).json()).toEqual({
      ...{ lastUpdated: "1970-01-01T00:00:00.000Z", currentTime: "1970-01-01T00:00:01.000Z", nodeEligible: true },
    });
  });
});

describe("HealthChecks", () => {
  test("listen while somebody asks for it, and say why when they cannot", async () => {
    using taken = asDisposable(Bun.serve({ port: 0, fetch: () => new Response("mine") }));
    using checks = new HealthChecks(
      () => true,
      () => {},
    );
    checks.set("shop/web", { service: "shop/web", port: taken.port, localEndpoints: 1 });
    expect(checks.problems.join()).toContain(`Service shop/web: nobody answers on its health-check port ${taken.port}`);
    const port = freePort();
    checks.set("shop/web", { service: "shop/web", port, localEndpoints: 1 });
    expect(checks.problems).toEqual([]);
    const status = async () => (await fetch(`http://127.0.0.1:${port}`)).status;
    expect(await status()).toBe(200);
    checks.set("shop/web", { service: "shop/web", port, localEndpoints: 0 });
    expect(await status()).toBe(503);
    checks.set("shop/web", undefined);
    await expect(status()).rejects.toThrow();
  });

  test("listen on a port that somebody else had, once it is free", async () => {
    const taken = asDisposable(Bun.serve({ port: 0, fetch: () => new Response("mine") }));
    using checks = new HealthChecks(
      () => true,
      () => {},
    );
    checks.set("shop/web", { service: "shop/web", port: taken.port, localEndpoints: 1 });
    checks.ensure();
    expect(checks.problems).toHaveLength(1);
    taken[Symbol.dispose]();
    for (let tries = 0; tries < 200 && checks.problems.length > 0; tries++) {
      await Bun.sleep(20);
      checks.ensure();
    }
    expect(checks.problems).toEqual([]);
    expect((await fetch(`http://127.0.0.1:${taken.port}`)).status).toBe(200);
  });
});

function asDisposable(server: ReturnType<typeof Bun.serve>): Disposable & { readonly port: number } {
  return { port: server.port ?? 0, [Symbol.dispose]: () => void server.stop(true) };
}

/** One that nobody had a moment ago. */
function freePort(): number {
  using server = asDisposable(Bun.serve({ port: 0, fetch: () => new Response() }));
  return server.port;
}
