// What balancers and kubelets ask of a node's service proxy, over HTTP and as kube-proxy answers.

import type { SliceModel } from "#model/service/slice.ts";
import { HealthPort } from "./health-port.ts";

/** A service whose balancer asks nodes whether they have endpoints (`spec.healthCheckNodePort`). */
export type HealthCheck = { readonly service: string; readonly port: number; readonly localEndpoints: number };

/** How many endpoints of a service are ready on a node. */
export function countLocal(slices: readonly SliceModel[], nodeName: string): number {
  const local = slices
    .flatMap(({ endpoints }) => endpoints)
    .filter(({ node, state }) => node === nodeName && state === "ready");
  return new Set(local.map(({ address }) => address)).size;
}

export type HealthState = {
  /** Whether the maps follow the cluster. */
  readonly healthy: boolean;
  /** Whether balancers should send clients here: not to a node that is being removed. */
  readonly eligible: boolean;
  readonly updatedMs: number;
  readonly nowMs: number;
};

/** 200 with endpoints, 503 without. */
export function answerHealthCheck({ service, localEndpoints }: HealthCheck, healthy: boolean): Response {
  const [namespace, name] = service.split("/");
  const body = { service: { namespace, name }, localEndpoints, serviceProxyHealthy: healthy };
  return new Response(JSON.stringify(body, undefined, "\t"), {
    status: localEndpoints > 0 && healthy ? 200 : 503,
    headers: {
      "Content-Type": "application/json",
      "X-Content-Type-Options": "nosniff",
      "X-Load-Balancing-Endpoint-Weight": String(localEndpoints),
    },
  });
}

/** `/healthz` is for balancers, `/livez` for whoever would restart the proxy: a node that is being removed is alive. */
export function answerHealthz(path: string, { healthy, eligible, updatedMs, nowMs }: HealthState): Response {
  if (path !== "/healthz" && path !== "/livez") return new Response("there are /healthz and /livez\n", { status: 404 });
  const [lastUpdated, currentTime] = [updatedMs, nowMs].map((ms) => new Date(ms).toISOString());
  const body = JSON.stringify({ lastUpdated, currentTime, nodeEligible: eligible });
  const isWell = healthy && (eligible || path === "/livez");
  const headers = { "Content-Type": "application/json", "X-Content-Type-Options": "nosniff" };
  return new Response(body, { status: isWell ? 200 : 503, headers });
}

/** Of a request that may have no Host header, as balancers' checks of HTTP/1.0 do: its URL is a path alone then. */
export function pathOf({ url }: Pick<Request, "url">): string {
  return new URL(url, "http://node").pathname;
}

/** Listens on one port for each service that is asked for. */
export class HealthChecks implements Disposable {
  readonly #healthy: () => boolean;
  readonly #log: (line: string) => void;
  readonly #checks = new Map<string, { check: HealthCheck; readonly port: HealthPort }>();

  constructor(healthy: () => boolean, log: (line: string) => void) {
    this.#healthy = healthy;
    this.#log = log;
  }

  get problems(): readonly string[] {
    return [...this.#checks.values()].flatMap(({ port: { problem } }) => (problem === undefined ? [] : [problem]));
  }

  /** Undefined: nobody asks for it any more. */
  set(service: string, check: HealthCheck | undefined): void {
    const known = this.#checks.get(service);
    if (known !== undefined && known.check.port === check?.port) {
      known.check = check;
      return;
    }
    known?.port[Symbol.dispose]();
    this.#checks.delete(service);
    if (check === undefined) return;
    const port = new HealthPort({
      port: check.port,
      lack: `Service ${service}: nobody answers on its health-check port`,
      answer: () => answerHealthCheck(this.#checks.get(service)?.check ?? check, this.#healthy()),
      log: this.#log,
    });
    this.#checks.set(service, { check, port });
  }

  /** Tries ports again that others had. */
  ensure(): void {
    for (const { port } of this.#checks.values()) port.ensure();
  }

  [Symbol.dispose](): void {
    for (const { port } of this.#checks.values()) port[Symbol.dispose]();
    this.#checks.clear();
  }
}
