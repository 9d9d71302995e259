// The agent's local API: JSON over HTTP on a unix socket that only root opens.

import { auditAgent, ReleaseError, releaseAddress } from "#agent/audit.ts";
import type { Agent } from "#agent/main.ts";
import { messageOf } from "#base/error-message.ts";
import { parseIp } from "#net/ip.ts";
import { claimSocketPath } from "#plugins/service/socket-path.ts";
import { serveHealthPort } from "./health-port.ts";
import type { CheckMessage, ProblemMessage, ReleaseMessage } from "./messages.ts";
import { viewConnections } from "./view-connections.ts";
import { viewDenials, viewPolicies } from "./view-policies.ts";
import { viewNamedServices, viewServices } from "./view-services.ts";
import { incomplete, viewDrops, viewEndpoint, viewIpam, viewStatus } from "./views.ts";

type Answer = { readonly status: number; readonly body: object };

/** Serves until it is disposed. @throws SocketPathError when another agent serves there */
export async function serveApi(agent: Agent, path: string): Promise<AsyncDisposable> {
  await using stack = new AsyncDisposableStack();
  const place = stack.use(await claimSocketPath(path));
  const server = place.publish((at) =>
    Bun.serve({ unix: (at as { readonly unix: string }).unix, fetch: (request) => answer(agent, request) }),
  );
  stack.defer(() => server.stop(true));
  return stack.move();
}

const metricsHeaders = { "content-type": "text/plain; version=0.0.4; charset=utf-8" };

/** Its figures for Prometheus, and whether the agent lives and can wire pods, for a kubelet's probes. @throws HealthPortError */
export function serveHealth(agent: Agent, port: number): Disposable & { readonly port: number } {
  return serveHealthPort({
    hostname: "127.0.0.1",
    port,
    setting: "health.port",
    fetch(request) {
      // A request of HTTP/1.0 may have no host.
      const { pathname } = new URL(request.url, "http://node");
      if (pathname === "/healthz") return new Response("ok\n");
      if (pathname === "/metrics") return new Response(agent.metrics.format(), { headers: metricsHeaders });
      if (pathname !== "/readyz") return new Response("there are /healthz, /readyz and /metrics\n", { status: 404 });
      const problem = incomplete(agent);
      return problem === undefined ? new Response("ok\n") : new Response(`${problem}\n`, { status: 503 });
    },
  });
}

async function answer(agent: Agent, request: Request): Promise<Response> {
  const { pathname, searchParams } = new URL(request.url);
  const line = `${request.method} ${pathname}`;
  const { status, body } = await Promise.try(() => route(agent, line, searchParams)).catch((error: unknown) =>
    // The kernel, or the state file: whoever asks is told, in the same form as everything else.
    refuse(500, `Cannot answer ${line}: ${messageOf(error)}`),
  );
  return Response.json(body, { status });
}

function route(agent: Agent, line: string, query: URLSearchParams): Answer | Promise<Answer> {
  switch (line) {
    case "GET /v1/status":
      return ok(viewStatus(agent));
    case "GET /v1/endpoints":
      return ok(agent.endpoints.list().map(viewEndpoint));
    case "GET /v1/ipam":
      return ok(viewIpam(agent));
    case "GET /v1/ipam/check":
      return ok({ faults: auditAgent(agent) } satisfies CheckMessage);
    case "POST /v1/ipam/release":
      return release(agent, query);
    case "GET /v1/policies":
      return ok(viewPolicies(agent));
    case "GET /v1/denials":
      return ok(viewDenials(agent));
    case "GET /v1/connections":
      return connections(agent, query);
    case "GET /v1/services":
      return services(agent, query.get("name") ?? undefined);
    case "GET /v1/drops":
      return ok(viewDrops(agent));
    default:
      return refuse(404, `there is no ${line}`);
  }
}

function release(agent: Agent, query: URLSearchParams): Answer {
  const text = query.get("address") ?? "";
  const address = parseIp(text);
  if (address === undefined) return refuse(400, `"${text}" is not an IP address`);
  try {
    return ok({ done: releaseAddress(agent, address, query.get("force") === "true") } satisfies ReleaseMessage);
  } catch (error) {
    if (error instanceof ReleaseError) return refuse(409, error.message);
    throw error;
  }
}

function connections(agent: Agent, query: URLSearchParams): Answer {
  const text = query.get("seconds") ?? "300";
  if (!/^\d+$/.test(text)) return refuse(400, `"${text}" is no number of seconds`);
  return ok(viewConnections(agent, Number(text)));
}

async function services(agent: Agent, name: string | undefined): Promise<Answer> {
  if (name === undefined) return ok(viewServices(agent));
  const message = await viewNamedServices(agent, name);
  if (message.services === null || message.services.length > 0) return ok(message);
  return refuse(404, `This node serves no "${name}": there is no such service, or it has no address of its own`);
}

function ok(body: object): Answer {
  return { status: 200, body };
}

function refuse(status: number, problem: string): Answer {
  return { status, body: { problem } satisfies ProblemMessage };
}
